"""Questions to the log: leaves by record, actor and time, gaps, counts; page by page, within a scope."""

import itertools
from collections.abc import Iterable
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.audit.domain.gap import Gap
from services.audit.domain.leaf import LeafKey
from services.audit.domain.question import HeldLeaf, LeafCount, LeafFilter, Scope, Stretch
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from tests.support.audit.leaves import BEGINNING, history, incoming, leaf_bytes

EVERYTHING = LeafFilter()
END = 2**63 - 1
WHOLE = Stretch(-1, END)


def append(log: LeafLog, data: Iterable[bytes]) -> None:
    log.append([incoming(each) for each in data])


def all_leaves(reader: LeafReader, wanted: LeafFilter, scope: Scope = None, limit: int = 2) -> list[HeldLeaf]:
    found: list[HeldLeaf] = []
    after = -1
    while True:
        page = reader.leaves(wanted, scope, Stretch(after, END), limit=limit)
        assert len(page.leaves) <= limit
        found.extend(page.leaves)
        if page.next_after is None:
            return found
        after = page.next_after


def all_gaps(reader: LeafReader, source_service: str = "", scope: Scope = None, limit: int = 2) -> list[Gap]:
    found: list[Gap] = []
    after = None
    while True:
        page = reader.gaps(source_service, scope, after=after, limit=limit)
        assert len(page.gaps) <= limit
        found.extend(page.gaps)
        if page.next_after is None:
            return found
        after = page.next_after


LOG = [
    *history("suppliers/one", range(1, 4), at=BEGINNING),
    *history("items/two", range(1, 3), actor="erp", record_type="item", at=BEGINNING + timedelta(hours=1)),
    *history("suppliers/one", range(4, 6), actor="erp", at=BEGINNING + timedelta(hours=2)),
    leaf_bytes("pauses/erp", source_service="erp_adapter", at=BEGINNING + timedelta(hours=3)),
]


LISTINGS = [
    (EVERYTHING, [0, 1, 2, 3, 4, 5, 6, 7]),
    (LeafFilter(source_service="erp_adapter"), [7]),
    (LeafFilter(record="suppliers/one"), [0, 1, 2, 5, 6]),
    (LeafFilter(actor="erp"), [3, 4, 5, 6]),
    (LeafFilter(record="suppliers/one", actor="erp"), [5, 6]),
    (LeafFilter(start=BEGINNING + timedelta(hours=2)), [5, 6, 7]),
    (LeafFilter(end=BEGINNING + timedelta(hours=2)), [0, 1, 2, 3, 4]),
    (LeafFilter(start=BEGINNING + timedelta(hours=1), end=BEGINNING + timedelta(hours=3)), [3, 4, 5, 6]),
    (LeafFilter(record="suppliers/none"), []),
    (LeafFilter(record="pauses/erp"), [7]),
]


def test_leaves_are_listed_by_what_is_asked_in_log_order(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG)
    for wanted, places in LISTINGS:
        found = all_leaves(reader, wanted)
        assert [leaf.receipt.leaf_index for leaf in found] == places, wanted
        assert [leaf.data for leaf in found] == [LOG[place] for place in places]


def test_a_record_is_found_whichever_services_sent_it(log: LeafLog, reader: LeafReader) -> None:
    append(log, [leaf_bytes("pauses/one", 2, source_service=service) for service in ("saas_adapter", "audit", "mdm")])
    append(log, [leaf_bytes("pauses/one", 1, source_service="audit"), leaf_bytes("pauses/two")])
    found = all_leaves(reader, LeafFilter(record="pauses/one"))
    assert [leaf.receipt.leaf_index for leaf in found] == [0, 1, 2, 3]
    assert all_leaves(reader, LeafFilter(record="pauses/one", source_service="erp_adapter")) == []


def test_no_record_is_found_in_an_empty_log(reader: LeafReader) -> None:
    assert all_leaves(reader, LeafFilter(record="suppliers/one")) == []


def test_texts_are_kept_as_they_were_sent(log: LeafLog, reader: LeafReader) -> None:
    strange = ['"', "\\", "{a,b}", "NULL", "ä, ö\n", "'"]
    append(log, [leaf_bytes(text, actor=text, entities=[text, "entities/x"], record_type=text) for text in strange])
    append(log, [leaf_bytes("none", entities=[])])
    kept = [leaf.outline for leaf in all_leaves(reader, EVERYTHING)]
    assert [(each.record, each.actor, each.record_type) for each in kept[:-1]] == [(text,) * 3 for text in strange]
    assert [list(each.entities) for each in kept] == [*([text, "entities/x"] for text in strange), []]


def test_a_stretch_ends_before_its_end(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG)
    page = reader.leaves(EVERYTHING, None, Stretch(1, 4), limit=9)
    assert ([leaf.receipt.leaf_index for leaf in page.leaves], page.next_after) == ([2, 3], None)


def test_a_page_that_ends_with_the_last_leaf_is_the_last(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG[:2])
    assert reader.leaves(EVERYTHING, None, WHOLE, limit=2).next_after is None


