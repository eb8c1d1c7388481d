"""A PostgreSQL to evaluate in: the one that is given, or one of its own that is gone afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.postgres.migrate import migrate
from infra.stack.stack import Stack


@contextmanager
def database(*, always_own: bool = False) -> Iterator[str]:
    """The URL of a migrated database: that of `HANDRAIL_DATABASE_URL`, else of a PostgreSQL that ends with the context.

    Args:
        always_own: whatever is given, use one that nobody else uses.

    Raises:
        StackProblem: PostgreSQL does not start.
    """
    environ = dict(os.environ)
    given = environ.pop("HANDRAIL_DATABASE_URL", "")
    if given and not always_own:
        migrate(given)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="handrail-evaluation-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), servers_only=True, servers=("postgres",), environ=environ)
        stack.up(attached=True)
        try:
            url = stack.environment()["HANDRAIL_DATABASE_URL"]
            migrate(url)
            yield url
        finally:
            stack.down()
