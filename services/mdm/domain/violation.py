"""What is wrong with a content, in the words of its contract."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Violation:
    """A field that can't be as it is.

    `field` is a path such as `sites[HQ].gln` or `slices[1].effective_period`; `description` says
    what is wrong without repeating the value, which may be RESTRICTED.
    """

    field: str
    description: str
