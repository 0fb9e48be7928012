"""Whether an identifier is well formed, by the rule of those who issue it."""

from stdnum import ean, lei, luhn

DUNS_LENGTH = 9
GLN_LENGTH = 13
GTIN_LENGTH = 14
NPI_LENGTH = 10


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
