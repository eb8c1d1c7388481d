"""What the operator is told when the stack cannot do as asked."""


class StackProblem(Exception):
    """The stack cannot go on; the message is one sentence that says what to do about it."""
