"""SQLAlchemy engines on psycopg 3, and which database errors mean that PostgreSQL is away."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.failures import DependencyDown, Retryable
from shared.settings import Settings

# A statement that takes longer is broken off, so that a lock cannot hold a consumer up for ever.
_STATEMENT_TIMEOUT_SECONDS = 30


def sqlalchemy_url(url: str) -> str:
    """`postgresql://…` as SQLAlchemy wants it for psycopg 3."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def _options(name: str) -> dict[str, str | int]:
    return {
        "application_name": f"handrail-{name}",
        "connect_timeout": 5,
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_SECONDS}s",
    }


def async_engine(settings: Settings, name: str, *, pool_size: int = 8) -> AsyncEngine:
    """A pooled engine for asyncio; `name` shows in `pg_stat_activity`."""
    url = sqlalchemy_url(settings.database_url.get_secret_value())
    return create_async_engine(
        url,
        connect_args=_options(name),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=20,
        pool_pre_ping=True,
    )


def sync_engine(settings: Settings, name: str, *, pool_size: int = 4) -> Engine:
    """A pooled engine for threads; `name` shows in `pg_stat_activity`."""
    url = sqlalchemy_url(settings.database_url.get_secret_value())
    return create_engine(url, connect_args=_options(name), pool_size=pool_size, max_overflow=0, pool_pre_ping=True)


def _translated(error: Exception) -> Exception | None:
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if state.startswith(("40", "55")):  # Serialisation failure, deadlock, lock not available.
        return Retryable(f"PostgreSQL refused for now ({state})")
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | OSError) and state[:2] in (
        "",
        "08",
        "57",
    ):
        return DependencyDown("PostgreSQL is not reachable")
    return None


@asynccontextmanager
async def database_errors() -> AsyncIterator[None]:
    """Inside, an unreachable PostgreSQL raises DependencyDown and a deadlock Retryable."""
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError) as error:
        raise (_translated(error) or error) from error


@contextmanager
def database_errors_sync() -> Iterator[None]:
    """The same for threads."""
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError) as error:
        raise (_translated(error) or error) from error
