"""Suppliers of a seed: the same for the same seed, a fifth of them said twice or more, with the errors people make."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

_ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kr l m n p pl pr qu r s sh sl st str t th tr v w z".split()  # noqa: SIM905 - reads better
_VOWELS = "a e i o u ai ea ee io oa ou".split()  # noqa: SIM905 - reads better
_CODAS = ["", "", "", *"b ck d ff g l ll m n nd ng nt r rd rk s ss st t x".split()]  # noqa: SIM905 - reads better
_TRADES = (
    "Medical", "Surgical", "Healthcare", "Pharma", "Laboratories", "Diagnostics", "Devices", "Orthopedics", "Dental",
    "Imaging", "Supply", "Instruments", "Therapeutics", "Implants", "Biotech", "Scientific", "Technologies", "Systems",
    "Solutions", "Services", "Products", "Industries", "Equipment", "Logistics", "Textiles", "Catering",
)  # fmt: skip
_FORMS = ("Inc.", "Inc", "LLC", "Corp.", "Corporation", "Co.", "Company", "Ltd.", "LP", "GmbH", "PLC", "")
_AREAS = ("", "", "", "", "", "", "", "", "USA", "America", "International", "of America")
_STREETS = ("Street", "Avenue", "Road", "Boulevard", "Drive", "Lane", "Court", "Parkway")
_SHORT_STREETS = {"Street": "St", "Avenue": "Ave.", "Road": "Rd", "Boulevard": "Blvd", "Drive": "Dr", "Lane": "Ln"}
_DIRECTIONS = ("", "", "", "N ", "S ", "East ", "W. ")
_KEYS = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "n": "bm", "r": "et", "s": "ad", "t": "ry", "l": "k", "m": "n"}
_SHORT_TRADES = {
    "Medical": "Med", "Surgical": "Surg", "Laboratories": "Labs", "Technologies": "Tech", "Services": "Svcs",
    "Industries": "Ind", "Equipment": "Equip", "Products": "Prod", "Instruments": "Instr", "Systems": "Sys",
}  # fmt: skip
_DUPLICATED = 0.185
_NAMESAKES, _NEIGHBOURS, _FRANCHISES = 0.05, 0.04, 0.01
"""Shares of suppliers that another one resembles: by name, by address and phone, by the whole name."""
_MOVED = 0.06
_TOWNS, _STEMS = 3_000, 60_000


@dataclass(frozen=True)
class Record:
    """One source record of a generated supplier; records of one `thing` are the same supplier."""

    key: str
    thing: int
    name: str
    street: str
    town: str
    postal_code: str
    phone: str
    email: str


def suppliers(count: int, seed: int) -> Iterator[Record]:
    """Yield about `count` records, duplicates right behind one another."""
    chance = random.Random(seed)  # noqa: S311 - no secret: the same population for the same seed
    stems = sorted({_word(chance) for _ in range(_STEMS)})
    towns = [(_word(chance), f"{chance.randrange(1_000, 99_999):05d}") for _ in range(_TOWNS)]
    made = thing = 0
    last: Record | None = None
    while made < count:
        first = _like(chance, last, _supplier(chance, stems, towns, thing))
        last = first
        copies = 1 + _happens(chance, _DUPLICATED) * chance.choice((1, 1, 1, 2))
        for copy in range(min(copies, count - made)):
            told = first if not copy else _corrupted(chance, _moved(chance, first, stems, towns))
            yield replace(told, key=f"{thing}-{copy}")
            made += 1
        thing += 1


def _happens(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _word(chance: random.Random) -> str:
    syllables = chance.choice((1, 2, 2, 2, 3))
    parts = (chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS) for _ in range(syllables))
    return "".join(parts).capitalize()


def _supplier(chance: random.Random, stems: list[str], towns: list[tuple[str, str]], thing: int) -> Record:
    town, postal_code = chance.choice(towns)
    # Few stems are very common, as Johnson and Delta are.
    stem = stems[int(len(stems) * chance.random() ** 2)]
    words = [stem, *([chance.choice(stems)] if _happens(chance, 0.35) else []), chance.choice(_TRADES)]
    domain = "".join(words[:2]).lower()
    return Record(
        key="",
        thing=thing,
        name=" ".join(part for part in (*words, chance.choice(_AREAS), chance.choice(_FORMS)) if part),
        street=_street(chance, stems),
        town=town,
        postal_code=postal_code,
        phone=f"{chance.randrange(201, 990)}-{chance.randrange(200, 999)}-{chance.randrange(10_000):04d}",
        email=f"orders@{domain}{chance.randrange(100)}.example" if _happens(chance, 0.4) else "",
    )


def _like(chance: random.Random, last: Record | None, record: Record) -> Record:
    """Return the supplier, now and then so that it resembles the last one, which it is not."""
    drawn = chance.random()
    if last is None or drawn >= _NAMESAKES + _NEIGHBOURS + _FRANCHISES:
        return record
    if drawn < _NAMESAKES:
        words = last.name.split()
        return replace(record, name=" ".join([words[0], chance.choice(_TRADES), *record.name.split()[-1:]]))
    if drawn < _NAMESAKES + _NEIGHBOURS:
        house: dict[str, Any] = {
            "street": last.street,
            "town": last.town,
            "postal_code": last.postal_code,
            "phone": last.phone,
        }
        return replace(record, **house)
    return replace(record, name=last.name)


def _moved(chance: random.Random, record: Record, stems: list[str], towns: list[tuple[str, str]]) -> Record:
    """Return the record, now and then with another address than the first one tells."""
    if not _happens(chance, _MOVED):
        return record
    town, postal_code = chance.choice(towns)
    return replace(record, street=_street(chance, stems), town=town, postal_code=postal_code)


def _street(chance: random.Random, stems: list[str]) -> str:
    number, name = chance.randrange(1, 9_999), f"{chance.choice(_DIRECTIONS)}{chance.choice(stems)}"
    return f"{number} {name} {chance.choice(_STREETS)}"


def _corrupted(chance: random.Random, record: Record) -> Record:
    """Return the record as another clerk writes it: other forms, typing errors, what is left out, what has moved."""
    changed = record
    if _happens(chance, 0.5):
        changed = replace(changed, name=_renamed(chance, changed.name))
    if _happens(chance, 0.35):
        changed = replace(changed, name=_mistyped(chance, changed.name))
    if _happens(chance, 0.6):
        changed = replace(changed, street=_shortened(changed.street))
    if _happens(chance, 0.2):
        changed = replace(changed, street=_mistyped(chance, changed.street))
    if _happens(chance, 0.3):
        changed = replace(changed, phone=chance.choice(("", f"({changed.phone[:3]}) {changed.phone[4:]}")))
    if _happens(chance, 0.25):
        changed = _without(chance.choice(("street", "town", "postal_code", "email")), changed)
    if _happens(chance, 0.08):
        changed = replace(changed, phone=f"{changed.phone[:-2]}{chance.randrange(100):02d}")
    return changed


def _without(field: str, record: Record) -> Record:
    left_out: dict[str, Any] = {field: ""}
    return replace(record, **left_out)


def _renamed(chance: random.Random, name: str) -> str:
    words = [word for word in name.split() if word not in _FORMS]
    if _happens(chance, 0.3):
        words = [_SHORT_TRADES.get(word, word) for word in words]
    renamed = " ".join([*words, chance.choice(_FORMS)]).strip()
    return renamed.upper() if _happens(chance, 0.4) else renamed


def _shortened(street: str) -> str:
    return " ".join(_SHORT_STREETS.get(word, word) for word in street.split())


def _mistyped(chance: random.Random, text: str) -> str:
    """Return the text with one slip of the hand: a neighbouring key, a lost, doubled or swapped letter."""
    if len(text) < 4:  # noqa: PLR2004 - too short to slip in
        return text
    place = chance.randrange(1, len(text) - 1)
    letter = text[place]
    slip = chance.choice(("neighbour", "lost", "doubled", "swapped"))
    if slip == "neighbour":
        return text[:place] + chance.choice(_KEYS.get(letter.lower(), letter)) + text[place + 1 :]
    if slip == "swapped":
        return text[:place] + text[place + 1] + letter + text[place + 2 :]
    return text[:place] + ("" if slip == "lost" else letter * 2) + text[place + 1 :]
