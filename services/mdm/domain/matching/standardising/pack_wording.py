"""How many single things a pack described in words holds, exactly: `BX/100`, `case of 10 boxes of 50`.

Only what the words say by themselves counts. Codes whose meaning depends on who uses them (X12 `CA` and HL7 `CS` both
mean case) say nothing here: code maps translate them by system and code.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from services.mdm.domain.matching.standardising.wording import PACK_NUMBERS, PACK_UNITS, UNCLEAR_PACKS

_UNIT = "|".join(sorted(PACK_UNITS, key=len, reverse=True))
_NUMBER = rf"\d+(?:,\d{{3}})*(?:\.\d+)?|{'|'.join(PACK_NUMBERS)}"
_START = r"(?<![\w.,/])"
_OF = re.compile(rf"(?={_START}({_UNIT})\s*(?:of|/)\s*({_NUMBER})(?![\w.])(?:[\s-]*({_UNIT})\b(?!\s*/\s*[a-z]))?)")
"""`box of 100`, `BX/100`, `case of 10 boxes`."""
_PER = re.compile(rf"{_START}({_NUMBER})\s*(?:({_UNIT})\s*)?(?:per|/)\s*({_UNIT})\b(?!\s*/)")
"""`100 per box`, `100/BX`, `10 boxes/case`."""
_COUNT = re.compile(rf"{_START}({_NUMBER})[\s-]*(?:pack|pk|count|ct)\b(?!\s*(?:of|/|per))")
"""`12-pack`, `100 count`."""
_MANY = re.compile(rf"{_START}({_NUMBER})[\s-]*({_UNIT})\s*of\b")
"""`3 boxes of 50`."""
_UNCLEAR = re.compile(rf"(?:\b({'|'.join(UNCLEAR_PACKS)})\s*/\s*\d)|(?:/\s*({'|'.join(UNCLEAR_PACKS)})\b)")
_WHOLE = "the whole"


class _Content(NamedTuple):
    outer: str
    number: Fraction
    inner: str
    """The unit that it counts, "" = single things."""


def pack_count(text: str) -> Fraction | None:
    """Return how many single things a description's pack holds; None = it does not say, or says two things."""
    folded = text.casefold()
    if _UNCLEAR.search(folded):
        return None
    edges = _edges(folded)
    within = {edge.outer: edge for edge in edges}
    counted = {edge.inner for edge in edges}
    outermost = [unit for unit in within if unit not in counted]
    if len(within) != len(edges) or len(outermost) != 1:
        return None
    count, unit = Fraction(1), outermost[0]
    while unit in within:
        count *= within[unit].number
        unit = within[unit].inner
    return count or None


def _edges(text: str) -> set[_Content]:
    edges = {_content(outer, count, inner) for outer, count, inner in _OF.findall(text)}
    edges |= {_content(outer, count, inner) for count, inner, outer in _PER.findall(text)}
    counted = {edge.inner for edge in edges}
    edges |= {
        _Content(_WHOLE, _number(count), PACK_UNITS[unit])
        for count, unit in _MANY.findall(text)
        if PACK_UNITS[unit] not in counted
    }
    return edges or {_Content(_WHOLE, _number(count), "") for count in _COUNT.findall(text)}


def _content(outer: str, count: str, inner: str) -> _Content:
    return _Content(PACK_UNITS[outer], _number(count), PACK_UNITS.get(inner, ""))


def _number(text: str) -> Fraction:
    return Fraction(PACK_NUMBERS[text]) if text in PACK_NUMBERS else Fraction(text.replace(",", ""))
