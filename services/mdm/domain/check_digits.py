"""Whether an identifier is well formed, by the rule of those who issue it, and its one standard form."""

import re

from stdnum import ean, lei, luhn

DUNS_LENGTH = 9
GLN_LENGTH = 13
GTIN_LENGTH = 14
NPI_LENGTH = 10
SSCC_LENGTH = 18

_HIBC_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
"""The characters of ANSI/HIBC 2.6 in the order of their values for the check character."""
_HIBC_DI = re.compile(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]")
"""Labeler code, product or catalogue number, unit of measure."""
_HIBC_PRIMARY = re.compile(rf"\+({_HIBC_DI.pattern})(?:/.*)?[{re.escape(_HIBC_CHARACTERS)}]")
_ICCBBA = re.compile(r"=/([A-Z0-9]{16})(?:[=&].*)?")
_GS1 = re.compile(r"(?:\(01\))?([0-9]{14})(?:\(.*)?")
_NDC_SEGMENTS = (5, 4, 2)
_NDC_FORMS = frozenset(((4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2)))


def _digits(value: str, length: int) -> bool:
    return len(value) == length and value.isascii() and value.isdigit() and len(set(value)) > 1


def is_lei(value: str) -> bool:
    """Tell whether it is a Legal Entity Identifier (ISO 17442, modulus 97-10)."""
    return bool(lei.is_valid(value))


def is_duns(value: str) -> bool:
    """Tell whether it is a D-U-N-S number: 9 digits, no check digit; one repeated digit is a filler."""
    return _digits(value, DUNS_LENGTH)


def is_gln(value: str) -> bool:
    """Tell whether it is a Global Location Number: 13 digits, GS1 check digit, no filler."""
    return _digits(value, GLN_LENGTH) and bool(ean.is_valid(value))


def is_npi(value: str) -> bool:
    """Tell whether it is a National Provider Identifier: Luhn over `80840` and its 10 digits (45 CFR 162.406)."""
    return _digits(value, NPI_LENGTH) and value[0] in "12" and bool(luhn.is_valid("80840" + value))


def is_gtin(value: str) -> bool:
    """Tell whether it is a GTIN padded to 14 digits with a right GS1 check digit, no filler."""
    return _digits(value, GTIN_LENGTH) and bool(ean.is_valid(value))


def is_restricted_circulation(gtin: str) -> bool:
    """Tell whether anybody may give this GTIN-14 to anything: GS1 prefixes 02, 04 and 20 to 29."""
    return gtin[1:3] in {"02", "04"} or gtin[1] == "2"


def is_sscc(value: str) -> bool:
    """Tell whether it is a Serial Shipping Container Code: 18 digits, GS1 check digit, no filler."""
    return _digits(value, SSCC_LENGTH) and bool(ean.calc_check_digit(value[:-1]) == value[-1])


def is_hibc(value: str) -> bool:
    """Tell whether it is an HIBC with primary data: flag `+`, and a check character (modulus 43) at its end."""
    if not _HIBC_PRIMARY.fullmatch(value) or not set(value) <= set(_HIBC_CHARACTERS):
        return False
    return _HIBC_CHARACTERS[sum(map(_HIBC_CHARACTERS.index, value[:-1])) % len(_HIBC_CHARACTERS)] == value[-1]


def duns(text: str) -> str:
    """Return a D-U-N-S number as its 9 digits, however they are divided (`15-048-3782`); "" for what is none."""
    bare = re.sub(r"[\s-]", "", text)
    return bare if is_duns(bare) else ""


def ndc(text: str) -> str:
    """Return a National Drug Code as 11 digits (5-4-2, 45 CFR 162.1002), each segment filled up from the left.

    "" for what is none, and for 10 digits without hyphens: which segment is short nobody can tell (21 CFR 207.33).
    """
    segments = text.strip().split("-")
    if len(segments) == 1 and len(segments[0]) == sum(_NDC_SEGMENTS):
        segments = [segments[0][:5], segments[0][5:9], segments[0][9:]]
    if tuple(map(len, segments)) not in _NDC_FORMS:
        return ""
    whole = "".join(segment.zfill(length) for segment, length in zip(segments, _NDC_SEGMENTS, strict=True))
    return whole if _digits(whole, sum(_NDC_SEGMENTS)) else ""


def hibc(text: str) -> str:
    """Return the device identifier of an HIBC: labeler code, product number, unit of measure; "" for what is none.

    With the flag its check character has to be right; without, there is none to check.
    """
    bare = text.strip().strip("*").upper()
    if bare.startswith("+"):
        found = _HIBC_PRIMARY.fullmatch(bare)
        return found[1] if found and is_hibc(bare) else ""
    return bare if _HIBC_DI.fullmatch(bare) else ""


def udi_di(text: str) -> str:
    """Return the device identifier of a UDI or a UDI-DI by its issuer: GS1 (a GTIN), HIBCC, ICCBBA; "" for none.

    The first character tells the issuer (FDA, UDI formats by issuing agency). Production identifiers fall away.
    """
    bare = text.strip().upper()
    if bare.startswith("="):
        found = _ICCBBA.fullmatch(bare)
        return found[1] if found else ""
    if bare.startswith("(") or bare.isdecimal():
        found = _GS1.fullmatch(bare)
        return found[1] if found and is_gtin(found[1]) else ""
    return hibc(bare)