def test_leaves_appended_between_two_pages_come_once_and_later(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG[:3])
    first = reader.leaves(EVERYTHING, None, WHOLE, limit=2)
    append(log, LOG[3:4])
    assert first.next_after is not None
    second = reader.leaves(EVERYTHING, None, Stretch(first.next_after, END), limit=2)
    assert [leaf.data for leaf in (*first.leaves, *second.leaves)] == LOG[:4]


def test_a_page_of_large_leaves_is_shorter(log: LeafLog, reader: LeafReader) -> None:
    append(log, history("suppliers/large", range(1, 4), on_behalf_of=["x" * 900_000]))
    page = reader.leaves(EVERYTHING, None, WHOLE, limit=100)
    assert (len(page.leaves), page.next_after) == (1, 0)
    assert len(all_leaves(reader, EVERYTHING, limit=100)) == 3


def test_a_leaf_is_found_by_its_place_and_by_its_change(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG)
    at_place, of_change = reader.leaf_at(3, None), reader.leaf_of(LeafKey("mdm", "items/two", 1), None)
    assert at_place == of_change
    assert at_place is not None
    assert at_place.data == LOG[3]
    assert reader.leaf_at(8, None) is None
    assert reader.leaf_of(LeafKey("mdm", "items/two", 3), None) is None


def test_leaves_outside_the_scope_are_not_there(log: LeafLog, reader: LeafReader) -> None:
    append(log, history("suppliers/one", [1], entities=["entities/east", "entities/west"]))
    append(log, history("suppliers/one", [2], entities=["entities/west"]))
    append(log, history("systems/erp", [1], entities=[], record_type="system"))
    assert [leaf.receipt.leaf_index for leaf in all_leaves(reader, EVERYTHING, ("entities/east",))] == [0]
    assert reader.leaf_at(1, ("entities/east",)) is None
    assert reader.leaf_at(1, ("entities/east", "entities/west")) is not None
    assert reader.leaf_of(LeafKey("mdm", "systems/erp", 1), ("entities/east",)) is None
    assert all_leaves(reader, EVERYTHING, ()) == []
    assert reader.counts("", ("entities/west",)) == [LeafCount("mdm", "supplier", 2)]


def test_gaps_are_the_missing_revisions_below_the_highest(log: LeafLog, reader: LeafReader) -> None:
    append(log, history("suppliers/a", [1, 2, 3]))
    append(log, history("suppliers/b", [9, 3, 4, 7]))
    append(log, history("suppliers/b", [2], source_service="erp_adapter"))
    mdm = [
        Gap("mdm", "suppliers/b", 1, 2),
        Gap("mdm", "suppliers/b", 5, 6),
        Gap("mdm", "suppliers/b", 8, 8),
    ]
    assert all_gaps(reader) == [Gap("erp_adapter", "suppliers/b", 1, 1), *mdm]
    assert all_gaps(reader, "mdm", limit=1) == mdm
    append(log, history("suppliers/b", [1, 2, 5, 6, 8]))
    assert all_gaps(reader, "mdm") == []


def test_a_gap_is_in_scope_when_the_leaf_that_ends_it_is(log: LeafLog, reader: LeafReader) -> None:
    append(log, history("suppliers/a", [2, 3], entities=["entities/east"]))
    append(log, history("suppliers/b", [2], entities=["entities/west"]))
    append(log, history("suppliers/c", [1], entities=["entities/west"]))
    append(log, history("suppliers/c", [2], entities=["entities/east"]))
    assert all_gaps(reader, scope=("entities/east",)) == [Gap("mdm", "suppliers/a", 1, 1)]


RUNS = itertools.count()
HOLDINGS = st.dictionaries(
    st.tuples(st.sampled_from(["erp_adapter", "mdm"]), st.sampled_from(["items/x", "suppliers/y"])),
    st.sets(st.integers(1, 12), min_size=1),
    min_size=1,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOLDINGS, st.integers(1, 3))
def test_gaps_and_leaves_together_are_every_revision(
    log: LeafLog, reader: LeafReader, holdings: dict[tuple[str, str], set[int]], limit: int
) -> None:
    run = next(RUNS)
    for (service, record), revisions in holdings.items():
        append(log, history(record, sorted(revisions, reverse=True), source_service=f"{service}{run}"))
    for service in {service for service, _ in holdings}:
        gaps = all_gaps(reader, f"{service}{run}", limit=limit)
        assert gaps == sorted(gaps)
        missing = {(gap.record, revision) for gap in gaps for revision in range(gap.first_revision, gap[3] + 1)}
        assert missing == {
            (record, revision)
            for (owner, record), held in holdings.items()
            if owner == service
            for revision in set(range(1, max(held))) - held
        }


def test_leaves_are_counted_by_service_and_type(log: LeafLog, reader: LeafReader) -> None:
    append(log, LOG)
    adapter, hub = (
        LeafCount("erp_adapter", "supplier", 1),
        [LeafCount("mdm", "item", 2), LeafCount("mdm", "supplier", 5)],
    )
    assert reader.counts("", None) == [adapter, *hub]
    assert reader.counts("mdm", None) == hub
    assert reader.counts("nobody", None) == []
