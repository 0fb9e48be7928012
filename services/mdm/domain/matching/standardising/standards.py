"""Standard forms: what of a raw value counts when records are compared. The original stays as it is."""

import html
import re
import unicodedata
from functools import lru_cache

from services.mdm.domain import check_digits
from services.mdm.domain.matching.standardising import wording
from services.mdm.domain.matching.standardising.pack_wording import pack_count

_APOSTROPHES = re.compile("['`\u2019\u00b4]")
_NOT_WORD = re.compile(r"[^0-9a-z]+")
_HOUSE = re.compile(r"^(\d+)[a-z]?$")
_ZIP = re.compile(r"^(\d{5})(\d{4})?$")
_DOMAIN = re.compile(r"^(?:[a-z]+://)?(?:www\.)?([^/:?#]+)")
_PHONE_LENGTH = 10
_SHORTEST_PHONE = 6
_SHORTEST_CODE = 3
_PURE_NUMBER_CODE = 4


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """Return the text in lower case ASCII without marks; letters of other scripts stay as they are."""
    if text.isascii():
        return (html.unescape(text) if "&" in text else text).lower()
    decomposed = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, `&` as `and`, single letters in a row as one word."""
    plain = _APOSTROPHES.sub("", folded(text)).replace("&", " and ")
    found = _NOT_WORD.sub(" ", plain).split() if plain.isascii() else _any_words(plain)
    return _initials_joined(found)


def _any_words(text: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in text).split()


def _initials_joined(found: list[str]) -> list[str]:
    joined: list[str] = []
    letters = False
    for word in found:
        single = len(word) == 1 and word.isalpha()
        if single and letters:
            joined[-1] += word
        else:
            joined.append(word)
        letters = single
    return joined


@lru_cache(maxsize=65536)
def _name_parts(text: str) -> tuple[str, str, str]:
    """Return the distinctive words of an organisation's name, those of its legal form, and the rest behind them."""
    found = [wording.SYNONYMS.get(word, word) for word in words(text)]
    found = [word for word in found if word not in wording.STOP_WORDS] or found
    forms: list[str] = []
    places: list[str] = []
    while len(found) > 1:
        last = found[-1]
        if last in wording.LEGAL_FORMS:
            forms.append(found.pop())
        elif last in wording.PLACES or last in wording.NOISE:
            places.append(found.pop())
        else:
            break
    return " ".join(found), " ".join(sorted(set(forms))), " ".join(sorted(set(places) - wording.NOISE))


def organisation(text: str) -> str:
    """Return the distinctive part of an organisation's name: without legal form, geography and noise behind it."""
    return _name_parts(text)[0]


def legal_form(text: str) -> str:
    """Return the legal form that an organisation's name ends with."""
    return _name_parts(text)[1]


def sales_area(text: str) -> str:
    """Return the geography that an organisation's name ends with."""
    return _name_parts(text)[2]


def description(text: str) -> str:
    """Return the words of a title or a description."""
    found = [wording.TERSE_WORDS.get(word, word) for word in words(text)]
    return " ".join(word for word in found if word not in wording.STOP_WORDS)


def people(text: str) -> str:
    """Return the words of a list of people's names."""
    return " ".join(words(text))


def person(text: str) -> str:
    """Return a given or family name."""
    return " ".join(words(text))


def _street_words(text: str) -> list[str]:
    found = _NOT_WORD.sub(" ", _APOSTROPHES.sub("", folded(text))).split()
    return [
        wording.ORDINALS.get(word) or wording.DIRECTIONS.get(word) or wording.STREET_TYPES.get(word) or word
        for word in found
    ]


@lru_cache(maxsize=65536)
def _address(text: str) -> tuple[str, str]:
    """Return the house number and the words of the street, without what stands behind words for a unit."""
    number = ""
    street: list[str] = []
    for place, word in enumerate(_street_words(text)):
        if place and word in wording.UNIT_WORDS:
            break
        house = _HOUSE.match(word)
        if house and not number and not street:
            number = house[1].lstrip("0")
        else:
            street.append(word)
    return number, " ".join(street)


