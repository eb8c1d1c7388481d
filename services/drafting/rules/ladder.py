"""Which tier of drafters writes next."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from contracts.events import ContextRetrieved, RedraftRequested

Request = ContextRetrieved | RedraftRequested


class Named(Protocol):
    """Something with the name of a tier."""

    @property
    def name(self) -> str:
        """The tier."""
        ...


T = TypeVar("T", bound=Named)


def tier_for(event: Request, tiers: Sequence[T]) -> T:
    """The tier that validation wants; the first for a new ticket, or where the wanted one is gone by now."""
    wanted = event.tier if isinstance(event, RedraftRequested) else tiers[0].name
    return next((one for one in tiers if one.name == wanted), tiers[0])


def above(asked: T, tiers: Sequence[T]) -> list[T]:
    """The tiers dearer than `asked`: no draft is asked for twice, and none from a cheaper tier."""
    return list(tiers[[one.name for one in tiers].index(asked.name) + 1 :])
