"""Questions the log can answer, and the refusal of the others."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from concord.audit.v1.audit_pb2 import GetLeafRequest, ListGapsRequest, ListLeavesRequest
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.question import LeafPage, Stretch
from services.audit.transport.asking import (
    LeafPlace,
    filter_of,
    key_of,
    leaf_index_of,
    page_of,
    token_behind,
    token_of,
)
from services.mesh.contract.pagination import PageToken
from services.mesh.errors import ConcordError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("name", "index"), [("leaves/0", 0), ("leaves/9223372036854775807", 2**63 - 1)])
def test_a_leaf_is_named_by_its_place(name: str, index: int) -> None:
    assert leaf_index_of(name) == index


@pytest.mark.parametrize(
    "name", ["leaves/", "leaves/01", "leaves/-1", "leaves/٣", "leaves/9223372036854775808", "suppliers/1", "leaves/1 "]
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ConcordError) as refused:
        leaf_index_of(name)
    assert refused.value.reason == reasons.ERROR_REASON_INVALID_NAME


def test_a_change_is_asked_for_by_all_three_parts() -> None:
    with pytest.raises(ConcordError) as refused:
        key_of(GetLeafRequest(record="suppliers/one"))
    assert [violation.field for violation in refused.value.violations] == ["source_service", "revision"]


@given(st.integers(0, 10**6), st.integers(0, 999_999_999), st.integers(0, 10**6), st.integers(0, 999_999))
def test_times_restrict_microseconds_as_they_would_nanoseconds(
    seconds: int, nanos: int, held_seconds: int, held_micros: int
) -> None:
    held = EPOCH + timedelta(seconds=held_seconds, microseconds=held_micros)
    bound = Timestamp(seconds=seconds, nanos=nanos)
    wanted = filter_of(ListLeavesRequest(start_time=bound, end_time=bound))
    assert wanted.start is not None
    assert wanted.start == wanted.end
    not_before = (held_seconds, held_micros * 1000) >= (seconds, nanos)
    assert (held >= wanted.start) is not_before


def test_the_calendars_last_moment_is_a_time() -> None:
    last = Timestamp(seconds=253402300799, nanos=999_999_999)
    assert filter_of(ListLeavesRequest(end_time=last)).end == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-(2**40), 2**40])
def test_a_time_outside_the_calendar_is_refused(seconds: int) -> None:
    with pytest.raises(ConcordError) as refused:
        filter_of(ListLeavesRequest(end_time=Timestamp(seconds=seconds)))
    assert [violation.field for violation in refused.value.violations] == ["end_time"]


def test_a_text_that_the_database_cannot_compare_is_refused() -> None:
    with pytest.raises(ConcordError) as refused:
        filter_of(ListLeavesRequest(record="a\x00", actor="\x00"))
    assert [violation.field for violation in refused.value.violations] == ["record", "actor"]


def test_a_token_continues_its_own_question_only() -> None:
    request = ListGapsRequest(source_service="mdm", page_size=5)
    request.page_token = token_behind(41, request)
    assert page_of(request) == (41, 5)
    request.source_service = "erp_adapter"
    with pytest.raises(ConcordError) as refused:
        page_of(request)
    assert refused.value.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN
    assert token_behind(None, request) == ""


def test_the_pages_of_a_question_end_where_its_first_page_was_asked() -> None:
    request = ListLeavesRequest(record="suppliers/one", page_size=5)
    first = LeafPlace.of(request).within(question=60)
    assert first == Stretch(after=-1, before=60)
    request.page_token = token_of(LeafPage([], next_after=41), first, request)
    assert LeafPlace.of(request).within(question=99) == Stretch(after=41, before=60)
    assert token_of(LeafPage([], next_after=None), first, request) == ""


def test_no_token_makes_a_question_see_itself() -> None:
    request = ListLeavesRequest()
    request.page_token = PageToken.encode(["3", str(2**63 - 1)], request)
    assert LeafPlace.of(request).within(question=60).before == 60


@pytest.mark.parametrize("keys", [(), ("x",), ("-1",), ("9" * 19,), ("1", "2")])
def test_a_forged_token_is_refused(keys: tuple[str, ...]) -> None:
    request = ListGapsRequest()
    request.page_token = PageToken.encode(keys, request)
    with pytest.raises(ConcordError) as refused:
        page_of(request)
    assert refused.value.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "x"), ("-1", "2"), ("1", "9" * 19), ("1", "2", "3")])
def test_a_forged_token_of_a_page_of_leaves_is_refused(keys: tuple[str, ...]) -> None:
    request = ListLeavesRequest()
    request.page_token = PageToken.encode(keys, request)
    with pytest.raises(ConcordError) as refused:
        LeafPlace.of(request)
    assert refused.value.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN


@pytest.mark.parametrize(("asked", "given_size"), [(0, 100), (7, 7), (1000, 1000), (1_000_000, 1000)])
def test_pages_have_a_default_and_a_limit(asked: int, given_size: int) -> None:
    assert page_of(ListGapsRequest(page_size=asked))[1] == given_size
    assert LeafPlace.of(ListLeavesRequest(page_size=asked)).limit == given_size
