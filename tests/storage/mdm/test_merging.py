"""Merging and unmerging: what always holds, whatever stewards do in whatever order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from stdnum import ean

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, ingest_pb2, match_pb2, merge_pb2, party_pb2, supplier_pb2
from services.mdm.domain.grouping import founded_record
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.records.golden_reader import merged_into
from services.mdm.storage.stewardship.merging import Marked, Merged, Ruling, Unmerged
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from services.mesh.records.store import Revision, State
from tests.support.database.databases import Databases
from tests.support.hub.stored import A_DAY, TestHub, decision, statement, test_hub

SYSTEMS = ("systems/erp", "systems/legacy", "systems/workforce")
examples = itertools.count(1)

Partition = frozenset[frozenset[str]]
Standing = dict[str, tuple[str, bytes]]
"""By source record: the golden record that it belongs to, and that one's canonical digest."""


@dataclass
class Stewards:
    """What stewards do with the suppliers of one family of source records."""

    hub: TestHub
    sources: list[str] = field(default_factory=list)
    record_type: RecordType = SUPPLIER

    def submit(self, *said: ingest_pb2.SourceRecord) -> list[Applied]:
        answers = [answer for answer in self.hub.submit(*said) if isinstance(answer, Applied)]
        assert len(answers) == len(said)
        self.sources = list(dict.fromkeys([*self.sources, *(answer.source_record for answer in answers)]))
        return answers

    def merge(self, one: str, other: str, *, withdraw: bool = True) -> Merged:
        one_marked, other_marked = (Marked(name, _etag(self.hub, name)) for name in (one, other))
        asked = decision(merge_pb2.MergeSuppliersRequest())
        return self.hub.parts.merging.merge(
            self.record_type, one_marked, other_marked, Ruling("the same", withdraw), asked
        )

    def unmerge(self, source: str, along_with: tuple[str, ...] = ()) -> Unmerged:
        etag = _etag(self.hub, self.golden_of(source))
        asked = decision(match_pb2.UnmergeSourceRecordRequest())
        return self.hub.parts.merging.unmerge(source, etag, along_with, "not the same", asked)

    def golden_of(self, source: str) -> str:
        return self.links()[source]

    def links(self) -> dict[str, str]:
        """The golden record of every source record, by the source records' own newest revisions."""
        return {name: said.golden_record for name, said in self.statements().items()}

    def statements(self) -> dict[str, ingest_pb2.SourceRecord]:
        def read(connection: Connection) -> dict[str, ingest_pb2.SourceRecord]:
            store = self.hub.parts.store
            found = store.read(connection, self.sources)
            return {name: ingest_pb2.SourceRecord.FromString(store.inputs(one)) for name, one in found.items()}

        return self.hub.parts.transactions.read(read)

    def revisions(self, names: set[str]) -> dict[str, Revision]:
        return self.hub.parts.transactions.read(lambda connection: self.hub.parts.store.read(connection, names))

    def standing(self) -> Standing:
        links = self.links()
        digests = {name: self.digest(revision) for name, revision in self.revisions(set(links.values())).items()}
        return {source: (golden, digests[golden]) for source, golden in links.items()}

    def digest(self, revision: Revision) -> bytes:
        return canonical_digest(self.record_type, self.hub.parts.store.content(revision, self.record_type.message))

    def check(self) -> None:
        """Check what holds at any time."""
        links = self.links()
        crossed = self.hub.rows("SELECT source_record, golden FROM crosswalk")
        assert {source: golden for source, golden in crossed if source in links} == links
        founded = {name: founded_record(said) for name, said in self.statements().items()}
        everything = self.revisions({*links.values(), *founded.values()} - {""})
        for name, revision in everything.items():
            holds = name in links.values()
            assert revision.state is (State.ACTIVE if holds else State.MERGED)
            founder = next(source for source, own in founded.items() if own == name)
            assert merged_into(self.hub.parts.store, revision) == ("" if holds else links[founder])
            if holds:
                self.check_rebuilt(revision)

    def check_rebuilt(self, revision: Revision) -> None:
        def explain(connection: Connection) -> set[str]:
            explained = self.hub.parts.reader.explain(connection, self.record_type, revision)
            return {name.rpartition("@")[0] for name in explained.source_revisions}

        made_of = self.hub.parts.transactions.read(explain)
        assert made_of == {source for source, golden in self.links().items() if golden == revision.record}


def _etag(hub: TestHub, name: str) -> str:
    golden: Any = hub.golden(name)
    etag: str = golden.etag
    return etag


