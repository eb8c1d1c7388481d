"""A customer asks what the knowledge base answers, and has the answer without anybody's help."""

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.journey.world import World

QUESTION = "How can I roll back to an earlier release from the command line?"


async def test_the_customer_gets_an_answer_quoted_from_the_knowledge_base(world: World) -> None:
    case_id = await world.customer_writes(QUESTION)

    [answer] = world.answers
    assert world.status(case_id) == "released"
    assert answer.startswith("Hello,")
    assert "nq rollback" in answer
    assert "[1]" in answer
    assert world.requests == []


async def test_everyone_who_must_know_knows(world: World) -> None:
    case_id = await world.customer_writes(QUESTION)

    [report] = world.delivered
    assert (report.case_id, report.status, report.receipt) == (case_id, "delivered", "r1")
    assert world.book.cases[case_id].delivery == "delivered"
    record = world.record(case_id)
    assert record is not None
    assert (record.decided_by, record.decision.final_text) == ("policy", world.answers[0])


async def test_every_step_is_in_one_trace_that_the_case_knows(world: World, spans: InMemorySpanExporter) -> None:
    case_id = await world.customer_writes(QUESTION)

    steps = {
        span.name: f"{span.context.trace_id:032x}"
        for span in spans.get_finished_spans()
        if (span.attributes or {}).get("handrail.case.id") == str(case_id)
    }
    # The delivery's report is the worker's: a trace of its own, linked to this one.
    steps.pop("process answer-delivered")
    assert set(steps) == {
        "process ticket-received",
        "process ticket-classified",
        "process context-retrieved",
        "process answer-drafted",
        "process answer-validated",
        "process answer-released",
        "process feedback-recorded",
    }
    assert set(steps.values()) == {world.book.cases[case_id].trace_id}
    record = world.record(case_id)
    assert record is not None
    assert record.trace_id == world.book.cases[case_id].trace_id


async def test_personal_data_travels_only_to_the_customer(world: World) -> None:
    await world.customer_writes(f"{QUESTION} I am ann@example.com, my password is hunter2hunter2.")

    traveled = b"".join(message.body for message in world.bus.published)
    assert b"ann@example.com" not in traveled
    assert b"hunter2" not in traveled
    assert world.bus.dead_letters == []


async def test_two_tickets_are_two_conversations(world: World) -> None:
    first = await world.customer_writes(QUESTION, ticket_id="42")
    second = await world.customer_writes(QUESTION, ticket_id="43")

    assert world.status(first) == world.status(second) == "released"
    assert [ticket for ticket, _, _ in world.helpdesk.replies] == ["42", "43"]
