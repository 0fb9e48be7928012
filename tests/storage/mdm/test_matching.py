"""Links by a match model: what was decided does not depend on when what came."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_model_pb2, match_pb2, merge_pb2, supplier_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.matching import match_index, matcher
from services.mdm.storage.stewardship.merging import Marked, Ruling
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.writing import rematching
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from services.mesh.records import store
from tests.support.database.databases import Databases
from tests.support.hub.modelling import put_in_force
from tests.support.hub.stored import ORIGIN, TestHub, decision, statement, test_hub
from tests.support.matching.matched_suppliers import (
    NAMES,
    PHONES,
    SYSTEMS,
    check_consistent,
    groups,
    mark,
    said,
    submitted,
    waiting,
)

contents = st.builds(
    supplier_pb2.Supplier,
    legal_name=st.sampled_from(NAMES),
    phone=st.sampled_from(PHONES),
    website=st.sampled_from(["", "bd.example", "cardinal.example"]),
    duns=st.sampled_from(["", "", "", "804735132", "080973524"]),
)


@pytest.fixture(scope="module")
def modelled(databases: Databases) -> Iterator[TestHub]:
    """A hub with a match model in force."""
    with test_hub(databases) as opened:
        put_in_force(opened, SUPPLIER, default_model(SUPPLIER))
        yield opened


@pytest.fixture(scope="module")
def another(databases: Databases) -> Iterator[TestHub]:
    """Another hub with the same model."""
    with test_hub(databases) as opened:
        put_in_force(opened, SUPPLIER, default_model(SUPPLIER))
        yield opened


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(contents, min_size=2, max_size=6), st.data())
def test_incremental_and_batch_end_in_the_same_links_whatever_the_order(
    modelled: TestHub, another: TestHub, family: Sequence[supplier_pb2.Supplier], data: st.DataObject
) -> None:
    numbered, example = list(enumerate(family)), mark()
    submitted(modelled, *(said(example, place, content) for place, content in numbered))
    for place, content in data.draw(st.permutations(numbered)):
        submitted(another, said(example, place, content))
    assert groups(modelled, example) == groups(another, example)
    assert waiting(modelled, example) == waiting(another, example)
    check_consistent(modelled)
    check_consistent(another)


def test_a_population_is_matched_again_piece_by_piece_when_a_model_comes_into_force(
    hub: TestHub, modelled: TestHub
) -> None:
    example = mark()
    population = [
        said(example, place, supplier_pb2.Supplier(legal_name=NAMES[place % 5], phone=PHONES[place % 4]))
        for place in range(12)
    ]
    submitted(modelled, *population)
    submitted(hub, *population)
    assert len(groups(hub, example)) == 12
    put_in_force(hub, SUPPLIER, default_model(SUPPLIER))
    steps = list(iter(lambda: hub.parts.rematching.step(ORIGIN, at_once=5), 0))
    assert sum(steps) == 12
    assert groups(hub, example) == groups(modelled, example)
    assert len(groups(hub, example)) < 12
    assert waiting(hub, example) == waiting(modelled, example)
    check_consistent(hub)


def test_a_piece_that_moves_more_than_a_transaction_may_change_is_matched_in_smaller_ones(
    hub: TestHub, modelled: TestHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    example = mark()
    population = [
        said(example, place, supplier_pb2.Supplier(legal_name=NAMES[place % 5], phone=PHONES[place % 4]))
        for place in range(15)
    ]
    submitted(modelled, *population)
    submitted(hub, *population)
    put_in_force(hub, SUPPLIER, default_model(SUPPLIER))
    with monkeypatch.context() as patched:
        patched.setattr(store, "MOST_CHANGES_A_TRANSACTION", 8)
        while hub.parts.rematching.work():
            pass
    assert caplog.messages == []
    assert groups(hub, example) == groups(modelled, example)
    check_consistent(hub)


def test_a_record_that_moves_more_than_a_transaction_may_change_holds_up_no_other(
    hub: TestHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    linking, asking = default_model(SUPPLIER), replace(default_model(SUPPLIER), link_millibits=None)
    put_in_force(hub, SUPPLIER, linking)
    example = mark()
    together = submitted(hub, *(said(example, place, ALIKE) for place in range(6)))
    assert groups(hub, example) == {frozenset(range(6))}
    submitted(hub, *(said(mark(), 0, supplier_pb2.Supplier(legal_name=name)) for name in ("Quite", "Another")))
    put_in_force(hub, SUPPLIER, asking)

    with monkeypatch.context() as patched:
        patched.setattr(store, "MOST_CHANGES_A_TRANSACTION", 4)
        while hub.parts.rematching.work():
            pass
        held_up = sorted(each.source_record for each in together)
        assert left_behind(hub) == held_up
        (told,) = [record.getMessage() for record in caplog.records if record.name == rematching.__name__]
        assert told.startswith(held_up[0])
        assert "6 source records are not matched" in told
    while hub.parts.rematching.step(ORIGIN):
        pass
    assert left_behind(hub) == []
    assert groups(hub, example) == {frozenset({place}) for place in range(6)}
    check_consistent(hub)


def left_behind(hub: TestHub) -> list[str]:
    """Return the source records that the model in force has not matched."""
    landscape = hub.parts.transactions.read(hub.parts.registry.read)
    asked = (SUPPLIER.name, landscape.models[SUPPLIER.name].revision, hub.parts.store.sealer.version, 1000)
    return hub.parts.transactions.read(lambda connection: match_index.behind(connection, *asked))


def test_what_is_said_anew_is_matched_anew_and_names_stay(modelled: TestHub) -> None:
    example = mark()
    alike = supplier_pb2.Supplier(legal_name="Becton Dickinson", phone=PHONES[0], website="bd.example")
    first, second = submitted(modelled, said(example, 0, alike), said(example, 1, alike))
    assert first.golden == second.golden
    unlike = supplier_pb2.Supplier(legal_name="Quite Another Company", phone=PHONES[2])
    (parted,) = submitted(modelled, said(example, 1, unlike))
    assert parted.golden != first.golden
    assert groups(modelled, example) == {frozenset({0}), frozenset({1})}
    (again,) = submitted(modelled, said(example, 1, alike))
    assert again.golden == first.golden
    (once_more,) = submitted(modelled, said(example, 1, unlike))
    assert once_more.golden == parted.golden
    check_consistent(modelled)


ALIKE = supplier_pb2.Supplier(legal_name="Becton Dickinson", phone=PHONES[0], website="bd.example")


def unmerge(hub: TestHub, applied: Applied) -> None:
    etag = hub.supplier(applied.golden).etag
    asked = decision(match_pb2.UnmergeSourceRecordRequest())
    hub.parts.merging.unmerge(applied.source_record, etag, (), "two companies", asked)


def test_a_broken_pair_does_not_come_together_again_through_a_third_record_and_the_steward_is_asked(
    modelled: TestHub,
) -> None:
    example = mark()
    first, second = submitted(modelled, said(example, 0, ALIKE), said(example, 1, ALIKE))
    unmerge(modelled, second)
    assert groups(modelled, example) == {frozenset({0}), frozenset({1})}
    submitted(modelled, said(example, 2, ALIKE))
    parted = groups(modelled, example)
    assert frozenset({0, 1, 2}) not in parted
    assert not any({0, 1} <= group for group in parted)
    assert waiting(modelled, example)
    check_consistent(modelled)
    assert first.golden in {str(golden) for (golden,) in modelled.rows("SELECT golden FROM crosswalk")}


def test_a_decision_survives_a_new_model(modelled: TestHub) -> None:
    example = mark()
    _, second = submitted(modelled, said(example, 0, ALIKE), said(example, 1, ALIKE))
    unmerge(modelled, second)
    apart = submitted(modelled, said(example, 3, supplier_pb2.Supplier(legal_name="Quite Another", phone=PHONES[2])))
    one, other = (modelled.supplier(name) for name in (second_golden(modelled, second), apart[0].golden))
    asked = decision(merge_pb2.MergeSuppliersRequest())
    marked = (Marked(one.name, one.etag), Marked(other.name, other.etag))
    modelled.parts.merging.merge(SUPPLIER, *marked, Ruling("the same", withdraw=False), asked)
    decided = {frozenset({0}), frozenset({1, 3})}
    assert groups(modelled, example) == decided
    names = modelled.rows(f"SELECT key, golden FROM crosswalk WHERE key LIKE '{example}/%%' ORDER BY key")  # noqa: S608
    put_in_force(modelled, SUPPLIER, default_model(SUPPLIER))
    while modelled.parts.rematching.step(ORIGIN):
        pass
    assert groups(modelled, example) == decided
    assert modelled.rows(f"SELECT key, golden FROM crosswalk WHERE key LIKE '{example}/%%' ORDER BY key") == names  # noqa: S608
    check_consistent(modelled)


def test_names_stay_when_a_model_is_retrained(hub: TestHub) -> None:
    linking = default_model(SUPPLIER)
    asking = replace(linking, link_millibits=None, origin=match_model_pb2.MatchModel.ORIGIN_ANCHORED)
    put_in_force(hub, SUPPLIER, linking)
    first, second = submitted(hub, statement(SYSTEMS[0], "1", ALIKE), statement(SYSTEMS[1], "1", ALIKE))
    assert first.golden == second.golden
    crosswalk_then = hub.rows("SELECT key, system, golden FROM crosswalk ORDER BY 1, 2")
    retrain(hub, asking)
    parted = hub.rows("SELECT key, system, golden FROM crosswalk ORDER BY 1, 2")
    assert len({golden for *_, golden in parted} - {first.golden}) == 1
    retrain(hub, linking)
    assert hub.rows("SELECT key, system, golden FROM crosswalk ORDER BY 1, 2") == crosswalk_then
    retrain(hub, asking)
    assert hub.rows("SELECT key, system, golden FROM crosswalk ORDER BY 1, 2") == parted
    check_consistent(hub)


def retrain(hub: TestHub, model: MatchModel) -> None:
    """Put another model in force and match what is there again."""
    put_in_force(hub, SUPPLIER, model)
    while hub.parts.rematching.step(ORIGIN):
        pass


def second_golden(hub: TestHub, applied: Applied) -> str:
    """Return the golden record that a source record belongs to now."""
    found = hub.parts.transactions.read(lambda connection: crosswalk.of_sources(connection, [applied.source_record]))
    return found[applied.source_record].golden


def test_what_the_model_joins_by_a_third_record_is_parted_when_that_one_says_otherwise(modelled: TestHub) -> None:
    """Golden records come and go with the evidence; names, links and the queue always agree."""
    example = mark()
    submitted(modelled, *(said(example, place, ALIKE) for place in range(3)))
    assert groups(modelled, example) == {frozenset({0, 1, 2})}
    (gone,) = submitted(modelled, said(example, 0, supplier_pb2.Supplier(legal_name="Quite Another", phone=PHONES[2])))
    assert groups(modelled, example) == {frozenset({0}), frozenset({1, 2})}
    assert modelled.supplier(gone.golden).legal_name.endswith(example[7:])
    check_consistent(modelled)


def test_concurrent_writers_make_every_link_once_and_none_of_them_is_refused(modelled: TestHub) -> None:
    example = mark()

    def write(writer: int) -> None:
        for place in range(writer, 48, 8):
            content = ALIKE if place % 2 else supplier_pb2.Supplier(legal_name="Cardinal Health", phone=PHONES[2])
            submitted(modelled, said(example, place, content))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert groups(modelled, example) == {frozenset(range(0, 48, 2)), frozenset(range(1, 48, 2))}
    check_consistent(modelled)


def test_a_merge_of_more_than_one_write_looks_at_is_refused_and_changes_nothing(
    modelled: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = mark()
    contents = [supplier_pb2.Supplier(legal_name=name) for name in ("Quite Another", "Nothing Alike")]
    made = submitted(modelled, *(said(example, place, content) for place, content in enumerate(contents)))
    one, other = (modelled.supplier(each.golden) for each in made)
    before = modelled.rows("SELECT count(*) FROM changes")
    monkeypatch.setattr(matcher, "MOST_TOGETHER", 1)
    marked = (Marked(one.name, one.etag), Marked(other.name, other.etag))
    with pytest.raises(ConcordError) as caught:
        modelled.parts.merging.merge(
            SUPPLIER, *marked, Ruling("the same", withdraw=False), decision(merge_pb2.MergeSuppliersRequest())
        )
    assert caught.value.reason == reasons.ERROR_REASON_TOO_MANY_CHANGES
    assert groups(modelled, example) == {frozenset({0}), frozenset({1})}
    assert modelled.rows("SELECT count(*) FROM changes") == before


def test_what_hangs_together_by_doubtful_pairs_alone_is_matched_however_much_it_is(
    modelled: TestHub, another: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve firms at one switchboard: all of them wait in pairs, which nobody may follow to their end here."""
    example = mark()
    words = ("Orion", "Vega", "Lyra", "Altair", "Rigel", "Deneb", "Mira", "Castor", "Pollux", "Spica", "Atria", "Hadar")
    switchboard = []
    for place in range(2 * len(words)):
        word = words[place // 2]
        firm = supplier_pb2.Supplier(legal_name=f"Health {word} {word[::-1]}")
        firm.phone = f"+1 {int(example, 36) % 10**6:06d}1234"
        switchboard.append(statement(SYSTEMS[place % 3], f"{example}/{place}", firm))
    submitted(modelled, *switchboard)
    monkeypatch.setattr(matcher, "MOST_TOGETHER", 8)
    for each in switchboard:
        submitted(another, each)
    assert len(waiting(modelled, example)) > 8
    assert groups(another, example) == groups(modelled, example)
    assert len(groups(another, example)) == len(words)
    assert len(waiting(another, example)) > 8
    one, other = (golden_of(another, example, place) for place in (0, 2))
    another.parts.merging.merge(
        SUPPLIER, one, other, Ruling("the same", withdraw=False), decision(merge_pb2.MergeSuppliersRequest())
    )
    assert frozenset({0, 1, 2, 3}) in groups(another, example)
    check_consistent(another)


def golden_of(hub: TestHub, example: str, place: int) -> Marked:
    ((name,),) = hub.rows(f"SELECT golden FROM crosswalk WHERE key = '{example}/{place}'")  # noqa: S608 - our own mark
    return Marked(str(name), hub.supplier(str(name)).etag)
