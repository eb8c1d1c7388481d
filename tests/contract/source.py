"""Reads the repository's own source, for the tests that hold it to its rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("services", "shared", "admin_portal", "infra", "contracts", "tests")
NOT_OURS = {"__pycache__", "node_modules", "var", "staticfiles"}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project: what lies at the root, and everything in the folders of the fixed layout."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and not NOT_OURS & set(path.parts)]
    return tuple(sorted(found))


def python_files(*, migrations: bool = False) -> list[Path]:
    """The Python files; generated migrations only if wanted."""
    return [path for path in files() if path.suffix == ".py" and (migrations or "migrations" not in path.parts)]


@cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    """Every call in a Python file."""
    return (node for node in ast.walk(syntax(path)) if isinstance(node, ast.Call))


def shown(path: Path) -> str:
    """The path as one would type it at the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def told(problems: list[str], what_to_do: str) -> str:
    """The message of a failing rule: each breach, then the way out."""
    return "\n" + "\n".join(f"  - {problem}" for problem in problems) + f"\n{what_to_do}"
