"""A PostgreSQL to evaluate in: the one that is given, or one of its own that is gone afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.postgres.migrate import migrate
from infra.stack.stack import Stack


@contextmanager
def database() -> Iterator[str]:
    """The URL of a migrated database: that of `HANDRAIL_DATABASE_URL`, else of a PostgreSQL that ends with the context.

    Raises:
        StackProblem: PostgreSQL does not start.
    """
    if given := os.environ.get("HANDRAIL_DATABASE_URL"):
        migrate(given)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="handrail-evaluation-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), servers_only=True, servers=("postgres",))
        stack.up(attached=True)
        try:
            url = stack.environment()["HANDRAIL_DATABASE_URL"]
            migrate(url)
            yield url
        finally:
            stack.down()