def family(hub: TestHub) -> Stewards:
    """Five source records: two that an identifier links, three of their own, on one of which a steward decided."""
    number = next(examples)
    stewards = Stewards(hub)
    gln = f"{number:012d}" + ean.calc_check_digit(f"{number:012d}")
    contents = [
        supplier_pb2.Supplier(legal_name="Acme", trading_names=["A"], gln=gln),
        supplier_pb2.Supplier(legal_name="ACME", sites=[party_pb2.SupplierSite(code="HQ")], gln=gln),
        supplier_pb2.Supplier(legal_name="Acme Inc", trading_names=["A", "B"]),
        supplier_pb2.Supplier(
            trading_names=["Acme Online"],
            website="acme.example",
            sites=[party_pb2.SupplierSite(code="HQ", display_name="x")],
        ),
        supplier_pb2.Supplier(legal_name="Acme Surgical", phone="1"),
    ]
    for place, content in enumerate(contents):
        said = statement(SYSTEMS[place % 3], f"{number}/{place}", content, at=A_DAY + timedelta(days=place))
        stewards.submit(said)
    golden = hub.supplier(stewards.golden_of(stewards.sources[2]))
    desired = supplier_pb2.Supplier(email="steward@acme.example", trading_names=["C"])

    def merge(present: supplier_pb2.Supplier) -> tuple[supplier_pb2.Supplier, list[str]]:
        result = supplier_pb2.Supplier()
        result.CopyFrom(present)
        result.MergeFrom(desired)
        return result, ["email", "trading_names"]

    hub.parts.stewardship.update(SUPPLIER, golden.name, golden.etag, merge, None, decision(desired))  # type: ignore[arg-type]
    words = hub.parts.transactions.read(lambda connection: crosswalk.by_key(connection, [("systems/hub", golden.name)]))
    stewards.sources += [crossing.source_record for crossing in words.values()]
    return stewards


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[TestHub]:
    """One hub for all examples: each has records of its own."""
    with test_hub(databases) as opened:
        yield opened


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=10)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_same_links_have_the_same_names_and_digests_however_they_came_about(
    shared: TestHub, sequence: list[tuple[bool, int, int]]
) -> None:
    stewards = family(shared)
    seen: dict[Partition, Standing] = {}
    for joins, one, other in [(False, 0, 0), *sequence]:
        if seen:
            step(stewards, stewards.sources[one], stewards.sources[other], joins=joins)
        standing = stewards.standing()
        links: dict[str, set[str]] = {}
        for source, (golden, _) in standing.items():
            links.setdefault(golden, set()).add(source)
        partition = frozenset(frozenset(group) for group in links.values())
        assert seen.setdefault(partition, standing) == standing
        stewards.check()
    assert shared.parts.rebuilding.differences(SUPPLIER, "", 1000)[0] == []


def step(stewards: Stewards, one: str, other: str, *, joins: bool) -> None:
    """Merge or unmerge where that is possible."""
    links = stewards.links()
    if joins and links[one] != links[other]:
        merged = stewards.merge(links[one], links[other])
        assert merged.name == min(links[one], links[other])
    elif not joins:
        also = (other,) if links[one] == links[other] and one != other else ()
        try:
            stewards.unmerge(one, also)
        except ConcordError as error:
            assert error.reason == reasons.ERROR_REASON_RECORD_ALONE  # noqa: PT017 - mostly there is no error


def test_a_merge_that_leaves_references_to_nothing_is_refused(hub: TestHub) -> None:
    stewards = Stewards(hub, record_type=COST_CENTER)
    centers = [cost_center_pb2.CostCenter(entity="entities/north", code=code) for code in ("1", "2", "3")]
    centers[2].slices.add().parents.add(hierarchy="management", parent_code="2")
    first, second, _ = stewards.submit(*(statement("systems/erp", one.code, one) for one in centers))
    with pytest.raises(ConcordError) as raised:
        stewards.merge(first.golden, second.golden)
    assert raised.value.reason == reasons.ERROR_REASON_RECORD_STILL_REFERENCED


def test_a_source_record_that_is_submitted_while_it_is_relinked_stays_one(hub: TestHub) -> None:
    stewards = Stewards(hub)
    one, other = stewards.submit(
        statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Acme")),
        statement("systems/legacy", "1", supplier_pb2.Supplier(legal_name="ACME")),
    )
    stewards.merge(one.golden, other.golden)
    (again,) = stewards.submit(
        statement("systems/legacy", "1", supplier_pb2.Supplier(legal_name="ACME Inc"), at=A_DAY + timedelta(days=1))
    )
    assert (again.source_record, again.golden) == (other.source_record, one.golden)
    unmerged = stewards.unmerge(other.source_record)
    assert unmerged.golden == other.golden
    assert hub.supplier(other.golden).legal_name == "ACME Inc"
    stewards.check()
