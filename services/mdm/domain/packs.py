"""The pack graph: which unit contains how many of which, exactly."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from concord.mdm.v1 import pack_pb2
from services.mdm.domain.violation import Violation

Contents = Mapping[str, Mapping[str, Fraction]]
"""By unit: the units directly within, and how many."""


def violations(conversions: Iterable[pack_pb2.PackConversion]) -> list[Violation]:
    """Return what contradicts itself: a unit within itself, two factors between the same two units."""
    contents: dict[str, dict[str, Fraction]] = {}
    found: list[Violation] = []
    for number, edge in enumerate(conversions):
        if edge.numerator <= 0 or edge.denominator <= 0:
            found.append(Violation(f"pack_conversions[{number}]", "needs a numerator and a denominator above zero"))
            continue
        factor = Fraction(edge.numerator, edge.denominator)
        if contents.setdefault(edge.unit, {}).setdefault(edge.contained_unit, factor) != factor:
            found.append(Violation(f"pack_conversions[{number}]", "gives a second factor between the same units"))
    return found or _cycle(contents) or _contradiction(contents)


def _cycle(contents: Contents) -> list[Violation]:
    """Find a unit that contains itself, by taking away units with nothing left within."""
    left = {unit: set(within) for unit, within in contents.items()}
    while leaves := [unit for unit, within in left.items() if not within & left.keys()]:
        for unit in leaves:
            del left[unit]
    return [Violation("pack_conversions", f"go in a circle through {', '.join(sorted(left))}")] if left else []


def _contradiction(contents: Contents) -> list[Violation]:
    """Find two paths with different factors.

    Factors are carried along edges in both directions: A = 10 B, A = 20 C, B = 3 C is found as well
    as two ways down from A to C.
    """
    neighbours: dict[str, list[tuple[str, Fraction]]] = {}
    for unit, within in contents.items():
        for contained, factor in within.items():
            neighbours.setdefault(unit, []).append((contained, 1 / factor))
            neighbours.setdefault(contained, []).append((unit, factor))
    size: dict[str, Fraction] = {}
    for first in sorted(neighbours):
        if first in size:
            continue
        size[first], waiting = Fraction(1), [first]
        while waiting:
            unit = waiting.pop()
            for other, factor in neighbours[unit]:
                if other not in size:
                    size[other] = size[unit] * factor
                    waiting.append(other)
                elif size[other] != size[unit] * factor:
                    return [Violation("pack_conversions", f"give two factors between {unit} and {other}")]
    return []
