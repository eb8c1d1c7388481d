"""The examples are valid, agree with one another, and hold nobody's personal data."""

import json
import re
from itertools import pairwise
from pathlib import Path
from uuid import uuid5

import pytest
from jsonschema import Draft202012Validator

from contracts.events import (
    AnswerDelivered,
    AnswerDrafted,
    AnswerReleased,
    AnswerValidated,
    ContextRetrieved,
    DeadLetter,
    Event,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketClassified,
    TicketReceived,
    case_id_of,
)
from contracts.examples import ExampleUnknown, example, example_files
from contracts.flow import load_flow
from tests.contract.source import ROOT, shown

FLOW = load_flow()
FILES = [(topic, file) for topic in FLOW.topics for file in example_files(topic.name, topic.version)]
IDS = [shown(file) for _, file in FILES]

AUTOMATIC = (TicketReceived, TicketClassified, ContextRetrieved, AnswerDrafted, AnswerValidated)
BY_PERSON = (*AUTOMATIC, ReviewRequested, ReviewCompleted)
CHAINS: dict[str, tuple[type[Event], ...]] = {
    "certificate-not-issued": (*AUTOMATIC, AnswerReleased, AnswerDelivered),
    "refund-asked": (*BY_PERSON, AnswerReleased, AnswerDelivered),
    "too-many-connections": (*BY_PERSON, AnswerReleased),
}


@pytest.mark.parametrize(("topic", "file"), FILES, ids=IDS)
def test_an_example_fits_schema_and_model(topic, file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "contracts/schemas" / topic.schema_file).read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]

    assert not wrong, f"{shown(file)} does not fit {topic.schema_file}: {wrong}. Mend the example."
    event = topic.event_type.model_validate(content)
    assert json.loads(event.model_dump_json(exclude_unset=True)) == content, (
        f"{shown(file)} has fields that {topic.event} does not know, or writes a value in another way."
    )


@pytest.mark.parametrize(("topic", "file"), FILES, ids=IDS)
def test_an_example_keeps_the_key_that_the_flow_promises(topic, file: Path) -> None:
    event = topic.event_type.model_validate_json(file.read_bytes())
    if isinstance(event, DeadLetter):
        assert event.original_topic in {other.name for other in FLOW.topics}
        return

    assert event.key == topic.key.replace("tenant", event.tenant).replace("conversation_id", str(event.conversation_id))
    assert event.case_id == case_id_of(event.conversation_id, event.turn)


@pytest.mark.parametrize("name", CHAINS)
def test_one_case_can_be_followed_through(name: str) -> None:
    events = [example(event_type, name) for event_type in CHAINS[name]]

    for cause, effect in pairwise(events):
        assert effect.event_id == uuid5(cause.event_id, effect.type), f"{effect.type} does not follow {cause.type}"
        assert effect.case_id == cause.case_id
        assert effect.occurred_at >= cause.occurred_at


@pytest.mark.parametrize("name", CHAINS)
def test_citations_point_to_their_evidence(name: str) -> None:
    event = example(AnswerValidated, name)
    passages = {evidence.evidence_id: evidence for evidence in event.context.evidence}

    for citation in event.draft.citations:
        assert citation.quote in passages[citation.evidence_id].text
        assert 0 <= citation.start < citation.end <= len(event.draft.text)
    for evidence in passages.values():
        assert evidence.end - evidence.start == len(evidence.text)


@pytest.mark.parametrize("name", CHAINS)
def test_feedback_repeats_the_case_without_the_sealed_originals(name: str) -> None:
    record, validated = example(FeedbackRecorded, name), example(AnswerValidated, name)

    assert record.draft == validated.draft
    assert record.ticket == validated.ticket.model_copy(update={"sealed": ""})


@pytest.mark.parametrize("file", [file for _, file in FILES], ids=IDS)
def test_an_example_holds_no_address_that_could_be_real(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    hosts = re.findall(r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|de|example)\b", text)

    assert not re.findall(r"[\w.+-]+@[\w-]+\.[a-z]+", text), "Replace e-mail addresses by tokens such as [EMAIL_1]."
    real = [host for host in hosts if not host.endswith(".example") and host != "letsencrypt.org"]
    assert not real, f"{shown(file)} names {real}; use names that end in .example."


def test_an_unknown_example_is_named() -> None:
    with pytest.raises(ExampleUnknown, match="no example 'lost'; there are: certificate-not-issued"):
        example(TicketReceived, "lost")


def test_every_file_among_the_examples_belongs_to_a_topic() -> None:
    strays = {shown(file) for file in (ROOT / "contracts/examples").rglob("*.json")} - set(IDS)

    assert not strays, f"{sorted(strays)} belong to no topic of contracts/flow.yaml; move or remove them."
