"""Tickets from files, and their sending as a helpdesk would do it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from infra.demo import tickets
from infra.demo.tickets import SampleTicket, Sender, Sent, TicketsUnreadable, message_created, read_qrels, read_tickets
from services.intake.adapters import verify
from services.intake.rules import CustomerWrote, read_generic
from shared.clock import now
from shared.tenants import Source
from tests.unit.intake.webhooks import DESK_SECRET, OLD_SECRET

DESK = Source(kind="generic", secret=SecretStr(f"{DESK_SECRET},{OLD_SECRET}"), reply_url="http://127.0.0.1:1")
TICKET = SampleTicket(id="7", subject="No certificate", body="Why? 🙂", email="ann@example.com")


def written(folder: Path, *lines: object) -> Path:
    path = folder / "tickets.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines))
    return path


class TestReading:
    def test_a_ticket_of_the_pack(self, tmp_path: Path) -> None:
        row = {"id": 7, "subject": "s", "body": "b", "requester": {"email": "a@b.example"}, "gold": {"must": "answer"}}
        assert read_tickets(written(tmp_path, row)) == [
            SampleTicket(id="7", subject="s", body="b", email="a@b.example", gold={"must": "answer"})
        ]

    def test_a_question_of_a_public_collection(self, tmp_path: Path) -> None:
        assert read_tickets(written(tmp_path, {"_id": "Q1", "text": "Why?", "title": ""})) == [
            SampleTicket(id="Q1", subject="", body="Why?", email="Q1@sender.example")
        ]

    def test_empty_lines_are_skipped_and_the_number_is_bounded(self, tmp_path: Path) -> None:
        row = {"id": 1, "body": "b"}
        path = written(tmp_path, row, b"", b"  ", row, row)

        assert len(read_tickets(path)) == 3
        assert len(read_tickets(path, limit=4)) == 2

    @pytest.mark.parametrize("line", [b"{", b"[]", b"3", b"null", {"id": 1}, {"body": "b"}, {"text": "t"}])
    def test_a_line_that_is_no_ticket_is_named(self, tmp_path: Path, line: object) -> None:
        with pytest.raises(TicketsUnreadable, match="line 2"):
            read_tickets(written(tmp_path, {"id": 1, "body": "b"}, line))

    def test_a_missing_file_is_said_in_words(self, tmp_path: Path) -> None:
        with pytest.raises(TicketsUnreadable, match="No such file"):
            read_tickets(tmp_path / "none.jsonl")

    def test_qrels_hold_the_relevant_documents_of_each_query(self, tmp_path: Path) -> None:
        path = tmp_path / "qrels.tsv"
        path.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t2\nq2\td3\t0\nbroken line\n")

        assert read_qrels(path) == {"q1": {"d1", "d2"}}


class TestSending:
    @pytest.fixture(autouse=True)
    def _no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tickets, "_pauses", lambda: iter([0.0] * 3))

    async def deliver(self, answer: Callable[[httpx.Request], httpx.Response]) -> Sent:
        sender = Sender(intake_url="http://intake", tenant="acme", source=DESK, run="r1")
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await sender._deliver(client, TICKET)

    async def test_it_is_signed_as_intake_demands_and_read_as_it_was_meant(self) -> None:
        seen: list[Any] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append((request.url.path, verify(DESK, request.headers, request.content, now(), 300.0)))
            seen.append(read_generic(orjson.loads(request.content)))
            return httpx.Response(202, json={"case_id": "c1", "trace_id": "t1"})

        sent = await self.deliver(answer)

        assert seen[0] == ("/v1/webhooks/generic/acme", "msg_r1-7")
        assert seen[1] == CustomerWrote(
            external_id="r1-7", subject="No certificate", body="Why? 🙂", channel="email", requester="ann@example.com"
        )
        assert sent == Sent(ticket=TICKET, case_id="c1", trace_id="t1", status_code=202)

    async def test_it_comes_back_as_the_same_delivery_where_it_is_told_to(self) -> None:
        ids: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            ids.append(request.headers["webhook-id"])
            if len(ids) == 1:
                raise httpx.ConnectError("refused")
            return httpx.Response(503 if len(ids) == 2 else 202, json={"case_id": "c1", "trace_id": "t1"})

        assert (await self.deliver(answer)).status_code == 202
        assert ids == ["msg_r1-7"] * 3

    async def test_a_refusal_is_not_repeated(self) -> None:
        calls: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            calls.append(request)
            return httpx.Response(422)

        assert (await self.deliver(answer)).status_code == 422
        assert len(calls) == 1

    async def test_it_gives_up_in_the_end(self) -> None:
        assert (await self.deliver(lambda _: httpx.Response(503))) == Sent(
            ticket=TICKET, case_id="", trace_id="", status_code=503
        )


def test_what_is_said_of_a_ticket_has_the_form_of_the_contract() -> None:
    payload = message_created(TICKET, "r1-7")

    assert payload["type"] == "message.created"
    assert isinstance(read_generic(payload), CustomerWrote)
