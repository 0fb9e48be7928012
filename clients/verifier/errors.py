"""What goes wrong: input that can't be read, and proofs that do not hold."""


class UnreadableError(Exception):
    """The input is not what it has to be: nothing was checked, so nothing is proven and nothing is refuted."""


class RefutedError(Exception):
    """A proof or a signature was checked and does not hold."""
