"""The card of a trained model, for programs (JSON) and for people (Markdown)."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from services.classification.training.examples import OUTSIDE, Examples
from services.classification.training.figures import IntentsCard
from services.classification.training.intents import SCOPE_FALSE_ALARMS_MAX
from services.classification.training.risks import RisksCard


@dataclass(frozen=True)
class ModelCard:
    """How well the model does on texts it was not trained on, by holding examples out in turn."""

    version: str
    embedders: tuple[str, str]
    examples: int
    languages: tuple[str, ...] = ()
    examples_per_intent: dict[str, int] = field(default_factory=dict)
    out_of_scope_examples: int = 0
    from_feedback: int = 0
    intent_head: str = ""
    heads_compared: dict[str, float] = field(default_factory=dict)
    intent_accuracy: float | None = None
    intent_ece: float | None = None
    intent_ece_of_chance: float | None = None
    coverage_at_5_risk: float | None = None
    article_accuracy: float | None = None
    article_ece: float | None = None
    out_of_scope_learned_from: str = "nothing"
    out_of_scope_auroc: float | None = None
    out_of_scope_recall: float | None = None
    out_of_scope_false_alarms: float | None = None
    risk_head: str = ""
    risk_heads_compared: dict[str, float] = field(default_factory=dict)
    risk_auroc: float | None = None
    risk_false_alarms: float | None = None
    risk_false_alarms_of_parts: float | None = None
    risk_recall_as_part: float | None = None
    flag_recall: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        examples: Examples,
        embedders: tuple[str, str],
        feedback: int,
        intents: IntentsCard | None,
        risks: RisksCard,
    ) -> "ModelCard":
        """The card of a model trained on `examples`, `feedback` of them from people's decisions."""
        counted = Counter(examples.labels)
        told = (
            {}
            if intents is None
            else {
                "intent_head": intents.recipe,
                "heads_compared": intents.compared,
                "intent_accuracy": intents.accuracy,
                "intent_ece": intents.ece,
                "intent_ece_of_chance": intents.ece_of_chance,
                "coverage_at_5_risk": intents.coverage_at_5_risk,
                "article_accuracy": intents.article_accuracy,
                "article_ece": intents.article_ece,
                "out_of_scope_learned_from": intents.scope_learned_from,
                "out_of_scope_auroc": intents.scope_auroc,
                "out_of_scope_recall": intents.scope_recall,
                "out_of_scope_false_alarms": intents.scope_false_alarms,
            }
        )
        return cls(
            version=examples.version,
            embedders=embedders,
            examples=len(examples.texts),
            languages=tuple(examples.languages),
            examples_per_intent={name: counted[k] for k, name in enumerate(examples.intents)},
            out_of_scope_examples=counted[OUTSIDE],
            from_feedback=feedback,
            risk_head=risks.recipe,
            risk_heads_compared=risks.compared,
            risk_auroc=risks.auroc,
            risk_false_alarms=risks.false_alarms,
            risk_false_alarms_of_parts=risks.part_false_alarms,
            risk_recall_as_part=risks.recall_as_part,
            flag_recall=risks.recall,
            **told,  # type: ignore[arg-type]
        )

    def as_json(self) -> dict[str, Any]:
        """The card as JSON knows it."""
        return asdict(self)

    def as_markdown(self) -> str:
        """The card as a page."""
        rows = [
            ("texts", self.examples),
            ("out of scope among them", self.out_of_scope_examples),
            ("from people's decisions", self.from_feedback),
            ("languages", ", ".join(self.languages)),
            ("embeddings", ", ".join(self.embedders)),
            ("head on intents", self.intent_head),
            ("accuracy of intents", self.intent_accuracy),
            ("expected calibration error", self.intent_ece),
            ("the same, were every probability true", self.intent_ece_of_chance),
            ("answered at 5% risk", self.coverage_at_5_risk),
            ("the likeliest article answers (where nothing does, that is wrong)", self.article_accuracy),
            ("its expected calibration error", self.article_ece),
            ("out of scope learned from", self.out_of_scope_learned_from),
            ("out of scope: AUROC", self.out_of_scope_auroc),
            ("out of scope: recall at 0.5", self.out_of_scope_recall),
            ("out of scope: false alarms at 0.5", self.out_of_scope_false_alarms),
            ("head on risks", self.risk_head),
            ("risks: AUROC", self.risk_auroc),
            ("risks: false alarms of whole texts", self.risk_false_alarms),
            ("risks: false alarms of parts", self.risk_false_alarms_of_parts),
            ("risks: recall as one part of a long mail", self.risk_recall_as_part),
        ]
        return "\n".join(
            [
                f"# Model card: {self.version}",
                "",
                "Trained by `handrail vertical train`. Every figure is on texts that were held out in turn.",
                "",
                *_table(("", ""), rows),
                *_section("Heads compared, by accuracy of intents", ("head", "accuracy"), self.heads_compared),
                *_section("Heads compared, by AUROC of risks", ("head", "AUROC"), self.risk_heads_compared),
                *_section("Risks caught", ("risk", "recall"), self.flag_recall),
                *_section("Examples", ("intent", "texts"), self.examples_per_intent),
                "",
                "## Limits",
                "",
                "Examples are fewer and tidier than tickets: expect less on real ones, and watch what reviewers say.",
                f"At 0.5, at most {SCOPE_FALSE_ALARMS_MAX:.0%} of texts like the examples are called out of scope.",
                "Nothing bounds how many texts unlike any example are not called so.",
                "Where out of scope was learned from intents left out in turn, no text out of scope was seen.",
                "The model keeps embeddings of its examples, not their texts. Treat it as confidential all the same.",
                "",
            ]
        )


def _section(title: str, head: tuple[str, str], values: dict[str, Any]) -> list[str]:
    return ["", f"## {title}", "", *_table(head, list(values.items()))] if values else []


def _table(head: tuple[str, str], rows: list[tuple[str, Any]]) -> list[str]:
    told = [(name, value) for name, value in rows if value not in {None, ""}]
    return [f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {name} | {value} |" for name, value in told)]
