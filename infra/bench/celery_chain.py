"""The peer with a task queue: six empty Celery tasks in a chain, on Redis, JSON, acknowledged late.

Six workers of one process each (`--pool solo`), one queue per task: the shape of Handrail's six services. The prefork
pool would add a parent process and a pipe to each task, which costs empty tasks CPU and buys nothing with two cores.
Events, gossip, mingling and heartbeats between workers are off, and results are not kept.
"""

import os
from typing import Any

import redis
from celery import Celery, chain

from infra.bench.workload import HOPS, topic

app = Celery("bench", broker=os.environ.get("HANDRAIL_REDIS_URL"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=32,  # As many as Handrail takes on at once.
)
WORKER = ["--pool", "solo", "--loglevel", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
_server = redis.Redis.from_url(os.environ.get("HANDRAIL_REDIS_URL", "redis://"))


@app.task(name="bench.hop")
def hop(event: dict[str, Any]) -> dict[str, Any]:
    """Does nothing: the chain hands the event to the next task."""
    return event


@app.task(name="bench.last")
def last(event: dict[str, Any], done: str) -> None:
    """Adds the ticket to the set `done`."""
    _server.sadd(done, event["conversation_id"])


def hold(run: str) -> str:
    """The list where tickets wait until the clock runs, so that sending them costs no time."""
    return topic(run, 0) + "-hold"


def ticket_chain(run: str, event: dict[str, Any], done: str) -> Any:
    """The six tasks of one ticket."""
    middle = [hop.s().set(queue=topic(run, number)) for number in range(1, HOPS - 1)]
    return chain(hop.s(event).set(queue=hold(run)), *middle, last.s(done).set(queue=topic(run, HOPS - 1)))
