"""One hop of Handrail itself, its work left out. `python -m infra.bench.handrail_empty RUN HOP`.

It is the code that every service runs, with all that belongs to it: decoding and checking the event, retries, spans
to files, metrics, health over HTTP, commits. Only `run` is empty: it returns the next event.
"""

import sys
from collections.abc import Sequence

from contracts.events import AnswerValidated, Event
from infra.bench.workload import event_type, topic
from shared.clock import now
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage


def stage(run: str, hop: int) -> Stage:
    """The stage of hop number `hop`."""
    consumes, produces = event_type(run, hop), event_type(run, hop + 1)

    async def pass_on(event: AnswerValidated) -> Sequence[Event]:
        return [produces.after(event, at=now())]

    return Stage(consumes=consumes, produces=(produces,), run=pass_on)


def main(run: str, hop: int) -> None:
    """Serves until SIGTERM."""
    Service(name=topic(run, hop), settings=Settings(), stages=[stage(run, hop)]).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
