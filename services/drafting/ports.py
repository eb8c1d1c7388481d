"""What drafting needs from the world."""

from dataclasses import dataclass
from typing import Protocol

from contracts.events import Draft, Offer
from contracts.pack import Pack
from services.drafting.rules.ladder import Request


class Drafter(Protocol):
    """Writes an answer out of the evidence that an event carries, and out of nothing else.

    Every statement carries a citation of the evidence. Where the evidence does not answer, the text is empty:
    abstaining is a result. Implementations hold no state of the case, and give the same draft for the same event.
    """

    async def draft(self, event: Request, pack: Pack) -> Draft:
        """The draft for the event's ticket in the tone of `pack`.

        Fails only where no draft at all can be made; a model that is slow, down or talking nonsense is made good
        by a plainer drafter, named in `Draft.fell_back_from`.
        """
        ...


class Estimate(Protocol):
    """Foresees what a tier's draft would cost and how probably it may be sent."""

    async def __call__(self, event: Request) -> Offer | None:
        """The offer, or None where the tier may not or cannot be asked now (privacy, budget, open breaker)."""
        ...


async def no_offer(event: Request) -> Offer | None:
    """The estimate of a tier that is never asked a second time."""
    return None


@dataclass(frozen=True)
class Tier:
    """One step of the cascade."""

    name: str
    drafter: Drafter
    offer: Estimate = no_offer
