"""What keeps a bench from giving a figure."""


class BenchFailed(Exception):
    """One contender could not be measured; the message says why, in one sentence."""
