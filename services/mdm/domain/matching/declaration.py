"""How the records of a type are matched, as data: attributes, how they are standardised and compared, block keys."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

DISCOUNT = 4
"""Further evidence of a group of attributes counts one part in so many."""

Standard = Callable[[str], str]
"""Turns a raw value into its standard form, without control characters; "" = it says nothing."""


class Comparison(Enum):
    """What makes two standard values similar; `comparisons` gives the similarity in thousandths."""

    EXACT = "exact"
    """Equal or not."""
    CODE = "code"
    """Equal but for typing errors."""
    RESTRICTED_CODE = "restricted_code"
    """Equal, equal but for neighbours that changed places, by keyed tokens: for RESTRICTED values, and no others."""
    PHONE = "phone"
    """Equal, equal without area codes, equal but for a typing error."""
    DATE = "date"
    """Equal, equal but for a typing error or swapped parts, equal in two of year, month and day."""
    PERSON = "person"
    """Equal, or similar from the beginning on, as given and family names are."""
    TEXT = "text"
    """The rarer the tokens shared, in whatever order, the more similar; typing errors allowed."""
    CODES = "codes"
    """Sets of codes: one shared, or one that begins with the other's."""
    NUMBER = "number"
    """Relative difference."""


@dataclass(frozen=True)
class Attribute:
    """One thing that is compared: where it lies in the message, its standard form, its comparison.

    Every path gives values of its own; with `joined` they are one value together.
    """

    name: str
    paths: tuple[str, ...]
    standard: Standard
    comparison: Comparison
    joined: bool = False
    essential: bool = False
    """Records that have nothing in common here are never linked by the rest: two firms in one house are two."""
    group: str = ""
    """Attributes that depend on one another, the most telling first: only the first that both say counts in full."""


class Feature(Enum):
    """What of an attribute's standard value goes into a block key."""

    WHOLE = "whole"
    """The value itself."""
    END = "end"
    """Its last seven characters: a phone number without its area code."""
    START = "start"
    """Its first four characters."""
    TOKENS = "tokens"
    """Its rarest tokens."""
    SOUNDS = "sounds"
    """How its rarest tokens sound."""
    PAIRS = "pairs"
    """Its rarest tokens two by two."""
    SHINGLES = "shingles"
    """Its tokens two by two as they follow one another, the rarest."""
    CODE_GRAMS = "code_grams"
    """Its codes' runs of four characters, one a digit at least, the rarest."""
    GRAMS = "grams"
    """Its rarest runs of four characters, spaces left out."""


@dataclass(frozen=True)
class BlockKey:
    """Records that share this are compared: one feature, or two together."""

    name: str
    parts: tuple[tuple[str, Feature], ...]
    """Attribute and feature, one or two."""
    limit: int = 4
    """At most so many keys a record, the rarest."""


@dataclass(frozen=True)
class Matching:
    """How records of one type are matched. `version` goes up whenever profiles would differ."""

    version: int
    attributes: tuple[Attribute, ...]
    keys: tuple[BlockKey, ...]
    titles: tuple[str, ...] = ()
    """The attributes that a bare text speaks of, when somebody looks for a record by what it is called."""

    def __post_init__(self) -> None:
        """Refuse keys and titles of attributes that there are not."""
        names = [attribute.name for attribute in self.attributes]
        if len(set(names)) < len(names) or not set(self.titles) <= set(names):
            raise ValueError("two attributes of one name, or a title that is none")
        for key in self.keys:
            if not 1 <= len(key.parts) <= 2 or not {attribute for attribute, _ in key.parts} <= set(names):  # noqa: PLR2004 - one feature or two together
                raise ValueError(f"{key.name}: needs one or two attributes that are declared")

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The places of the attributes that belong together; most are alone."""
        found: dict[str, list[int]] = {}
        for place, attribute in enumerate(self.attributes):
            found.setdefault(attribute.group or f"{attribute.name} alone", []).append(place)
        return tuple(map(tuple, found.values()))

    def index(self, name: str) -> int:
        """Return the place of an attribute. Raises ValueError when there is none of this name."""
        return [attribute.name for attribute in self.attributes].index(name)
