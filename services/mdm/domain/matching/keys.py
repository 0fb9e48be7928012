"""Block keys: records that share one are compared."""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, islice, pairwise
from typing import TYPE_CHECKING

from services.mdm.domain.matching.declaration import BlockKey, Feature, Matching
from services.mdm.domain.matching.hashing import combined, hashed
from services.mdm.domain.matching.profile import Profile
from services.mdm.domain.matching.sounds import sound

if TYPE_CHECKING:
    from services.mdm.domain.matching.model import MatchModel

Rarity = Callable[[str], int]
_GRAM, _START, _END = 4, 4, 7
_IDENTIFIER = hashed("identifier")


def block_keys(profile: Profile, model: "MatchModel") -> tuple[int, ...]:
    """Return the keys that a record is found by: signed 64-bit, sorted, distinct, without the model's common ones."""
    return tuple(sorted(all_keys(profile, model) - model.common_keys))


def all_keys(profile: Profile, model: "MatchModel") -> set[int]:
    """Return the keys of a record, those included that so many share that they say nothing."""
    found = {combined(_IDENTIFIER, hashed(kind), hashed(value)) for kind, value in profile.identifiers}
    for key in model.matching.keys:
        found.update(islice(_keys(key, profile, model), key.limit))
    return found


def _keys(key: BlockKey, profile: Profile, model: "MatchModel") -> Iterator[int]:
    seed = hashed(key.name)
    first, *second = (list(_features(part, profile, model)) for part in key.parts)
    others = second[0] if second else [0]
    for one in first:
        for other in others:
            yield combined(seed, one, other)


def _features(part: tuple[str, Feature], profile: Profile, model: "MatchModel") -> Iterable[int]:
    name, feature = part
    place = model.matching.index(name)
    rarity = model.rarity_of(place)
    found: dict[str, None] = {}
    for value in profile.values[place]:
        found.update(dict.fromkeys(_FEATURES[feature](value, rarity)))
    return map(hashed, found)


def _rarest(tokens: Iterable[str], rarity: Rarity) -> list[str]:
    return sorted(set(tokens), key=lambda token: (-rarity(token), -len(token), token))


def _tokens(value: str, rarity: Rarity) -> list[str]:
    return _rarest(value.split(), rarity)


def _sounds(value: str, rarity: Rarity) -> list[str]:
    return [sound(token) for token in _tokens(value, rarity) if not token.isdecimal()]


def _pairs(value: str, rarity: Rarity) -> list[str]:
    return [" ".join(sorted(pair)) for pair in combinations(_tokens(value, rarity)[:5], 2)]


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
    return {bare[start : start + _GRAM] for start in range(max(1, len(bare) - _GRAM + 1))}


def _code_grams(value: str, rarity: Rarity) -> list[str]:
    grams = {gram for code in value.split() for gram in grams_of(code)}
    return _rarest((gram for gram in grams if any(map(str.isdecimal, gram))), _gram_rarity(rarity))


def _grams(value: str, rarity: Rarity) -> list[str]:
    return _rarest(grams_of(value), _gram_rarity(rarity))


def _gram_rarity(rarity: Rarity) -> Rarity:
    """Return how rare runs of four characters are, from the runs of three within."""
    return lambda gram: rarity(f"#{gram[:3]}") + rarity(f"#{gram[-3:]}")


_FEATURES: dict[Feature, Callable[[str, Rarity], Iterable[str]]] = {
    Feature.WHOLE: lambda value, _: (value,),
    Feature.END: lambda value, _: (value[-_END:],),
    Feature.START: lambda value, _: (value[:_START],),
    Feature.TOKENS: _tokens,
    Feature.SOUNDS: _sounds,
    Feature.PAIRS: _pairs,
    Feature.SHINGLES: _shingles,
    Feature.CODE_GRAMS: _code_grams,
    Feature.GRAMS: _grams,
}
__all__ = ["Matching", "all_keys", "block_keys"]
