"""What drafting needs from the world."""

from typing import Protocol

from contracts.events import ContextRetrieved, Draft
from contracts.pack import Pack


class Drafter(Protocol):
    """Writes an answer out of the evidence that an event carries, and out of nothing else.

    Every statement carries a citation of the evidence. Where the evidence does not answer, the text is empty:
    abstaining is a result. Implementations hold no state of the case, and give the same draft for the same event.
    """

    async def draft(self, event: ContextRetrieved, pack: Pack) -> Draft:
        """The draft for the event's ticket in the tone of `pack`.

        Fails only where no draft at all can be made; a model that is slow, down or talking nonsense is made good
        by a plainer drafter, named in `Draft.fell_back_from`.
        """
        ...
