"""Reads labelled data: one JSON object a line, with a clear sentence for whatever is wrong with it."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROWS_MAX = 2_000_000


class DataUnreadable(Exception):
    """A file of labelled data is missing or malformed; the text names file, line and reason."""


def rows(path: Path, required: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a `.jsonl` or `.jsonl.gz` file, each with the `required` fields.

    Where `path` is missing, the same name with `.gz` is read.

    Raises:
        DataUnreadable: no such file, a line that is no JSON object, a missing field, no row, or more than ROWS_MAX.
    """
    found = list(_rows(path, required))
    if not found:
        raise DataUnreadable(f"{path} holds no row")
    return found


def _rows(path: Path, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    zipped = path.with_name(f"{path.name}.gz")
    real = path if path.exists() or not zipped.exists() else zipped
    try:
        with gzip.open(real, "rt", encoding="utf-8") if real.suffix == ".gz" else real.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if number > ROWS_MAX:
                    raise DataUnreadable(f"{real} has more than {ROWS_MAX} lines")
                if line.strip():
                    yield _row(line, required, f"{real}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataUnreadable(f"{real} cannot be read: {reason}") from error


def _row(line: str, required: Sequence[str], place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataUnreadable(f"{place}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise DataUnreadable(f"{place}: not a JSON object")
    if missing := [name for name in required if name not in row]:
        raise DataUnreadable(f"{place}: without the field {', '.join(missing)}")
    return row
