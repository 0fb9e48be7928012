"""What is an echo, and what has to be written."""

from hypothesis import given
from hypothesis import strategies as st

from services.adapter.domain.delivered import Delivered, canonical, echoed, field_of, outstanding
from services.adapter.systems.connector import Expression, Value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _token(path: str, value: Value) -> str:
    return f"{path}={canonical(value).decode()}"


def _matches(token: str, path: str, value: Value) -> bool:
    return token == _token(path, value)


def _delivered(path: str, wanted: str, shown: str = "") -> Delivered:
    return Delivered(_token(path, wanted), _token(path, shown or wanted), "suppliers/1", 1)


def _outstanding(
    desired: dict[str, Value],
    shown: dict[str, Value],
    delivered: dict[str, Delivered] | None = None,
    masked: tuple[str, ...] = (),
    inexpressible: tuple[str, ...] = (),
) -> dict[str, Value]:
    return outstanding(Expression(desired, inexpressible), shown, delivered or {}, _matches, masked)


@given(VALUES)
def test_equal_values_have_equal_canonical_bytes_whatever_their_order(value: Value) -> None:
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    assert canonical(value) == canonical(turned)


def test_empty_says_nothing_but_zero_and_false_say_something() -> None:
    assert canonical("") == canonical(None) == canonical([]) == canonical({})
    assert len({canonical(0), canonical(False), canonical(None)}) == 3
    assert canonical(("a", "b")) == canonical(["a", "b"])


def test_what_still_shows_the_delivered_value_is_an_echo_and_nothing_else() -> None:
    delivered = {path: _delivered(path, "x") for path in ("phone", "website", "legal_name")}
    assert echoed(delivered, {"phone": "x", "website": "y", "trading": "x"}, _matches) == ("phone",)


def test_a_value_is_an_echo_as_the_system_spells_it() -> None:
    assert echoed({"phone": _delivered("phone", "acme", "ACME")}, {"phone": "ACME"}, _matches) == ("phone",)


def test_only_what_differs_is_written() -> None:
    assert _outstanding({"phone": "1", "website": "new"}, {"phone": "1", "website": "old"}) == {"website": "new"}


def test_what_the_system_spells_its_own_way_is_not_written_again_until_either_side_changes() -> None:
    delivered = {"legal_name": _delivered("legal_name", "Acme", "ACME")}
    assert _outstanding({"legal_name": "Acme"}, {"legal_name": "ACME"}, delivered) == {}
    assert _outstanding({"legal_name": "Acme Inc"}, {"legal_name": "ACME"}, delivered) == {"legal_name": "Acme Inc"}
    assert _outstanding({"legal_name": "Acme"}, {"legal_name": "Bolt"}, delivered) == {"legal_name": "Acme"}


def test_silence_never_erases_a_systems_own_word() -> None:
    assert _outstanding({}, {"phone": "1"}) == {}
    assert _outstanding({}, {"phone": "1"}, {"phone": _delivered("phone", "2")}) == {}


def test_the_hub_takes_back_its_own_word_unless_it_may_be_masked() -> None:
    delivered = {"tax_ids[US/ein]": _delivered("tax_ids[US/ein]", "12-3456789")}
    shown: dict[str, Value] = {"tax_ids[US/ein]": "12-3456789"}
    assert _outstanding({}, shown, delivered) == {"tax_ids[US/ein]": None}
    assert _outstanding({}, shown, delivered, masked=("tax_ids",)) == {}
    assert _outstanding({}, shown, delivered, inexpressible=("tax_ids[US/ein]",)) == {}


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_after_writing_what_is_outstanding_nothing_is(desired: dict[str, Value], shown: dict[str, Value]) -> None:
    after = shown | _outstanding(desired, shown)
    assert _outstanding(desired, after) == {}


def test_a_path_begins_with_its_field() -> None:
    assert [field_of(path) for path in ("sites[A.B]", "slices.parents[legal]", "phone")] == ["sites", "slices", "phone"]
