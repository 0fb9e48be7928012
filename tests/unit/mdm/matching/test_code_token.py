"""Codes that nobody may read: what their tokens tell, and what they do not."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import assume, given
from hypothesis import strategies as st

from concord.mdm.v1 import employee_pb2
from services.mdm.domain.match_reasons import reasons
from services.mdm.domain.matching.comparing.comparisons import Likeness, likeness
from services.mdm.domain.matching.declaration import Attribute, Comparison
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.code_token import code_token, token_of_all, tokens_of_pairs
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.sensitivity import is_restricted
from services.mdm.domain.types.employee import EMPLOYEE

NUMBER, ANOTHER = "123456789", "731948526"
COMPARED = [(kind, attribute) for kind in RECORD_TYPES if kind.matching for attribute in kind.matching.attributes]


def token(value: str, purpose: str) -> str:
    return hashlib.sha256(f"{purpose}\0{value}".encode()).hexdigest()


def compared(one: str, other: str, rarity: int = 10_000) -> Likeness:
    return likeness(Comparison.RESTRICTED_CODE, code_token(one, token), code_token(other, token), lambda _: rarity)


def swapped(code: str, place: int) -> str:
    return code[:place] + code[place + 1] + code[place] + code[place + 2 :]


@given(st.text("0123456789ab", min_size=4, max_size=12), st.data())
def test_neighbours_that_changed_places_are_told_wherever_they_stand(code: str, data: st.DataObject) -> None:
    other = swapped(code, data.draw(st.integers(0, len(code) - 2)))
    assume(other != code)
    assert compared(code, other) == compared(other, code) == Likeness(900, 10_000)


@pytest.mark.parametrize(
    "other", ["124456789", "123456780", "12345678", "1234567890", "523416789", "987654321", "12", ""]
)
def test_other_differences_make_another_code(other: str) -> None:
    assert compared(NUMBER, other) == Likeness(0, 0)


def test_changed_places_tell_nothing_in_the_shortest_codes() -> None:
    assert compared("123", "213") == Likeness(0, 0)


def test_a_code_in_order_has_three_tokens_that_nobody_sees_to_be_of_one_text() -> None:
    text = code_token("123456789", token)
    assert len({token_of_all(text)[-11:], *tokens_of_pairs(text)}) == 3


@pytest.mark.parametrize("length", [4, 5, 6, 7])
def test_few_codes_share_a_token_of_pairs(length: int) -> None:
    codes = ["".join(each) for each in permutations("1234567"[:length])]
    for place in (0, 1):
        holders = Counter(tokens_of_pairs(code_token(code, token))[place] for code in codes)
        assert max(holders.values()) <= 2 ** (length // 2)


def test_what_both_share_is_as_common_as_the_commoner_of_the_two() -> None:
    common = code_token(NUMBER, token)
    other = code_token(swapped(NUMBER, 3), token)
    found = likeness(Comparison.RESTRICTED_CODE, common, other, lambda text: 2_000 if text == common else 12_000)
    assert found == Likeness(900, 2_000)


@pytest.mark.parametrize(("kind", "attribute"), COMPARED, ids=lambda each: each.name)
def test_restricted_values_and_no_others_are_compared_as_restricted_codes(
    kind: RecordType, attribute: Attribute
) -> None:
    restricted = {any(map(is_restricted, fields_along(kind, path))) for path in attribute.paths}
    assert restricted == {attribute.comparison is Comparison.RESTRICTED_CODE}


def fields_along(kind: RecordType, path: str) -> Iterator[FieldDescriptor]:
    descriptor = kind.descriptor
    for name in kind.fields_of(path):
        yield descriptor.fields_by_name[name]
        descriptor = descriptor.fields_by_name[name].message_type or descriptor


def numbered(number: str) -> Any:
    person = employee_pb2.Employee()
    person.national_ids.add(country="US", scheme="ssn", value=number)
    return profile(EMPLOYEE, person, token)


def test_swapped_digits_of_a_national_number_speak_for_the_same_person_and_forbid_nothing() -> None:
    model = default_model(EMPLOYEE)
    slip = model.score(numbered(NUMBER), numbered("12-354-6789"))
    (reason,) = reasons(model, slip)
    assert (reason.attribute, reason.finding, slip.forbidden) == ("national_id", "nearly the same", "")
    another = model.score(numbered(NUMBER), numbered(ANOTHER))
    same = model.score(numbered(NUMBER), numbered(NUMBER))
    assert another.millibits < 0 < slip.millibits < same.millibits
