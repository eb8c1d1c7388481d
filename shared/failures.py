"""How a handler says what became of a message; everything else is an unforeseen error and tried three times."""


class InvalidMessage(Exception):
    """The message can never be processed: it goes to the dead-letter topic at once."""


class Retryable(Exception):
    """The message may succeed later: bounded attempts with backoff and jitter, then the dead-letter topic."""


class DependencyDown(Exception):
    """Something every message needs is unreachable: the consumer waits for it, and rejects nothing meanwhile."""


class TooManyDeadLetters(Exception):
    """A consumer rejected so many messages in a row that the fault is likely its own; it stops instead."""
