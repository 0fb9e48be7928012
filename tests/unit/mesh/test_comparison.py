"""Comparing evidence: what was planted is found, all of it and nothing else, and equal ranges are left alone."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.mesh.evidence.comparison import Entry, Finding, Grain, Kind, RecordRange, Summary, compare

COARSE = Grain(size=8, parts=2, listed=2)

names = st.text(st.sampled_from("abé\U00010000z/"), min_size=1, max_size=3)
keys = st.sets(st.tuples(names, st.integers(1, 4)), max_size=40)


def leaf_hash(record: str, revision: int, what: str = "") -> bytes:
    return hashlib.sha256(f"{record} {revision} {what}".encode()).digest()


def entry(key: tuple[str, int], what: str = "", *, published: bool = True) -> Entry:
    return Entry(*key, leaf_hash(*key, what), published)


class InMemory:
    """A side that keeps its leaves in a dictionary, and counts what it had to list."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.held = {each.key: each for each in entries}
        self.listed = 0

    def summaries(self, ranges: Sequence[RecordRange]) -> list[Summary]:
        return [self._summary(self._within(each)) for each in ranges]

    def entries(self, wanted: RecordRange) -> list[Entry]:
        found = self._within(wanted)
        self.listed += len(found)
        return found

    def entry(self, record: str, revision: int) -> Entry | None:
        return self.held.get((record, revision))

    def cut(self, wanted: RecordRange, size: int) -> Iterator[RecordRange]:
        after, count = wanted.after, 0
        found = self._within(wanted)
        for place, each in enumerate(found):
            count += 1
            is_last_of_record = place + 1 == len(found) or found[place + 1].record != each.record
            if count >= size and is_last_of_record and each.record != wanted.through:
                yield RecordRange(after, each.record)
                after, count = each.record, 0
        yield RecordRange(after, wanted.through)

    def _within(self, wanted: RecordRange) -> list[Entry]:
        """Keep the order of bytes, as databases do."""
        entries = sorted(self.held.values(), key=lambda each: (each.record.encode(), each.revision))
        return [
            each
            for each in entries
            if each.record.encode() > wanted.after.encode()
            and (not wanted.through or each.record.encode() <= wanted.through.encode())
        ]

    @staticmethod
    def _summary(entries: Sequence[Entry]) -> Summary:
        digest = hashlib.sha256(b"".join(repr(each[:3]).encode() for each in entries)).digest()
        return Summary(len(entries), digest)


def everything(own: InMemory, audit: InMemory, most: int = 1000) -> tuple[list[Finding], int, int]:
    """Compare page by page; return what differs, how much was compared, how much waits."""
    found: list[Finding] = []
    compared = waiting = 0
    after: str | None = ""
    while after is not None:
        page = compare(own, audit, after, ranges=3, most=most, grain=COARSE)
        found += page.differences
        compared, waiting = compared + page.compared, waiting + page.waiting
        assert page.behind is None or page.behind.encode() > after.encode()
        after = page.behind
    return found, compared, waiting


@given(keys, st.data(), st.integers(1, 5))
def test_planted_differences_are_exactly_what_is_found(
    held: set[tuple[str, int]], data: st.DataObject, most: int
) -> None:
    def some() -> set[tuple[str, int]]:
        return data.draw(st.sets(st.sampled_from(sorted(held)))) if held else set()

    missing, changed, waiting = some(), some(), some()
    unknown = data.draw(keys) - held
    own = InMemory(entry(key, published=key not in waiting) for key in held)
    audit = InMemory(entry(key, "other" if key in changed else "") for key in held - missing - waiting)
    audit.held |= {key: entry(key) for key in unknown}
    expected = {(key, Kind.UNKNOWN_TO_SERVICE) for key in unknown}
    expected |= {(key, Kind.MISSING_AT_AUDIT) for key in missing - waiting}
    expected |= {(key, Kind.OTHER_BYTES) for key in changed - missing - waiting}
    found, compared, still_waiting = everything(own, audit, most)
    assert [(each.record, each.revision) for each in found] == sorted(key for key, _ in expected)
    assert {((each.record, each.revision), each.kind) for each in found} == expected
    assert (compared, still_waiting) == (len(held), len(waiting))


@given(keys)
def test_equal_sides_list_nothing(held: set[tuple[str, int]]) -> None:
    own, audit = (InMemory(map(entry, held)) for _ in range(2))
    assert everything(own, audit) == ([], len(held), 0)
    assert own.listed == audit.listed == 0


def test_only_what_differs_is_listed() -> None:
    held = [(f"suppliers/{number:04}", 1) for number in range(4000)]
    own, audit = InMemory(map(entry, held)), InMemory(map(entry, held))
    del audit.held[held[1234]]
    (page,) = [compare(own, audit, ranges=1)]
    assert [(each.kind, each.record) for each in page.differences] == [(Kind.MISSING_AT_AUDIT, "suppliers/1234")]
    assert own.listed <= 256
    assert audit.listed <= 256


def test_a_record_with_more_revisions_than_a_range_has_changes_is_compared_whole() -> None:
    held = [("suppliers/1", revision) for revision in range(1, 100)]
    own, audit = InMemory(map(entry, held)), InMemory(map(entry, held[:-1]))
    found, compared, _ = everything(own, audit)
    assert [(each.revision, each.kind) for each in found] == [(99, Kind.MISSING_AT_AUDIT)]
    assert compared == 99


def test_a_page_full_of_differences_ends_behind_a_record() -> None:
    own = InMemory(())
    audit = InMemory(entry((f"suppliers/{number}", revision)) for number in range(3) for revision in (1, 2))
    page = compare(own, audit, most=1)
    assert [each.record for each in page.differences] == ["suppliers/0"] * 2
    assert page.behind == "suppliers/0"
    assert len(compare(own, audit, page.behind, most=10).differences) == 4


class Moving(InMemory):
    """A service that goes on while it is compared: `happens` comes between its side and the audit's."""

    def __init__(self, entries: Iterable[Entry], happens: Callable[[], None]) -> None:
        super().__init__(entries)
        self.happens = happens

    def entries(self, wanted: RecordRange) -> list[Entry]:
        found = super().entries(wanted)
        self.happens()
        return found


def test_what_is_made_and_published_meanwhile_is_no_difference() -> None:
    made = entry(("suppliers/2", 1))
    audit = InMemory([])

    def goes_on() -> None:
        own.held[made.key] = audit.held[made.key] = made

    own = Moving([entry(("suppliers/1", 1), published=False)], goes_on)
    page = compare(own, audit)
    assert (page.differences, page.waiting) == ((), 1)
