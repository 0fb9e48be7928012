"""Pack levels of items ↔ identifiers `GTIN-BX:<gtin>:<units>` and `GTIN-CA:<gtin>:<boxes or units>` of a product.

A box holds so many base units; a case so many boxes where the box has a content, else base units. Either part may be
empty: a level without number, or a number whose content nobody said.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from concord.mdm.v1.pack_pb2 import PackConversion
from services.adapter.systems.connector import Value
from services.erp_adapter.domain.tryton import identifiers
from services.erp_adapter.domain.tryton.held import Held, Row

BOX, CASE = "BX", "CA"
LEVELS = (BOX, CASE)

_GTIN_LENGTH = 14
_CONTENT = re.compile(r"0*[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Level:
    """What one identifier says of a pack level; empty and None = nothing."""

    gtin: str = ""
    content: int | None = None


def levels(numbers: Sequence[Held]) -> dict[str, Level]:
    """Read the pack levels. Raises UntranslatableError for what is not of the form."""
    found: dict[str, Level] = {}
    for unit in LEVELS:
        rows = identifiers.untyped(numbers, _scheme(unit))
        if len(rows) > 1:
            raise rows[1].refused("code", f"is a second {_scheme(unit)}; there can be only one")
        for row in rows:
            found[unit] = _level(row, unit)
    return found


def conversions(found: Mapping[str, Level], base_unit: str) -> list[PackConversion]:
    """Return the pack graph's edges."""
    return [
        PackConversion(unit=unit, contained_unit=_contained(unit, found, base_unit), numerator=content, denominator=1)
        for unit, level in found.items()
        if (content := level.content) is not None
    ]


def contents(edges: Iterable[PackConversion], base_unit: str) -> Mapping[str, Value] | None:
    """Return how many each level holds by its unit; None = Tryton can't hold these packs."""
    said = list(edges)
    factors = {edge.unit: Fraction(edge.numerator, edge.denominator) for edge in said if edge.denominator}
    whole = {unit: factor.numerator for unit, factor in factors.items() if factor.denominator == 1 and factor > 0}
    found = {unit: Level(content=whole[unit]) for unit in LEVELS if unit in whole}
    if len(found) != len(said) or not base_unit or base_unit in found:
        return None
    if any(edge.contained_unit != _contained(edge.unit, found, base_unit) for edge in said):
        return None
    return dict(whole)


def with_gtin(rows: Sequence[Row], unit: str, gtin: Value) -> list[Row]:
    """Return the identifiers with a level's number; None = without."""
    level = _plain_level(rows, unit)
    return _with(rows, unit, Level(str(gtin or ""), level.content))


def with_contents(rows: Sequence[Row], found: Mapping[str, Value]) -> list[Row]:
    """Return the identifiers with exactly these contents of levels."""
    result = list(rows)
    for unit in LEVELS:
        content = found.get(unit)
        result = _with(
            result, unit, Level(_plain_level(result, unit).gtin, content if isinstance(content, int) else None)
        )
    return result


def padded(gtin: str) -> str:
    """Return a GTIN with 14 digits."""
    return gtin.zfill(_GTIN_LENGTH) if gtin else ""


def _level(row: Held, unit: str) -> Level:
    gtin, colon, content = row.text("code").removeprefix(f"{_scheme(unit)}:").partition(":")
    content = content.strip()
    if not colon or not (content == "" or _CONTENT.fullmatch(content)):
        raise row.refused("code", "must be scheme, number and content, such as GTIN-BX:<gtin>:<units>")
    return Level(padded(gtin.strip()), int(content) if content else None)


def _plain_level(rows: Sequence[Row], unit: str) -> Level:
    code = next((str(row["code"]) for row in rows if identifiers.is_untyped(row, _scheme(unit))), "")
    gtin, _, content = code.strip().removeprefix(f"{_scheme(unit)}:").partition(":")
    return Level(gtin.strip(), int(content) if content.strip().isdecimal() else None)


def _with(rows: Sequence[Row], unit: str, level: Level) -> list[Row]:
    code = None if level == Level() else f"{level.gtin}:{level.content or ''}"
    return identifiers.with_code(rows, _scheme(unit), code)


def _contained(unit: str, found: Mapping[str, Level], base_unit: str) -> str:
    box = found.get(BOX)
    return BOX if unit == CASE and box is not None and box.content is not None else base_unit


def _scheme(unit: str) -> str:
    return f"GTIN-{unit}"
