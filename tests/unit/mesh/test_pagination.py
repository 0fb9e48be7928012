"""Page sizes and page tokens."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import item_pb2, supplier_pb2
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError

REQUEST = supplier_pb2.ListSuppliersRequest(filter='legal_name = "Acme"', order_by="legal_name desc")
keys = st.lists(st.text(), max_size=4).map(tuple)


def refused(token: str, request: supplier_pb2.ListSuppliersRequest | item_pb2.ListItemsRequest = REQUEST) -> bool:
    with pytest.raises(ConcordError) as caught:
        PageToken.decode(token, request)
    return bool(caught.value.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN)


@pytest.mark.parametrize(("requested", "expected"), [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_a_page_size_is_defaulted_and_clamped(requested: int, expected: int) -> None:
    assert page_size(requested) == expected


def test_a_default_never_exceeds_the_largest_size() -> None:
    assert page_size(0, default=50, largest=20) == 20


def test_a_negative_page_size_is_refused_with_its_value() -> None:
    with pytest.raises(ConcordError) as caught:
        page_size(-1)
    assert caught.value.reason == reasons.ERROR_REASON_INVALID_PAGE_SIZE
    assert caught.value.metadata == {"page_size": "-1"}
    assert caught.value.violations[0].field == "page_size"


def test_no_token_means_the_first_page() -> None:
    assert PageToken.decode("", REQUEST) is None


@given(keys)
def test_a_token_returns_its_keys_for_the_same_question(last: tuple[str, ...]) -> None:
    token = PageToken.encode(last, REQUEST)
    assert PageToken.decode(token, REQUEST, keys=len(last)) == last
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_size_and_token_may_differ_between_pages() -> None:
    token = PageToken.encode(("a",), REQUEST)
    following = supplier_pb2.ListSuppliersRequest(page_size=7, page_token=token)
    following.MergeFrom(REQUEST)
    assert PageToken.decode(token, following) == ("a",)


def test_a_token_of_another_question_is_refused() -> None:
    token = PageToken.encode(("a",), REQUEST)
    other = supplier_pb2.ListSuppliersRequest(filter=REQUEST.filter)
    assert refused(token, other)


def test_a_token_of_another_type_with_the_same_bytes_is_refused() -> None:
    token = PageToken.encode(("a",), supplier_pb2.ListSuppliersRequest(filter="x"))
    assert refused(token, item_pb2.ListItemsRequest(filter="x"))


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    assert refused(text)


@given(keys, st.data())
def test_a_damaged_token_is_refused(last: tuple[str, ...], data: st.DataObject) -> None:
    content = bytearray(base64.urlsafe_b64decode(PageToken.encode(last, REQUEST) + "==="))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert refused(base64.urlsafe_b64encode(bytes(content)).decode().rstrip("="))


@pytest.mark.parametrize("forged", ["x", "", "1.5", "9" * 19, "--1", "\u0663"])
def test_a_forged_number_is_no_page_token(forged: str) -> None:
    token = PageToken.encode(("name", forged), REQUEST)
    with pytest.raises(ConcordError) as caught:
        PageToken.decode(token, REQUEST, keys=2, numbers=(1,))
    assert caught.value.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN
    assert PageToken.decode(PageToken.encode(("name", "-12"), REQUEST), REQUEST, keys=2, numbers=(1,)) == (
        "name",
        "-12",
    )
