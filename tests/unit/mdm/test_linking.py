from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.identifiers import MatchKey
from services.mdm.domain.linking import Candidate, ExactLinker, Link, Sighting
from services.mdm.domain.types.supplier import SUPPLIER

LINKER = ExactLinker(SUPPLIER)
LEI = MatchKey("lei", "A")
OTHER_LEI = MatchKey("lei", "B")
NPI = MatchKey("npi", "1")
OTHER_NPI = MatchKey("npi", "2")
GLN = MatchKey("gln", "1")
ERP = Sighting("systems/erp", free_of_duplicates=False)
FOUNDED = Link(None, pb.SourceRecord.LINK_ORIGIN_FOUNDED)


def _candidate(golden: str, *keys: MatchKey, systems: tuple[str, ...] = ()) -> Candidate:
    return Candidate(golden, frozenset(keys), frozenset(systems))


def test_an_equal_strong_identifier_links() -> None:
    link = LINKER.decide(ERP, [LEI], [_candidate("suppliers/1", LEI)], None)
    assert link == Link("suppliers/1", pb.SourceRecord.LINK_ORIGIN_IDENTIFIER)


def test_without_an_equal_identifier_a_golden_record_is_founded() -> None:
    assert LINKER.decide(ERP, [LEI], [_candidate("suppliers/1", GLN)], None) == FOUNDED
    assert LINKER.decide(ERP, [], [], None) == FOUNDED


@given(st.permutations(["suppliers/1", "suppliers/2", "suppliers/3"]))
def test_of_several_the_oldest_wins_whatever_the_order(names: list[str]) -> None:
    candidates = [_candidate(name, LEI) for name in names]
    assert LINKER.decide(ERP, [LEI], candidates, None).golden == "suppliers/1"


def test_two_different_leis_or_npis_forbid_the_link() -> None:
    assert LINKER.decide(ERP, [LEI, GLN], [_candidate("suppliers/1", OTHER_LEI, GLN)], None) == FOUNDED
    assert LINKER.decide(ERP, [NPI, GLN], [_candidate("suppliers/1", OTHER_NPI, GLN)], None) == FOUNDED
    assert LINKER.decide(ERP, [LEI, GLN], [_candidate("suppliers/1", LEI, GLN)], None).golden == "suppliers/1"


def test_a_system_free_of_duplicates_gets_no_second_key_on_a_golden_record() -> None:
    clean = Sighting("systems/erp", free_of_duplicates=True)
    taken = _candidate("suppliers/1", LEI, systems=("systems/erp",))
    assert LINKER.decide(clean, [LEI], [taken], None) == FOUNDED
    assert LINKER.decide(ERP, [LEI], [taken], None).golden == "suppliers/1"
    free = _candidate("suppliers/2", LEI, systems=("systems/saas",))
    assert LINKER.decide(clean, [LEI], [taken, free], None).golden == "suppliers/2"


def test_a_link_stays_although_the_identifiers_changed() -> None:
    assert LINKER.decide(ERP, [LEI], [_candidate("suppliers/1", LEI)], "suppliers/9") == Link("suppliers/9", None)


def test_a_document_that_the_hub_created_belongs_to_what_was_delivered() -> None:
    created = Sighting("systems/erp", free_of_duplicates=False, delivered="suppliers/7")
    link = LINKER.decide(created, [LEI], [_candidate("suppliers/1", LEI)], None)
    assert link == Link("suppliers/7", pb.SourceRecord.LINK_ORIGIN_DELIVERY)
