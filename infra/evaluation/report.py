"""Writes an evaluation as a Markdown page with its plots beside it."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infra.evaluation.figures import reliability, risk_coverage
from infra.evaluation.result import Evaluation


def write_report(title: str, command: str, evaluation: Evaluation, folder: Path) -> Path:
    """The path of the page, `folder`/report.md; plots are SVG files beside it.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {title}", "", f"Made by `{command}`.", ""]
    lines += [f"{note}\n" for note in evaluation.notes]
    lines += ["| figure | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in evaluation.figures.items() if not isinstance(value, dict)]
    if len(evaluation.confidence):
        _plot_reliability(evaluation, folder / "reliability.svg")
        _plot_risk_coverage(evaluation, folder / "risk-coverage.svg")
        lines += ["", "## Reliability", "", "![How often it is right, by how sure it was](reliability.svg)"]
        lines += ["", "## Risk and coverage", "", "![Share of wrong cases, by share let through](risk-coverage.svg)"]
    if evaluation.table:
        columns = list(next(iter(evaluation.table.values())))
        lines += ["", "## By class", "", f"| class | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        lines += [
            f"| {_cell(name)} | {' | '.join(f'{row[column]:.4g}' for column in columns)} |"
            for name, row in evaluation.table.items()
        ]
    page = folder / "report.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _cell(text: str) -> str:
    """Names of classes come from data: nothing in them may end a cell or begin markup."""
    return "".join(character if character.isalnum() or character in " _-.:" else "?" for character in text)[:80]


def _plot_reliability(evaluation: Evaluation, path: Path) -> None:
    bins = reliability(evaluation.confidence, evaluation.right)
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    axes.scatter([sure for sure, _, _ in bins], [hit for _, hit, _ in bins], [400 * share for *_, share in bins])
    axes.set(xlabel="how sure it was", ylabel="how often it was right", xlim=(0, 1.02), ylim=(0, 1.02))
    figure.savefig(path)


def _plot_risk_coverage(evaluation: Evaluation, path: Path) -> None:
    coverage, risk = risk_coverage(evaluation.confidence, evaluation.right)
    figure, axes = _square()
    axes.step(coverage, risk, where="post")
    axes.set(xlabel="share of cases let through", ylabel="share of those that is wrong", xlim=(0, 1.02), ylim=(0, None))
    figure.savefig(path)


def _square() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    return figure, axes
