"""Follows a folder by looking at it again and again: that needs no support of the operating system or file server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.files import Stamps, stamps
from shared.failures import DependencyDown, Retryable

POLL_SECONDS = 2.0


async def watch(
    path: Path,
    once: Callable[[Stamps], Awaitable[None]],
    *,
    poll_seconds: float = POLL_SECONDS,
    on_error: Callable[[Exception], None] = lambda _: None,
    rounds: int | None = None,
) -> None:
    """This function will call `once` at the start and after each change, for ever or for so many `rounds` of looking.

    Args:
        path: a folder or file.
        once: brings the knowledge up to date; files that have still the stamp it is given need not be read again.
        poll_seconds: the pause between two looks.
        on_error: hears why the knowledge could not be brought up to date; the watch goes on.
        rounds: how often to look.
    """
    known: Stamps = {}
    tried: Stamps | None = None
    while rounds is None or rounds > 0:
        found = _stamps(path)
        if found != tried:
            try:
                await once(known)
                known = tried = found
            except (KnowledgeUnreadable, OSError) as error:
                on_error(error)
                tried = found  # It will be tried again once it has changed.
            except (DependencyDown, Retryable) as error:
                on_error(error)
        rounds = None if rounds is None else rounds - 1
        if rounds != 0:
            await asyncio.sleep(poll_seconds)


def _stamps(path: Path) -> Stamps:
    """Nothing where the path is gone for the moment, as while it is replaced."""
    try:
        return stamps(path)
    except (OSError, KnowledgeUnreadable):
        return {}
