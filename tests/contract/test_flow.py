"""`flow.yaml` says everything about every topic, and nothing that is not so."""

from pathlib import Path

import pytest
import yaml

from contracts.events import EVENTS, DeadLetter
from contracts.examples import example_files
from contracts.flow import FLOW_FILE, Flow, FlowInvalid, load_flow
from shared.envelope import MESSAGE_BYTES_MAX, encode
from tests.contract.source import ROOT, told


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load_flow()


def test_every_event_has_its_topic_and_every_topic_its_event(flow: Flow) -> None:
    listed = {topic.event_type: topic.name for topic in flow.topics}

    missing = [cls.__name__ for cls in (*EVENTS, DeadLetter) if cls not in listed]
    misplaced = [f"{cls.__name__} says {cls.topic!r}" for cls, name in listed.items() if cls.topic != name]

    assert not missing, told(missing, "Add a topic for each of these events to contracts/flow.yaml.")
    assert not misplaced, told(misplaced, "Topic names in contracts/events/ and contracts/flow.yaml must agree.")


def test_topics_stand_in_the_order_in_which_a_ticket_meets_them(flow: Flow) -> None:
    assert [topic.event_type for topic in flow.topics] == [*EVENTS, DeadLetter], (
        "Order the topics of contracts/flow.yaml as EVENTS in contracts/events/; people read both from the top."
    )


def test_every_topic_has_an_owner_that_exists(flow: Flow) -> None:
    homeless = [f"{topic.name}: {topic.owner}" for topic in flow.topics if not (ROOT / topic.owner).is_dir()]

    assert not homeless, told(homeless, "An owner is the folder whose maintainers answer for the topic.")


def test_every_topic_but_the_last_resort_has_a_dead_letter_topic(flow: Flow) -> None:
    without = [topic.name for topic in flow.topics if topic.dead_letter is None and topic.event_type is not DeadLetter]

    assert not without, told(without, "Give each a `dead_letter` topic: a message that fails must go somewhere.")


def test_a_dead_letter_fits_its_topic(flow: Flow) -> None:
    for topic in flow.topics:
        if topic.dead_letter is not None:
            in_base64 = topic.message_bytes_max * 4 // 3
            assert flow.topic(topic.dead_letter).message_bytes_max > in_base64 + 100_000, (
                f"The largest message of {topic.name} does not fit {topic.dead_letter}: in base64 it takes {in_base64} "
                "bytes, and headers come on top. Raise `message_bytes_max` of the dead letter topic."
            )


def test_topics_take_the_largest_message_that_services_send(flow: Flow) -> None:
    largest = MESSAGE_BYTES_MAX
    too_small = [topic.name for topic in flow.topics if topic.message_bytes_max < largest]

    assert not too_small, told(too_small, f"shared/envelope.py lets services send {largest} bytes; raise these.")


def test_every_service_lives_in_a_folder_of_its_name(flow: Flow) -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists()}

    assert flow.services.keys() == folders | {"admin_portal"}, (
        "The services of contracts/flow.yaml and the folders in services/ differ; add what is missing to either."
    )


def test_every_service_takes_part(flow: Flow) -> None:
    idle = [name for name in flow.services if not flow.consumed_by(name) and not flow.produced_by(name)]

    assert not idle, told(idle, "These services neither read nor write a topic; name them in contracts/flow.yaml.")


def test_every_service_can_send_dead_letters(flow: Flow) -> None:
    silent = flow.services.keys() - set(flow.topic("dead-letter").producers)

    assert not silent, told(sorted(silent), "Every service can fail on a message; add them to dead-letter's producers.")


def test_every_topic_has_at_least_two_examples(flow: Flow) -> None:
    without = [
        f"contracts/examples/{topic.name}/v{topic.version}/"
        for topic in flow.topics
        if len(example_files(topic.name, topic.version)) < 2
    ]

    assert not without, told(without, "Put two JSON files with telling names in each of these folders.")


def test_the_type_header_carries_the_version(flow: Flow) -> None:
    for topic in flow.topics:
        [file, *_] = example_files(topic.name, topic.version)
        event = topic.event_type.model_validate_json(file.read_bytes())

        assert encode(event, service="intake").headers["ce_type"] == f"{topic.name}.v{topic.version}", (
            f"shared/envelope.py and contracts/flow.yaml disagree about the version of {topic.name}"
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": None}, "ticket-received.owner"),
        ({"producers": ["intake", "invoicing"]}, "ticket-received names services that are not listed: invoicing"),
        ({"dead_letter": "nowhere"}, "ticket-received sends dead letters to 'nowhere', which is no topic"),
        ({"partitions": 0}, "ticket-received.partitions"),
        ({"colour": "red"}, "ticket-received.colour"),
        ({"name": "Ticket_Received"}, "Ticket_Received.name"),
        ({"name": "ticket-classified"}, "listed twice: ticket-classified"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    content = yaml.safe_load(FLOW_FILE.read_text(encoding="utf-8"))
    content["topics"][0] |= change
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(FlowInvalid, match=words):
        load_flow(file)


@pytest.mark.parametrize("text", ["topics: [", "", "topics: {}"])
def test_a_file_that_is_no_flow_gives_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(FlowInvalid, match=r"flow\.yaml"):
        load_flow(file)


def test_an_event_that_does_not_exist_is_named(flow: Flow) -> None:
    topic = flow.topics[0].model_copy(update={"event": "TicketLost"})

    with pytest.raises(FlowInvalid, match="TicketLost"):
        _ = topic.event_type
