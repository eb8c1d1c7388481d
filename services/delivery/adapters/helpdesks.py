"""Helpdesks over HTTP: the generic interface and Zendesk's."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from contracts.events import AnswerReleased
from services.delivery.ports import Helpdesk, HelpdeskUnreachable, Sending
from services.delivery.rules import Attempted, judge
from shared.tenants import Source, Tenant

RESPONSE_CHARACTERS_MAX = 200


class GenericHelpdesk:
    """`POST {reply_url}/tickets/{id}/replies` with an idempotency key; `GET` of the same lists what is there."""

    def __init__(self, source: Source, client: httpx.Client) -> None:
        self._client = client
        self._base = source.reply_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {source.token.get_secret_value()}"}

    def _url(self, sending: Sending) -> str:
        return f"{self._base}/tickets/{_step(sending.released.external_id)}/replies"

    def find_reply(self, sending: Sending) -> str | None:
        """Looks for the reply that carries the case's id."""
        content = _get(self._client, self._url(sending), self._headers)
        case_id = str(sending.released.case_id)
        mine = (reply for reply in _objects(content, "replies") if reply.get("case_id") == case_id)
        return next((str(reply.get("id", "")) for reply in mine), None)

    def reply(self, sending: Sending, text: str) -> Attempted:
        """Posts the reply."""
        case_id = str(sending.released.case_id)
        return _attempt(
            self._client,
            "POST",
            self._url(sending),
            {"body": text, "case_id": case_id},
            {**self._headers, "Idempotency-Key": case_id},
            receipt_at=("id",),
        )


class ZendeskHelpdesk:
    """A public comment by `PUT /api/v2/tickets/{id}`; the case's id travels in the audit's metadata.

    Source: Zendesk Ticketing API, "Update Ticket" (`metadata` of a ticket update) and "List Audits for a Ticket"
    (`metadata.custom`). Zendesk takes no idempotency key on updates, so that the audit is what a retry looks at.
    """

    def __init__(self, source: Source, client: httpx.Client) -> None:
        self._client = client
        self._base = source.reply_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {source.token.get_secret_value()}"}

    def _url(self, sending: Sending, rest: str = "") -> str:
        return f"{self._base}/api/v2/tickets/{_step(sending.released.external_id)}{rest}"

    def find_reply(self, sending: Sending) -> str | None:
        """Looks for the audit that carries the case's id, newest first."""
        content = _get(self._client, self._url(sending, "/audits?sort_order=desc"), self._headers)
        case_id = str(sending.released.case_id)
        for audit in _objects(content, "audits"):
            if _object(_object(audit, "metadata"), "custom").get("handrail_case_id") == case_id:
                return str(audit.get("id", ""))
        return None

    def reply(self, sending: Sending, text: str) -> Attempted:
        """Adds the public comment."""
        metadata = {"handrail_case_id": str(sending.released.case_id)}
        body = {"ticket": {"comment": {"body": text, "public": True}, "metadata": metadata}}
        return _attempt(self._client, "PUT", self._url(sending), body, self._headers, receipt_at=("audit", "id"))


def _step(external_id: str) -> str:
    """The id as one step of a path: the client would resolve "." and ".."."""
    quoted = quote(external_id, safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def _object(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _objects(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _get(client: httpx.Client, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        response = client.get(url, headers=dict(headers))
        response.raise_for_status()
        content = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise HelpdeskUnreachable(f"the helpdesk could not be asked ({type(error).__name__})") from error
    return content if isinstance(content, dict) else {}


def _attempt(
    client: httpx.Client,
    method: str,
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    receipt_at: tuple[str, ...],
) -> Attempted:
    try:
        response = client.request(method, url, json=dict(body), headers=dict(headers))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Attempted(result="unclear", error=f"no answer from the helpdesk ({type(error).__name__})")
    result = judge(response.status_code)
    if result == "accepted":
        return Attempted(result=result, receipt=_receipt(response, receipt_at))
    retry_after = response.headers.get("retry-after", "")
    return Attempted(
        result=result,
        error=f"the helpdesk answered {response.status_code}",
        retry_after_seconds=float(retry_after) if retry_after.isdecimal() else 0.0,
    )


def _receipt(response: httpx.Response, path: tuple[str, ...]) -> str:
    try:
        content = response.json()
        for name in path:
            content = content[name]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(content)[:RESPONSE_CHARACTERS_MAX]


KINDS: dict[str, type[GenericHelpdesk] | type[ZendeskHelpdesk]] = {
    "generic": GenericHelpdesk,
    "zendesk": ZendeskHelpdesk,
}


class ConfiguredHelpdesks:
    """The helpdesks in the tenants file, over one bounded pool of connections."""

    def __init__(self, tenants: Mapping[str, Tenant], timeout_seconds: float) -> None:
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=10)
        self._client = httpx.Client(timeout=timeout_seconds, limits=limits, follow_redirects=False)
        self._tenants = tenants

    def of(self, released: AnswerReleased) -> Helpdesk | None:
        """See the port."""
        tenant = self._tenants.get(released.tenant)
        source = tenant.sources.get(released.source) if tenant else None
        return KINDS[source.kind](source, self._client) if source else None
