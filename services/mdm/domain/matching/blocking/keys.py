"""Block keys: records that share one are compared."""

from collections.abc import Callable, Iterable
from itertools import chain, combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

from services.mdm.domain.matching.blocking.sounds import sound
from services.mdm.domain.matching.columns.hashing import combined, hashed
from services.mdm.domain.matching.declaration import Feature, Matching
from services.mdm.domain.matching.standardising.profile import Profile

if TYPE_CHECKING:
    from services.mdm.domain.matching.model import MatchModel

Rarity = Callable[[str], int]
GRAM, MOST_PAIRED = 4, 5
"""How long a run of characters is; so many of a value's rarest tokens are paired with one another."""
IDENTIFIER = hashed("identifier")
"""What the keys of strong identifiers are made with."""
_START, _END = 4, 7


def block_keys(profile: Profile, model: "MatchModel") -> tuple[int, ...]:
    """Return the keys that a record is found by: signed 64-bit, sorted, distinct, without the model's common ones."""
    return tuple(sorted(all_keys(profile, model) - model.common_keys))


def all_keys(profile: Profile, model: "MatchModel") -> set[int]:
    """Return the keys of a record, those included that so many share that they say nothing."""
    return {combined(*parts) for parts in _parts(profile, model)}


def _parts(profile: Profile, model: "MatchModel") -> list[tuple[int, int, int]]:
    """Return what each key of a record is combined of."""
    found = [(IDENTIFIER, hashed(kind), hashed(value)) for kind, value in profile.identifiers]
    features = _Features(profile, model)
    for limit, seed, first, second in planned(model.matching):
        ones = features.of(first)
        if second is None:
            found += [(seed, one, 0) for one in ones[:limit]]
        elif ones:
            others = features.of(second)
            found += [(seed, one, other) for one in ones for other in others][:limit]
    return found


class Part(NamedTuple):
    """A feature of an attribute, for all keys that it is part of."""

    number: int
    place: int
    feature: Feature
    limit: int
    """So many of it are wanted at most."""


Plan = tuple[tuple[int, int, Part, Part | None], ...]
"""Of each key its limit, its seed, and the one or two features."""
_PLANS: dict[int, tuple[Matching, Plan]] = {}


def planned(matching: Matching) -> Plan:
    """Return what each of a type's keys is made of; worked out once."""
    known = _PLANS.get(id(matching))
    if known is None:
        known = _PLANS[id(matching)] = (matching, _plan(matching))
    return known[1]


def _plan(matching: Matching) -> Plan:
    limits: dict[tuple[str, Feature], int] = {}
    for key in matching.keys:
        limits.update({part: max(limits.get(part, 0), key.limit) for part in key.parts})
    parts = {
        part: Part(number, matching.index(part[0]), part[1], limit)
        for number, (part, limit) in enumerate(limits.items())
    }
    return tuple(
        (key.limit, hashed(key.name), parts[key.parts[0]], parts[key.parts[1]] if key.parts[1:] else None)
        for key in matching.keys
    )


class _Features:
    """What of one record goes into its keys: each feature is looked for once."""

    def __init__(self, profile: Profile, model: "MatchModel") -> None:
        self._values = profile.values
        self._model = model
        self._tokens: dict[int, list[list[str]]] = {}
        self._found: dict[int, list[int]] = {}

    def of(self, part: Part) -> list[int]:
        """Return the hashes of an attribute's features, the rarest first."""
        found = self._found.get(part.number)
        if found is None:
            texts = self._texts(part) if self._values[part.place] else []
            found = self._found[part.number] = list(map(hashed, texts[: part.limit]))
        return found

    def _texts(self, part: Part) -> list[str]:
        of_tokens = _OF_TOKENS.get(part.feature)
        if of_tokens:
            return list(dict.fromkeys(chain.from_iterable(map(of_tokens, self._rarest_tokens(part.place)))))
        rarity, of = self._model.rarity_of(part.place), OF_VALUE[part.feature]
        return list(dict.fromkeys(text for value in self._values[part.place] for text in of(value, rarity)))

    def _rarest_tokens(self, place: int) -> list[list[str]]:
        found = self._tokens.get(place)
        if found is None:
            rarity = self._model.rarity_of(place)
            found = self._tokens[place] = [_rarest(value.split(), rarity) for value in self._values[place]]
        return found


def _rarest(tokens: Iterable[str], rarity: Rarity) -> list[str]:
    return sorted(set(tokens), key=lambda token: (-rarity(token), -len(token), token))


def _sounds(tokens: list[str]) -> list[str]:
    return [sound(token) for token in tokens if not token.isdecimal()]


def _pairs(tokens: list[str]) -> list[str]:
    return [" ".join(sorted(pair)) for pair in combinations(tokens[:MOST_PAIRED], 2)]


def _shingles(value: str, rarity: Rarity) -> list[str]:
    tokens = value.split()
    rare = {token: rarity(token) for token in set(tokens)}
    pairs = {
        f"{one} {other}": max(rare[one], rare[other]) * 2 + rare[one] + rare[other] for one, other in pairwise(tokens)
    }
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))


def grams_of(value: str) -> set[str]:
    """Return the runs of four characters of a text, spaces left out."""
    bare = value.replace(" ", "")
    return {bare[start : start + GRAM] for start in range(max(1, len(bare) - GRAM + 1))}


def _code_grams(value: str, rarity: Rarity) -> list[str]:
    grams = {gram for code in value.split() for gram in grams_of(code)}
    return _rarest((gram for gram in grams if any(map(str.isdecimal, gram))), _gram_rarity(rarity))


def _grams(value: str, rarity: Rarity) -> list[str]:
    bare = value.replace(" ", "")
    if len(bare) <= GRAM:
        return [bare]
    rare = [rarity(f"#{bare[start : start + 3]}") for start in range(len(bare) - 2)]
    grams = {bare[start : start + GRAM]: -rare[start] - rare[start + 1] for start in range(len(bare) - 3)}
    return sorted(grams, key=lambda gram: (grams[gram], gram))


def _gram_rarity(rarity: Rarity) -> Rarity:
    """Return how rare runs of four characters are, from the runs of three within."""
    return lambda gram: rarity(f"#{gram[:3]}") + rarity(f"#{gram[-3:]}")


_OF_TOKENS: dict[Feature, Callable[[list[str]], Iterable[str]]] = {
    Feature.TOKENS: lambda tokens: tokens,
    Feature.SOUNDS: _sounds,
    Feature.PAIRS: _pairs,
}
OF_VALUE: dict[Feature, Callable[[str, Rarity], Iterable[str]]] = {
    Feature.WHOLE: lambda value, _: (value,),
    Feature.END: lambda value, _: (value[-_END:],),
    Feature.START: lambda value, _: (value[:_START],),
    Feature.SHINGLES: _shingles,
    Feature.CODE_GRAMS: _code_grams,
    Feature.GRAMS: _grams,
}


def features_of(value: str, feature: Feature, rarity: Rarity) -> list[str]:
    """Return a standard value's features as texts, the rarest first, each once."""
    of_tokens = _OF_TOKENS.get(feature)
    found = of_tokens(_rarest(value.split(), rarity)) if of_tokens else OF_VALUE[feature](value, rarity)
    return list(dict.fromkeys(found))
