"""What every `Helpdesk` does with one answer."""

from uuid import uuid4

from contracts.events import AnswerReleased
from contracts.examples import example
from services.delivery.ports import Helpdesk, Sending


def sending_to(external_id: str = "42") -> Sending:
    """An answer to another case of that ticket."""
    released = example(AnswerReleased, "too-many-connections")
    changes = {"external_id": external_id, "case_id": uuid4()}
    return Sending(released=released.model_copy(update=changes), traceparent="", attempts=1)


class HelpdeskSuite:
    """Give it the fixture `helpdesk`."""

    def test_an_answer_that_was_not_sent_is_not_found(self, helpdesk: Helpdesk) -> None:
        assert helpdesk.find_reply(sending_to()) is None

    def test_a_sent_answer_is_accepted_with_a_receipt_by_which_it_is_found(self, helpdesk: Helpdesk) -> None:
        sending = sending_to()
        attempted = helpdesk.reply(sending, "Use port 6432. 🙂")

        assert attempted.result == "accepted"
        assert attempted.receipt
        assert helpdesk.find_reply(sending) == attempted.receipt

    def test_the_answer_to_another_case_of_the_ticket_is_not_mistaken_for_it(self, helpdesk: Helpdesk) -> None:
        helpdesk.reply(sending_to(), "the first")
        second = sending_to()

        assert helpdesk.find_reply(second) is None
        receipt = helpdesk.reply(second, "the second").receipt
        assert helpdesk.find_reply(second) == receipt
