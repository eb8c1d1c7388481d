"""The helpdesks' HTTP interfaces: what goes out, and what is made of everything that may come back."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contracts.events import AnswerReleased
from contracts.examples import example
from infra.demo.fake_helpdesk import Helpdesk as DemoHelpdesk
from infra.demo.fake_helpdesk import build_app
from services.delivery.adapters.helpdesks import ConfiguredHelpdesks, GenericHelpdesk, ZendeskHelpdesk
from services.delivery.ports import Helpdesk, HelpdeskUnreachable
from shared.tenants import Source, Tenant
from tests.fakes.sendings import FakeHelpdesk
from tests.suites.helpdesk import HelpdeskSuite, sending_to

GENERIC = Source(kind="generic", secret=SecretStr("s"), reply_url="https://desk.example/api/", token=SecretStr("t0ken"))
ZENDESK = GENERIC.model_copy(update={"kind": "zendesk"})
ADAPTERS: list[Any] = [(GenericHelpdesk, GENERIC), (ZendeskHelpdesk, ZENDESK)]
Answers = Callable[[httpx.Request], httpx.Response]


class InProcess(httpx.BaseTransport):
    """Brings a blocking client's requests to an ASGI app in this process."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def handle() -> httpx.Response:
            async_request = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            response = await self._inner.handle_async_request(async_request)
            content = await response.aread()
            return httpx.Response(response.status_code, headers=response.headers, content=content)

        return asyncio.run(handle())


@pytest.fixture
def desk() -> DemoHelpdesk:
    return DemoHelpdesk()


@pytest.fixture
def client(desk: DemoHelpdesk) -> Iterator[httpx.Client]:
    with httpx.Client(transport=InProcess(build_app(desk))) as client:
        yield client


class TestFakeHelpdesk(HelpdeskSuite):
    @pytest.fixture
    def helpdesk(self) -> FakeHelpdesk:
        return FakeHelpdesk()


class TestGenericHelpdesk(HelpdeskSuite):
    @pytest.fixture
    def helpdesk(self, client: httpx.Client) -> GenericHelpdesk:
        return GenericHelpdesk(GENERIC.model_copy(update={"reply_url": "http://desk"}), client)

    def test_a_ticket_id_with_a_slash_is_one_ticket(self, helpdesk: GenericHelpdesk, desk: DemoHelpdesk) -> None:
        sending = sending_to("../a b?c=d#e/é")
        receipt = helpdesk.reply(sending, "text").receipt

        assert [*desk.replies] == ["../a b?c=d#e/é"]
        assert helpdesk.find_reply(sending) == receipt


class TestZendeskHelpdesk(HelpdeskSuite):
    @pytest.fixture
    def helpdesk(self, client: httpx.Client) -> ZendeskHelpdesk:
        return ZendeskHelpdesk(ZENDESK.model_copy(update={"reply_url": "http://desk"}), client)


def answering(adapter: Any, source: Source, answers: Answers) -> Helpdesk:
    helpdesk: Helpdesk = adapter(source, httpx.Client(transport=httpx.MockTransport(answers)))
    return helpdesk


