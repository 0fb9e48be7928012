"""Exact prices ↔ google.type.Money."""

from decimal import Decimal

from google.type.money_pb2 import Money

_NANOS = 1_000_000_000
_LARGEST = 10**18
_DECIMALS = 4  # of Tryton's prices


def money(amount: Decimal, currency: str) -> Money | None:
    """Return an amount as money; None = money has fewer decimals, or digits."""
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        return None
    nanos = amount * _NANOS
    if nanos != int(nanos):
        return None
    units = int(amount)
    return Money(currency_code=currency, units=units, nanos=int(nanos) - units * _NANOS)


def amount(price: Money) -> str | None:
    """Return money as a plain decimal; None = Tryton's prices have fewer decimals."""
    exact = Decimal(price.units) + Decimal(price.nanos) / _NANOS
    shortest = exact.normalize()
    exponent = shortest.as_tuple().exponent
    return format(shortest, "f") if isinstance(exponent, int) and -exponent <= _DECIMALS else None
