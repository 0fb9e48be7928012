"""How a word sounds, roughly: enough that spellings of one name share a block key."""

import re
from functools import lru_cache

_REPLACED = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"^(kn|gn|pn|wr)", lambda found: found[0][1]),
        (r"ph", "f"),
        (r"(sch|sh|ch|tch)", "x"),
        (r"(ck|q|c(?![eiy]))", "k"),
        (r"(c|z|tz)", "s"),
        (r"(gh|h)", ""),
        (r"(dg|j)", "j"),
        (r"[wv]", "f"),
        (r"d", "t"),
        (r"b", "p"),
        (r"m", "n"),
    )
)
_VOWELS = re.compile(r"(?<!^)[aeiouy]+")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=1 << 18)
def sound(word: str) -> str:
    """Return the word's sound: consonants in classes, the first letter kept, doubles and inner vowels dropped."""
    bare = word
    for pattern, by in _REPLACED:
        bare = pattern.sub(by, bare)
    return _DOUBLED.sub(r"\1", _VOWELS.sub("", bare)) or word
