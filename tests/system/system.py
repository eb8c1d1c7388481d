"""What the journeys do with the running system, and what they can see of it."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from sqlalchemy import create_engine, text

from infra.demo.tenants import DEMO_TENANT, SHIPPED_PACK
from infra.demo.tickets import SampleTicket, Sender, Sent, message_created, read_tickets, signed_webhook
from infra.stack.stack import Stack
from shared.database import sqlalchemy_url
from shared.tenants import load_tenants

T = TypeVar("T")
SECONDS_MAX = 120.0


class System:
    """The system under test."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.urls = stack.urls
        self.environment = stack.environment()
        self.home = Path(self.environment["HANDRAIL_HOME"])
        self.tenants = load_tenants(Path(self.environment["HANDRAIL_TENANTS_FILE"]))
        self.source = self.tenants[DEMO_TENANT].sources["generic"]
        self.engine = create_engine(sqlalchemy_url(self.environment["HANDRAIL_DATABASE_URL"]), pool_pre_ping=True)
        self.bootstrap = self.environment["HANDRAIL_KAFKA_BOOTSTRAP"]
        self.tickets = read_tickets(SHIPPED_PACK / "tickets.jsonl")

    def close(self) -> None:
        """Closes the connections of the tests."""
        self.engine.dispose()

    # ── doing ──

    def sender(self) -> Sender:
        """A helpdesk that sends tickets, each sender with ticket ids of its own."""
        return Sender(intake_url=self.urls["intake"], tenant=DEMO_TENANT, source=self.source)

    def send(self, tickets: list[SampleTicket], rate: float = 50.0) -> list[Sent]:
        """Sends tickets and returns what intake said."""
        return asyncio.run(self.sender().send(tickets, rate, lambda _: None))

    def write(self, ticket_id: str, body: str, subject: str = "", message_id: str = "") -> httpx.Response:
        """One customer message in the conversation `ticket_id`."""
        ticket = SampleTicket(id=ticket_id, subject=subject, body=body, email="someone@sender.example")
        message_id = message_id or f"msg-{ticket_id}-{time.monotonic_ns()}"
        content, headers = signed_webhook(self.source, message_created(ticket, ticket_id), message_id)
        return httpx.post(
            f"{self.urls['intake']}/v1/webhooks/generic/{DEMO_TENANT}", content=content, headers=headers, timeout=30
        )

    def ticket(self, must: str, kind: str = "plain") -> SampleTicket:
        """A ticket of the pack of which gold says that."""
        return next(one for one in self.tickets if one.gold["must"] == must and one.gold["kind"] == kind)

    def publish(self, topic: str, body: bytes, headers: list[tuple[str, bytes]], key: bytes = b"k") -> tuple[int, int]:
        """Puts a message on a topic; its partition and offset."""

        async def go() -> tuple[int, int]:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
            await producer.start()
            try:
                sent = await producer.send_and_wait(topic, value=body, key=key, headers=headers)
            finally:
                await producer.stop()
            return sent.partition, sent.offset

        return asyncio.run(go())

    def messages(self, topic: str, case_id: str = "") -> list[Any]:
        """All records of a topic, those that name `case_id` where one is given."""

        async def go() -> list[Any]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
            await consumer.start()
            try:
                partitions = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
                consumer.assign(partitions)
                await consumer.seek_to_beginning(*partitions)
                ends = await consumer.end_offsets(partitions)
                found: list[Any] = []
                while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        found += records
            finally:
                await consumer.stop()
            return [record for record in found if case_id.encode() in record.value]

        return asyncio.run(go())

    # ── seeing ──

    def rows(self, query: str, **values: object) -> list[Any]:
        """The rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def status(self, case_id: str) -> str:
        """What escalation made of a case; empty where it has not decided yet."""
        found = self.rows("SELECT status FROM escalation.case_state WHERE case_id = :id", id=case_id)
        return found[0].status if found else ""

    def undecided(self, case_ids: list[str]) -> int:
        """How many of these cases are not decided."""
        known = self.rows(
            "SELECT case_id FROM escalation.case_state WHERE case_id = ANY(CAST(:ids AS uuid[]))", ids=case_ids
        )
        return len(set(case_ids)) - len(known)

    def undelivered(self, case_ids: list[str]) -> int:
        """How many of these cases' released answers are still on their way."""
        found = self.rows(
            "SELECT count(*) AS n FROM escalation.case_state c LEFT JOIN delivery.sending s USING (case_id)"
            " WHERE c.case_id = ANY(CAST(:ids AS uuid[])) AND c.status = 'released'"
            " AND coalesce(s.status, 'pending') NOT IN ('delivered', 'failed')",
            ids=case_ids,
        )
        return int(found[0].n)

    def replies(self) -> Counter[str]:
        """How many replies the helpdesk holds, by case."""
        found = httpx.get(f"{self.urls['fake-helpdesk']}/replies", timeout=30).json()["replies"]
        return Counter(reply["case_id"] for reply in found)

    def reply_text(self, case_id: str) -> str:
        """What the helpdesk got as the answer of a case."""
        found = httpx.get(f"{self.urls['fake-helpdesk']}/replies", timeout=30).json()["replies"]
        return "".join(reply["body"] for reply in found if reply["case_id"] == case_id)

    def break_next_replies(self, *faults: int | str) -> None:
        """Tells the helpdesk how its next replies fail."""
        httpx.post(f"{self.urls['fake-helpdesk']}/faults", json={"next": list(faults)}, timeout=30)

    def log_in(self, role: str = "agent") -> "PortalSession":
        """A person at the portal."""
        users = dict(line.split(maxsplit=1) for line in (self.home / "portal-users.txt").read_text().splitlines())
        return PortalSession(self.urls["portal"], role, users[role])


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    for _ in range(50):
        # Metadata of a topic that was not asked for before comes with the next refresh.
        consumer._client.add_topic(topic)
        if found := consumer.partitions_for_topic(topic):
            return set(found)
        await asyncio.sleep(0.1)
    raise AssertionError(f"no topic {topic}")


class PortalSession:
    """A logged-in person, by plain HTTP."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, follow_redirects=True)
        self._client.get("/login")
        form = {"username": name, "password": password, "csrfmiddlewaretoken": self._client.cookies["csrftoken"]}
        page = self._client.post("/login", data=form, headers={"referer": f"{url}/login"})
        assert page.status_code == 200, page.text[:500]
        self._url = url

    def case_page(self, case_id: str) -> httpx.Response:
        """The page of a case."""
        return self._client.get(f"/cases/{case_id}")

    def version(self, case_id: str) -> str:
        """The version of the case that the person's page shows; empty where the page is not there yet."""
        found = re.search(r'name="version" value="(\d+)"', self.case_page(case_id).text)
        return found[1] if found else ""

    def decide(self, case_id: str, version: str, action: str, **fields: str) -> httpx.Response:
        """Sends the case's form for the version that the person has seen."""
        token = {"csrfmiddlewaretoken": self._client.cookies["csrftoken"]}
        return self._client.post(
            f"/cases/{case_id}/decision",
            data={**token, "version": version, "action": action, **fields},
            headers={"referer": f"{self._url}/cases/{case_id}"},
        )


def eventually(look: Callable[[], T], wanted: Callable[[T], bool] = bool, seconds: float = SECONDS_MAX) -> T:
    """What `look` sees once it is as wanted; the bound only ends a test that would fail anyway."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if wanted(seen):
            return seen
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds:.0f} s"
        time.sleep(0.25)
