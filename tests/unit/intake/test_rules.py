"""What helpdesks send, in our words."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pack import Intent, IntentExample
from services.intake.rules import (
    SUBJECT_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    AgentWrote,
    CustomerWrote,
    Ignored,
    OutcomeSeen,
    PayloadInvalid,
    clean,
    own_words,
    read_generic,
    read_zendesk,
)
from tests.unit.cases import pack
from tests.unit.intake.webhooks import WROTE, ZENDESK_WROTE, wrote


def zendesk_event(kind: str, event: Any, **detail: Any) -> dict[str, Any]:
    return {
        **ZENDESK_WROTE,
        "type": f"zen:event-type:ticket.{kind}",
        "event": event,
        "detail": {**ZENDESK_WROTE["detail"], **detail},
    }


def comment(body: str, *, is_public: bool = True, is_staff: bool = False) -> dict[str, Any]:
    return zendesk_event(
        "comment_added",
        {"comment": {"id": "1", "body": body, "is_public": is_public, "author": {"id": "7", "is_staff": is_staff}}},
    )


class TestGeneric:
    def test_a_customers_message(self) -> None:
        assert read_generic(WROTE) == CustomerWrote(
            external_id="42",
            subject="No certificate",
            body="Mine is ann@example.com. Why is there no certificate?",
            channel="email",
            requester="ann@example.com",
        )

    def test_an_agents_answer(self) -> None:
        sent = {"type": "message.sent", "data": {"ticket_id": 42, "body": "Try now."}}
        assert read_generic(sent) == AgentWrote(external_id="42", body="Try now.")

    @pytest.mark.parametrize(("kind", "outcome"), [("ticket.solved", "solved"), ("ticket.reopened", "reopened")])
    def test_an_outcome(self, kind: str, outcome: Any) -> None:
        assert read_generic({"type": kind, "data": {"ticket_id": "42"}}) == OutcomeSeen(
            external_id="42", outcome=outcome
        )

    def test_a_rating(self) -> None:
        rated = {"type": "ticket.rated", "data": {"ticket_id": "42", "rating": 4}}
        assert read_generic(rated) == OutcomeSeen(external_id="42", outcome="rated", rating=4)

    @pytest.mark.parametrize("rating", [0, 6, -1, 4.5, "4", True, None, 10**30])
    def test_a_rating_that_is_none_is_invalid(self, rating: object) -> None:
        with pytest.raises(PayloadInvalid, match=r"data\.rating"):
            read_generic({"type": "ticket.rated", "data": {"ticket_id": "42", "rating": rating}})

    @pytest.mark.parametrize("kind", ["ping", "", None, 3, ["message.created"], {"a": 1}])
    def test_other_types_are_ignored_whatever_they_carry(self, kind: object) -> None:
        assert isinstance(read_generic({"type": kind}), Ignored)

    @pytest.mark.parametrize(
        ("payload", "named"),
        [
            ([], "the body"),
            (None, "the body"),
            ({"type": "message.created"}, "data"),
            ({"type": "message.created", "data": []}, "data"),
            (wrote(ticket_id=None), r"data\.ticket_id"),
            (wrote(ticket_id=""), r"data\.ticket_id"),
            (wrote(ticket_id="\x00"), r"data\.ticket_id"),
            (wrote(ticket_id="a\nb"), r"data\.ticket_id"),
            (wrote(ticket_id=".."), r"data\.ticket_id"),
            (wrote(ticket_id="."), r"data\.ticket_id"),
            (wrote(requester="ann"), r"data\.requester"),
            (wrote(subject=" ", body="\x00\r\n"), "neither subject nor body"),
        ],
    )
    def test_what_lacks_something_is_invalid_and_says_what(self, payload: object, named: str) -> None:
        with pytest.raises(PayloadInvalid, match=named):
            read_generic(payload)

    def test_a_message_without_text_says_its_subject(self) -> None:
        happening = read_generic(wrote(body=None))
        assert isinstance(happening, CustomerWrote)
        assert happening.body == "No certificate"

    def test_an_unknown_requester_is_unknown(self) -> None:
        happening = read_generic(wrote(requester={"email": None, "id": None}))
        assert isinstance(happening, CustomerWrote)
        assert happening.requester == "unknown"

    def test_long_texts_are_cut(self) -> None:
        happening = read_generic(wrote(subject="s" * 10**5, body="b" * 10**6, ticket_id="i" * 1000, channel="c" * 99))
        assert isinstance(happening, CustomerWrote)
        assert len(happening.subject) == SUBJECT_CHARACTERS_MAX
        assert len(happening.body) == TEXT_CHARACTERS_MAX
        assert len(happening.external_id) == 200
        assert len(happening.channel) == 40

    def test_a_subject_is_one_line(self) -> None:
        happening = read_generic(wrote(subject="a\r\nBcc: all@example.com\tx"))
        assert isinstance(happening, CustomerWrote)
        assert happening.subject == "a Bcc: all@example.com x"


class TestZendesk:
    def test_a_new_ticket(self) -> None:
        assert read_zendesk(ZENDESK_WROTE) == CustomerWrote(
            external_id="42",
            subject="No certificate",
            body="Why is there no certificate?",
            channel="email",
            requester="9001",
        )

    def test_a_customers_comment_opens_another_turn(self) -> None:
        happening = read_zendesk(comment("Still none."))
        assert isinstance(happening, CustomerWrote)
        assert happening.body == "Still none."

    def test_a_colleagues_comment_belongs_to_the_thread(self) -> None:
        assert read_zendesk(comment("Try now.", is_staff=True)) == AgentWrote(external_id="42", body="Try now.")

    @pytest.mark.parametrize("is_staff", [True, False])
    def test_internal_notes_are_ignored(self, is_staff: bool) -> None:
        assert isinstance(read_zendesk(comment("psst", is_public=False, is_staff=is_staff)), Ignored)

    @pytest.mark.parametrize(
        ("before", "after", "outcome"),
        [("OPEN", "SOLVED", "solved"), ("SOLVED", "OPEN", "reopened"), ("solved", "pending", "reopened")],
    )
    def test_a_change_of_status_can_be_an_outcome(self, before: str, after: str, outcome: Any) -> None:
        changed = zendesk_event("status_changed", {"previous": before, "current": after})
        assert read_zendesk(changed) == OutcomeSeen(external_id="42", outcome=outcome)

    @pytest.mark.parametrize("event", [{"previous": "NEW", "current": "OPEN"}, {}, None, {"current": "CLOSED"}])
    def test_other_changes_of_status_are_ignored(self, event: dict[str, str] | None) -> None:
        assert isinstance(read_zendesk(zendesk_event("status_changed", event)), Ignored)

    def test_other_events_are_ignored(self) -> None:
        assert isinstance(read_zendesk(zendesk_event("tags_changed", {})), Ignored)

    @pytest.mark.parametrize(
        "payload",
        [
            [],
            {},
            {"detail": {}},
            zendesk_event("created", {}, id="../7"[:2]),
            zendesk_event("comment_added", None),
            zendesk_event("comment_added", {"comment": "x"}),
            zendesk_event("created", {}, subject=None, description=None),
        ],
    )
    def test_what_lacks_something_is_invalid(self, payload: object) -> None:
        with pytest.raises(PayloadInvalid):
            read_zendesk(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["ticket_id", "id", "subject", "body", "description", "channel", "requester", "rating", "via"]),
    JSON,
)
TYPES = st.sampled_from(
    ["message.created", "message.sent", "ticket.rated", "zen:event-type:ticket.created", "ticket.comment_added"]
)


@settings(max_examples=40)
@given(st.fixed_dictionaries({"type": TYPES | JSON, "data": FIELDS | JSON, "detail": FIELDS | JSON, "event": FIELDS}))
def test_any_json_is_read_or_refused_in_words(payload: dict[str, Any]) -> None:
    for read in (read_generic, read_zendesk):
        happening: object = None
        with contextlib.suppress(PayloadInvalid):
            happening = read(payload)
        if isinstance(happening, CustomerWrote):
            assert happening.body
            assert happening.external_id


@settings(max_examples=60)
@given(st.text(st.characters() | st.sampled_from("\x00\r\n\ud800\udfff")))
def test_cleaned_text_is_what_every_store_takes(text: str) -> None:
    cleaned = clean(text)

    assert "\x00" not in cleaned
    assert "\r\n" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == cleaned


def test_a_packs_own_words_are_its_names_for_things_and_not_those_of_single_customers() -> None:
    examples = [f"Why does Harborlight show {n} max errors?" for n in range(5)] + ["Please add Dagmar to the project"]
    intent = Intent(
        id="errors",
        title="Errors in the Viewfinder",
        description="",
        queue="deployments",
        examples=tuple(IntentExample(text=text) for text in examples),
    )
    words = own_words(pack().model_copy(update={"title": "Hosting (Northquay)", "intents": (intent,)}))

    assert {"northquay", "viewfinder", "harborlight"} <= words
    assert not {"dagmar", "max"} & words
