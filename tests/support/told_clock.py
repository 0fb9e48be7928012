"""A monotonic clock that goes when told to, in place of a module's `time`."""


class ToldClock:
    """What stands in for `time` where a module asks it only for `monotonic`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds that it was told."""
        return self.now
