from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.assertions import fields_said, paths, restate, standing, unknown_paths
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.strategies import submissions

GOLDEN = "suppliers/1"
histories = st.sampled_from(RECORD_TYPES).flatmap(
    lambda record_type: st.tuples(
        st.just(record_type), st.lists(submissions(record_type, "systems/erp"), min_size=1, max_size=4)
    )
)


def _submission(
    content: Message, second: int, *, withdrawn: tuple[str, ...] = (), echo: tuple[str, ...] = ()
) -> pb.SourceRecord:
    record_type = next(one for one in RECORD_TYPES if isinstance(content, one.message))
    record = pb.SourceRecord(
        system="systems/erp", key="1", content=record_type.pack(content), withdrawn_paths=withdrawn
    )
    record.source_time.seconds = second
    if echo:
        record.echo.CopyFrom(pb.Echo(golden_record=GOLDEN, golden_revision=1, paths=echo))
    return record


def _named(name: str, second: int, *echo: str) -> pb.SourceRecord:
    return _submission(supplier_pb2.Supplier(legal_name=name), second, echo=echo)


def _history(record_type: RecordType, *submitted: pb.SourceRecord) -> list[pb.SourceRecord]:
    revisions: list[pb.SourceRecord] = []
    for one in submitted:
        restated = restate(record_type, revisions[-1] if revisions else None, one)
        revisions.extend([restated.statement] if restated is not None else [])
    return revisions


def _word(source: pb.SourceRecord, path: str) -> tuple[object, int, int, bool] | None:
    one = standing(SUPPLIER, source).get(path)
    if one is None:
        return None
    value = getattr(one.value, path.partition("[")[0]) if one.value is not None else None
    return value, one.assertion.source_time.seconds, one.assertion.source_revision, one.assertion.echoed


@given(histories)
def test_the_same_submission_again_is_nothing_new_even_with_a_later_time(
    history: tuple[RecordType, list[pb.SourceRecord]],
) -> None:
    record_type, submitted = history
    last = _history(record_type, *submitted)[-1]
    again = pb.SourceRecord()
    again.CopyFrom(submitted[-1])
    again.source_time.seconds += 100
    assert restate(record_type, last, again) is None


@given(histories, st.data())
def test_what_stands_after_a_submission_is_what_its_revision_says(
    history: tuple[RecordType, list[pb.SourceRecord]], data: st.DataObject
) -> None:
    record_type, submitted = history
    last = None
    for one in submitted:
        said = [*paths(record_type, record_type.unpack(one.content)), *((last and standing(record_type, last)) or ())]
        one.echo.paths.extend(data.draw(st.lists(st.sampled_from(said), unique=True)) if said else ())
        restated = restate(record_type, last, one)
        if restated is not None:
            assert restated.standing == standing(record_type, restated.statement)
            last = restated.statement