def house_number(text: str) -> str:
    """Return the house number that an address begins with."""
    return _address(text)[0]


def street(text: str) -> str:
    """Return the street of an address with usual short forms."""
    return _address(text)[1]


def place(text: str) -> str:
    """Return a town, district or region."""
    return " ".join(wording.DIRECTIONS.get(word, word) for word in words(text))


def postal_code(text: str) -> str:
    """Return a postal code without separators; of a US one the five digits."""
    bare = "".join(character for character in folded(text) if character.isalnum())
    zip_code = _ZIP.match(bare)
    bare = zip_code[1] if zip_code else bare
    return bare if len(set(bare)) > 1 else ""


def phone(text: str) -> str:
    """Return the last ten digits of a telephone number; too few say nothing."""
    digits = "".join(character for character in folded(text) if character.isdecimal())
    return digits[-_PHONE_LENGTH:] if len(digits) >= _SHORTEST_PHONE and len(set(digits)) > 1 else ""


def email(text: str) -> str:
    """Return an e-mail address."""
    bare = folded(text).strip()
    return bare if "@" in bare else ""


def contact(text: str) -> str:
    """Return an e-mail address or a telephone number."""
    return email(text) or phone(text)


def domain(text: str) -> str:
    """Return the domain of a web address."""
    found = _DOMAIN.match(folded(text).strip())
    return found[1] if found and "." in found[1] else ""


def code(text: str) -> str:
    """Return a code without separators, case and leading zeros; one character repeated is a filler and says nothing."""
    bare = "".join(character for character in folded(text) if character.isalnum())
    bare = bare.lstrip("0") if bare.isdecimal() else bare
    return bare if len(set(bare)) > 1 or len(bare) < _SHORTEST_CODE else ""


def exact(text: str) -> str:
    """Return the words of a value that is equal or not."""
    return " ".join(words(text))


def date(text: str) -> str:
    """Return a day as eight digits, year first."""
    digits = "".join(character for character in text if character.isdecimal())
    return digits if len(digits) == 8 and digits.strip("0") else ""  # noqa: PLR2004 - yyyymmdd


def number(text: str) -> str:
    """Return a decimal number above zero, without trailing zeros."""
    bare = text.strip().lstrip("$€£ ").replace(",", "")
    whole, point, rest = bare.partition(".")
    if not whole.isdecimal() or (point and not rest.isdecimal()):
        return ""
    plain = f"{whole.lstrip('0') or '0'}.{rest.rstrip('0')}".rstrip(".")
    return "" if plain == "0" else plain


def duns(text: str) -> str:
    """Return a D-U-N-S number; what is none says nothing."""
    return check_digits.duns(text)


def ndc(text: str) -> str:
    """Return a National Drug Code as 11 digits; what could be two codes says nothing."""
    return check_digits.ndc(text)


def hibc(text: str) -> str:
    """Return the device identifier of an HIBC; one with a wrong check character says nothing."""
    return check_digits.hibc(text)


def pack(text: str) -> str:
    """Return how many single things the pack of a description holds; "" where it says none or two numbers."""
    count = pack_count(folded(text))
    return str(count) if count else ""


def model_codes(text: str) -> str:
    """Return what in a description looks like a model or part number, sorted."""
    found = {code_of for token in re.split(r"[\s/,;()]+", folded(text)) if (code_of := _model_code(token))}
    return " ".join(sorted(found))


def _model_code(token: str) -> str:
    bare = "".join(character for character in token if character.isalnum())
    digits = sum(character.isdecimal() for character in bare)
    if not digits or len(bare) < _SHORTEST_CODE or (digits == len(bare) and len(bare) < _PURE_NUMBER_CODE):
        return ""
    return bare