@pytest.mark.parametrize(("adapter", "source"), ADAPTERS)
class TestWhatComesBack:
    @pytest.mark.parametrize(
        ("status", "result"), [(404, "refused"), (401, "refused"), (302, "refused"), (500, "unclear")]
    )
    def test_an_error_status_is_judged(self, adapter: Any, source: Source, status: int, result: str) -> None:
        attempted = answering(adapter, source, lambda _: httpx.Response(status)).reply(sending_to(), "text")

        assert (attempted.result, attempted.error) == (result, f"the helpdesk answered {status}")

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("7", 7.0),
            ("", 0.0),
            ("-1", 0.0),
            ("²", 0.0),
            ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
            ("9" * 400, float("inf")),
        ],
    )
    def test_the_wish_to_wait_is_heard_where_it_is_a_number(
        self, adapter: Any, source: Source, header: str, seconds: float
    ) -> None:
        def busy(_: httpx.Request) -> httpx.Response:
            return httpx.Response(429, headers=[(b"retry-after", header.encode("latin-1"))])

        assert answering(adapter, source, busy).reply(sending_to(), "text").retry_after_seconds == seconds

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
    def test_a_broken_connection_leaves_it_unclear(self, adapter: Any, source: Source, error: Any) -> None:
        def breaks(_: httpx.Request) -> httpx.Response:
            raise error("broken")

        helpdesk = answering(adapter, source, breaks)
        attempted = helpdesk.reply(sending_to(), "text")
        assert (attempted.result, error.__name__ in attempted.error) == ("unclear", True)
        with pytest.raises(HelpdeskUnreachable):
            helpdesk.find_reply(sending_to())

    @pytest.mark.parametrize(
        "content", [b"", b"thanks!", b"[]", b'"text"', b"\xff", b'{"audit": 3}', b'{"id": {"a": 1}}']
    )
    def test_an_accepted_reply_with_a_strange_body_is_accepted(
        self, adapter: Any, source: Source, content: bytes
    ) -> None:
        attempted = answering(adapter, source, lambda _: httpx.Response(201, content=content)).reply(
            sending_to(), "text"
        )

        assert attempted.result == "accepted"

    @pytest.mark.parametrize(
        "content",
        [b"[]", b"{}", b'{"replies": null, "audits": null}', b'{"replies": 3, "audits": "x"}',
         b'{"replies": [1, null, {}], "audits": [1, null, {}, {"metadata": 3}, {"metadata": {"custom": []}}]}'],
    )  # fmt: skip
    def test_a_strange_list_of_replies_holds_none_of_ours(self, adapter: Any, source: Source, content: bytes) -> None:
        helpdesk = answering(adapter, source, lambda _: httpx.Response(200, content=content))
        assert helpdesk.find_reply(sending_to()) is None

    @pytest.mark.parametrize("response", [httpx.Response(500), httpx.Response(404), httpx.Response(200, content=b"<")])
    def test_a_list_that_is_not_to_be_had_is_no_proof_that_nothing_was_sent(
        self, adapter: Any, source: Source, response: httpx.Response
    ) -> None:
        with pytest.raises(HelpdeskUnreachable):
            answering(adapter, source, lambda _: response).find_reply(sending_to())

    @pytest.mark.parametrize("reply_url", ["not a url", "ftp://desk.example", "http://[::1", ""])
    def test_an_address_that_is_none_is_no_crash(self, adapter: Any, source: Source, reply_url: str) -> None:
        broken = source.model_copy(update={"reply_url": reply_url})
        helpdesk: Helpdesk = adapter(broken, httpx.Client())
        assert helpdesk.reply(sending_to(), "text").result == "unclear"
        with pytest.raises(HelpdeskUnreachable):
            helpdesk.find_reply(sending_to())


class TestWhatGoesOut:
    @pytest.mark.parametrize(
        ("external_id", "step"),
        [
            ("42", b"42"),
            ("../admin?x=1#y", b"..%2Fadmin%3Fx%3D1%23y"),
            (".", b"%2E"),
            ("..", b"%2E%2E"),
            ("a b%2f", b"a%20b%252f"),
            ("é\n", b"%C3%A9%0A"),
        ],
    )
    def test_an_id_stays_one_step_of_the_path(self, external_id: str, step: bytes) -> None:
        seen: list[bytes] = []

        def answers(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.raw_path)
            return httpx.Response(201, json={})

        answering(GenericHelpdesk, GENERIC, answers).reply(sending_to(external_id), "text")
        answering(ZendeskHelpdesk, ZENDESK, answers).reply(sending_to(external_id), "text")

        assert seen == [b"/api/tickets/" + step + b"/replies", b"/api/api/v2/tickets/" + step]

    def test_the_generic_reply_is_authorised_and_carries_the_case_as_idempotency_key(self) -> None:
        seen: list[httpx.Request] = []

        def answers(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(201, json={"id": 9})

        sending = sending_to()
        attempted = answering(GenericHelpdesk, GENERIC, answers).reply(sending, "text")

        [request] = seen
        assert (request.method, attempted.receipt) == ("POST", "9")
        assert request.headers["authorization"] == "Bearer t0ken"
        assert request.headers["idempotency-key"] == str(sending.released.case_id)

    def test_the_zendesk_reply_is_a_public_comment_with_the_case_in_its_metadata(self) -> None:
        seen: list[httpx.Request] = []

        def answers(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200, json={"ticket": {}, "audit": {"id": 77}})

        sending = sending_to()
        attempted = answering(ZendeskHelpdesk, ZENDESK, answers).reply(sending, "text")

        assert (seen[0].method, attempted.receipt) == ("PUT", "77")
        assert httpx.Response(200, content=seen[0].content).json() == {
            "ticket": {
                "comment": {"body": "text", "public": True},
                "metadata": {"handrail_case_id": str(sending.released.case_id)},
            }
        }


def test_each_source_of_each_tenant_has_its_own_kind_of_helpdesk() -> None:
    acme = Tenant(id="acme", pack="p", sources={"desk": GENERIC, "zendesk": ZENDESK})
    helpdesks = ConfiguredHelpdesks({"acme": acme}, timeout_seconds=1.0)

    def of(tenant: str, source: str) -> Helpdesk | None:
        released = example(AnswerReleased, "too-many-connections")
        return helpdesks.of(released.model_copy(update={"tenant": tenant, "source": source}))

    assert isinstance(of("acme", "desk"), GenericHelpdesk)
    assert isinstance(of("acme", "zendesk"), ZendeskHelpdesk)
    assert of("acme", "shop") is None
    assert of("globex", "desk") is None