@given(histories)
def test_without_an_echo_what_stands_is_what_is_said(history: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, submitted = history
    for revision in _history(record_type, *submitted):
        said = paths(record_type, record_type.unpack(revision.content))
        stands = standing(record_type, revision)
        assert {path: one.value for path, one in stands.items() if one.value is not None} == said
        assert not revision.HasField("standing_content")
        assert set(stands) == set(said) | set(revision.withdrawn_paths)


@given(histories)
def test_an_echo_of_everything_leaves_every_earlier_word_as_it_stood(
    history: tuple[RecordType, list[pb.SourceRecord]],
) -> None:
    record_type, (first, *others) = history
    (before,) = _history(record_type, first)
    for submitted in others:
        del submitted.withdrawn_paths[:]
        everything = {*paths(record_type, record_type.unpack(submitted.content)), *standing(record_type, before)}
        submitted.echo.paths.extend(everything)
        restated = restate(record_type, before, submitted)
        after = restated.statement if restated is not None else before
        now, then = standing(record_type, after), standing(record_type, before)
        assert {path: (one.value, one.assertion.source_revision) for path, one in now.items()} == {
            path: (one.value, one.assertion.source_revision) for path, one in then.items()
        }
        before = after


def test_a_value_stands_since_it_was_said_first() -> None:
    both = supplier_pb2.Supplier(legal_name="Acme", website="a.example")
    moved = supplier_pb2.Supplier(legal_name="Acme", website="b.example")
    _, second = _history(SUPPLIER, _submission(both, 1), _submission(moved, 2))
    assert _word(second, "legal_name") == ("Acme", 1, 1, False)
    assert _word(second, "website") == ("b.example", 2, 2, False)


def test_a_value_that_comes_back_after_another_is_said_anew() -> None:
    *_, third = _history(SUPPLIER, _named("Acme", 1), _named("Apex", 2), _named("Acme", 3))
    assert _word(third, "legal_name") == ("Acme", 3, 3, False)


def test_an_echo_leaves_the_earlier_word_standing_for_as_long_as_it_is_one() -> None:
    hub = [_named("Hub's name", second, "legal_name") for second in (2, 3)]
    label = _named("Hub's name", 3, "legal_name")
    label.label = "changed otherwise"
    revisions = _history(SUPPLIER, _named("Acme", 1), *hub, label)
    assert len(revisions) == 3
    assert [_word(one, "legal_name") for one in revisions[1:]] == [("Acme", 1, 1, True)] * 2


def test_a_value_that_replaces_the_hubs_is_the_systems_own_word_again() -> None:
    *_, third = _history(SUPPLIER, _named("Acme", 1), _named("Hub's", 2, "legal_name"), _named("Apex", 3))
    assert _word(third, "legal_name") == ("Apex", 3, 3, False)
    *_, third = _history(SUPPLIER, _named("Acme", 1), _named("Hub's", 2, "legal_name"), _named("Acme", 3))
    assert _word(third, "legal_name") == ("Acme", 3, 3, False)


def test_an_own_value_that_is_no_longer_listed_as_echo_keeps_its_time() -> None:
    *_, last = _history(SUPPLIER, _named("Acme", 1), _named("Acme", 2, "legal_name"), _named("Acme", 3))
    assert _word(last, "legal_name") == ("Acme", 1, 1, False)


def test_an_echo_without_an_earlier_word_asserts_nothing() -> None:
    (only,) = _history(SUPPLIER, _named("Hub's", 1, "legal_name"))
    assert list(only.standing_assertions) == []
    assert SUPPLIER.unpack(only.standing_content) == supplier_pb2.Supplier()
    _, own = _history(SUPPLIER, _named("Hub's", 1, "legal_name"), _named("Own", 2))
    assert _word(own, "legal_name") == ("Own", 2, 2, False)


def test_an_element_that_the_hub_removed_stands_on_although_the_document_lost_it() -> None:
    content = supplier_pb2.Supplier()
    content.sites.add(code="HQ")
    removed = _submission(supplier_pb2.Supplier(), 2, echo=("sites[HQ]",))
    _, second = _history(SUPPLIER, _submission(content, 1), removed)
    assert SUPPLIER.unpack(second.standing_content) == content
    assert [one.echoed for one in second.standing_assertions] == [True]


def test_what_is_not_there_any_more_is_not_asserted_any_more() -> None:
    content = supplier_pb2.Supplier(legal_name="Acme")
    content.sites.add(code="HQ")
    _, second = _history(SUPPLIER, _submission(content, 1), _named("Acme", 2))
    assert set(standing(SUPPLIER, second)) == {"legal_name"}


def test_a_withdrawal_is_a_word_of_its_own() -> None:
    withdrawal = _submission(supplier_pb2.Supplier(), 2, withdrawn=("legal_name",))
    _, second = _history(SUPPLIER, _named("Acme", 1), withdrawal)
    (assertion,) = second.standing_assertions
    assert (assertion.withdrawn, assertion.source_time.seconds) == (True, 2)


def test_a_deletion_and_a_return_are_news() -> None:
    deleted = _named("Acme", 2)
    deleted.deleted = True
    revisions = _history(SUPPLIER, _named("Acme", 1), deleted, deleted, _named("Acme", 3))
    assert [revision.deleted for revision in revisions] == [False, True, False]
    assert [revision.revision for revision in revisions] == [1, 2, 3]


def test_the_order_of_elements_is_no_news() -> None:
    one, other = supplier_pb2.Supplier(trading_names=["a", "b"]), supplier_pb2.Supplier(trading_names=["b", "a"])
    assert len(_history(SUPPLIER, _submission(one, 1), _submission(other, 2))) == 1


def test_a_group_is_an_echo_by_its_name_or_by_all_its_set_fields() -> None:
    content = cost_center_pb2.CostCenter(entity="entities/mercy", code="1")
    for echo, asserted in ((("identity",), 0), (("entity", "code"), 0), (("code",), 1), (("slices",), 1)):
        (only,) = _history(COST_CENTER, _submission(content, 1, echo=echo))
        assert len(only.standing_assertions) == asserted


def test_all_slices_are_an_echo_by_the_field_or_one_by_one() -> None:
    content = cost_center_pb2.CostCenter()
    content.slices.add(display_name="Ward", manager="Ann").parents.add(hierarchy="legal", parent_code="1")
    for echo, left in (
        (("slices",), set()),
        (("slices.parents", "slices.manager"), {"slices.display_name"}),
        (("slices.parents[legal]",), {"slices.display_name", "slices.manager"}),
    ):
        (only,) = _history(COST_CENTER, _submission(content, 1, echo=echo))
        assert {assertion.path for assertion in only.standing_assertions} == left


def test_paths_that_a_type_does_not_have_are_found() -> None:
    known = ["legal_name", "sites", "sites[HQ]", "tax_ids[US/ein]"]
    assert unknown_paths(SUPPLIER, [*known, "legal_name[x]", "sites[HQ", "name", "entities", "slices", ""]) == [
        "legal_name[x]",
        "sites[HQ",
        "name",
        "entities",
        "slices",
        "",
    ]
    assert unknown_paths(COST_CENTER, ["slices", "slices.manager", "slices.parents[legal]", "identity", "code"]) == []
    assert unknown_paths(COST_CENTER, ["manager", "slices.effective_period", "slices."]) == [
        "manager",
        "slices.effective_period",
        "slices.",
    ]


def test_what_a_submission_touches_includes_what_it_withdraws() -> None:
    submitted = _submission(supplier_pb2.Supplier(legal_name="A"), 1, withdrawn=("website", "sites[HQ]"))
    assert fields_said(SUPPLIER, submitted) == ("legal_name", "sites", "website")
    dated = _submission(cost_center_pb2.CostCenter(code="1"), 1, withdrawn=("slices.manager",))
    assert fields_said(COST_CENTER, dated) == ("code", "slices")
