"""Who hangs together: the connected parts of a set of names, or of many records, under links."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.grouping.clustering import Pair


def connected(names: Iterable[str], links: Iterable[Pair]) -> list[tuple[str, ...]]:
    """Return the parts, each sorted, by their first names. Raises KeyError for links of unknown names."""
    above = {name: name for name in names}
    for one, other in links:
        first, second = _top(above, one), _top(above, other)
        above[max(first, second)] = min(first, second)
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(above):
        parts[_top(above, name)].append(name)
    return [tuple(part) for _, part in sorted(parts.items())]


def _top(above: dict[str, str], name: str) -> str:
    """Return what stands for a name's part, and shorten the way there."""
    while above[name] != name:
        above[name] = name = above[above[name]]
    return name


def connected_in_bulk(count: int, ones: Numbers, others: Numbers) -> Numbers:
    """Return for each of so many records, by place, the first of those that it hangs together with."""
    first = np.arange(count)
    while True:
        least = np.minimum(first[ones], first[others])
        before = first.copy()
        np.minimum.at(first, before[ones], least)
        np.minimum.at(first, before[others], least)
        first = first[first]
        if (first == before).all():
            return first
