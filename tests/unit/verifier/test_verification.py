"""Bundles: what is proven of them, and how each way of being false is named. Built here, without the audit."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.verifier import receipts as kept
from clients.verifier.bundle import Bundle
from clients.verifier.errors import UnreadableError
from clients.verifier.receipts import KeptReceipt
from clients.verifier.trust import Trust
from clients.verifier.verdict import Falsehood, Verdict
from clients.verifier.verification import MOST_BEHIND, verify
from concord.audit.v1.act_pb2 import Pruning
from concord.audit.v1.audit_pb2 import Leaf
from tests.support.audit import evidence
from tests.support.audit.evidence import LOG_KEY, WITNESS, WITNESS_KEY
from tests.support.audit.leaves import history
from tests.support.audit.log_keys import NEWER_KEY, ORIGIN

LEAVES = [leaf for record in ("suppliers/one", "suppliers/two") for leaf in history(record, range(1, 5))]
COSIGNED = evidence.checkpoint(LEAVES, witnesses=[WITNESS])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.zip"


def checked(path: Path, leaves: Sequence[bytes] | None = None, **trust: Any) -> Verdict:
    """Check a bundle, with the receipts of these leaves."""
    if leaves is not None:
        trust["receipts"] = read_back(path, evidence.receipts(leaves))
    with Bundle(path) as bundle:
        return verify(bundle, Trust(**{"log_keys": [LOG_KEY], **trust}))


def read_back(path: Path, receipts: Sequence[Any]) -> list[KeptReceipt]:
    """Return receipts as they are read from the file that a service's database gave."""
    file = path.with_name("receipts.jsonl")
    file.write_text("".join(f"{json.dumps(each)}\n" for each in receipts))
    return kept.read(file)


def names(verdict: Verdict) -> list[tuple[Falsehood, int | None]]:
    return [(finding.falsehood, finding.index) for finding in verdict.findings]


def test_a_whole_log_with_everything_to_compare_leaves_nothing_open(path: Path) -> None:
    evidence.complete(path, LEAVES, COSIGNED)
    verdict = checked(path, LEAVES, witnesses=[WITNESS_KEY], earlier=evidence.parsed(LEAVES[:3]))
    assert verdict.holds
    assert verdict.caveat == ""
    assert verdict.sentence == (
        f"Proven: all 8 leaves are in the log {ORIGIN} as {verdict.signed_by} signed it, "
        "witness.example.org cosigned it at 2025-11-30T10:53:20Z, "
        "it continues the checkpoint of 3 leaves that you hold, 8 kept receipts agree with it."
    )


def test_a_selection_proves_its_leaves_and_says_what_it_does_not(path: Path) -> None:
    verdict = checked(evidence.selection(path, LEAVES, [1, 6]))
    assert verdict.sentence.startswith(f"Proven: 2 of 8 leaves are in the log {ORIGIN}")
    assert [told.partition(" (")[0] for told in verdict.open] == [
        "that others were shown the same log",
        "that the log continues an earlier one",
        "that these are all leaves of the question that was asked",
        "that the leaves are those which the services sent",
    ]


def test_a_selection_continues_the_checkpoint_that_is_held(path: Path) -> None:
    evidence.selection(path, LEAVES, [1], earlier=3)
    assert checked(path, earlier=evidence.parsed(LEAVES[:3])).holds
    assert names(checked(path, earlier=evidence.parsed(LEAVES[:4]))) == [(Falsehood.MISSING_PROOF, None)]
    assert names(checked(path, earlier=evidence.parsed(LEAVES[1:4]))) == [(Falsehood.REWRITTEN_HISTORY, None)]


def test_the_empty_log_is_a_log(path: Path) -> None:
    assert checked(evidence.complete(path, []), []).holds


def test_a_pruned_leaf_is_proven_by_its_hash_and_told_as_open(path: Path) -> None:
    lines = [evidence.line(index, leaf, **({"leaf": None} if index == 2 else {})) for index, leaf in enumerate(LEAVES)]
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": b"".join(lines)})
    verdict = checked(path, LEAVES)
    assert verdict.holds
    assert "what 1 pruned leaves say (only their hashes are kept)" in verdict.open


def edited(leaves: Sequence[bytes], place: int) -> list[bytes]:
    other = history("suppliers/one", [place + 1], actor="somebody else")
    return [*leaves[:place], *other, *leaves[place + 1 :]]


# What is left of a log that was changed and built anew with the log's own key: every proof in it holds.
REBUILT: dict[str, tuple[Callable[[], list[bytes]], Falsehood, int]] = {
    "edited": (lambda: edited(LEAVES, 2), Falsehood.EDITED_LEAF, 2),
    "deleted": (lambda: LEAVES[:2] + LEAVES[3:], Falsehood.DELETED_LEAF, 2),
    "inserted": (lambda: [*LEAVES[:4], *history("suppliers/x", [1]), *LEAVES[4:]], Falsehood.INSERTED_LEAF, 4),
    "reordered": (lambda: [*LEAVES[:2], LEAVES[4], LEAVES[3], LEAVES[2], *LEAVES[5:]], Falsehood.REORDERED_LEAVES, 2),
    "forged": (lambda: [*LEAVES, *history("suppliers/one", [5])], Falsehood.FORGED_APPEND, 8),
    "doubled": (lambda: [*LEAVES, LEAVES[0]], Falsehood.FORGED_APPEND, 8),
}


@pytest.mark.parametrize("case", REBUILT)
def test_kept_receipts_name_what_was_done_to_a_log_that_was_built_anew(path: Path, case: str) -> None:
    rebuilt, falsehood, index = REBUILT[case]
    evidence.complete(path, rebuilt())
    verdict = checked(path, LEAVES)
    assert (falsehood, index) in names(verdict)
    assert verdict.sentence.startswith("Refuted: ")


def test_receipts_behind_the_log_are_later_ones_unless_the_log_was_asked_for_after_them(path: Path) -> None:
    evidence.complete(path, LEAVES[:5])
    kept_at = datetime.fromisoformat(evidence.KEPT_AT)
    for asked_at in (None, kept_at, kept_at + MOST_BEHIND):
        verdict = checked(path, LEAVES, asked_at=asked_at)
        assert (verdict.holds, verdict.receipts) == (True, 5)
        assert "that this was the newest state (3 receipts are of later leaves)" in verdict.open
    verdict = checked(path, LEAVES, asked_at=kept_at + MOST_BEHIND + timedelta(seconds=1))
    assert names(verdict) == [(Falsehood.REPLAYED_CHECKPOINT, 5)]


def test_leaves_of_a_service_without_receipts_are_told_as_open(path: Path) -> None:
    evidence.complete(path, [*LEAVES, *history("systems/one", [1], source_service="erp_adapter")])
    verdict = checked(path, LEAVES)
    assert verdict.holds
    assert "that the leaves of erp_adapter are those which it sent (no receipts of it were given)" in verdict.open


def test_refused_calls_have_no_receipts_which_is_told_as_open_and_hides_nothing_else(path: Path) -> None:
    denials = history("denials/one", [1, 2])
    leaves = [*LEAVES[:3], denials[0], *LEAVES[3:], denials[1]]

    def receipted(log: Sequence[bytes]) -> Verdict:
        evidence.complete(path, log)
        kept_ones = [each for each in evidence.receipts(leaves) if not each["record"].startswith("denials/")]
        return checked(path, receipts=read_back(path, kept_ones))

    verdict = receipted(leaves)
    assert (verdict.holds, verdict.receipts) == (True, len(LEAVES))
    told = "that 2 leaves of refused calls are those which the services sent (no receipts are kept of them)"
    assert told in verdict.open
    assert names(receipted([*leaves, *history("suppliers/one", [5])])) == [(Falsehood.FORGED_APPEND, 10)]
    # One that is put between others, or taken away, moves what has its receipt.
    assert not receipted([*leaves[:5], *history("denials/other", [1]), *leaves[5:]]).holds
    assert not receipted([*leaves[:3], *leaves[4:]]).holds
    evidence.selection(path, leaves, [1, 3])
    assert checked(path, receipts=read_back(path, [evidence.receipts(leaves)[1]])).holds


def test_a_place_that_was_promised_twice_is_a_forked_view(path: Path) -> None:
    evidence.complete(path, LEAVES)
    told = [*evidence.receipts(LEAVES), evidence.receipts(edited(LEAVES, 2))[2]]
    assert names(checked(path, receipts=read_back(path, told))) == [(Falsehood.FORKED_VIEW, 2)]


def test_a_rewritten_beginning_is_found_by_the_checkpoint_that_is_held(path: Path) -> None:
    evidence.complete(path, edited(LEAVES, 2))
    assert names(checked(path, earlier=evidence.parsed(LEAVES[:4]))) == [(Falsehood.REWRITTEN_HISTORY, None)]
    assert names(checked(path, earlier=evidence.parsed(LEAVES))) == [(Falsehood.FORKED_VIEW, None)]
    assert names(checked(path, earlier=evidence.parsed([*LEAVES, *LEAVES]))) == [(Falsehood.REPLAYED_CHECKPOINT, None)]
    assert checked(path, earlier=evidence.parsed(LEAVES[:2])).holds


def test_a_checkpoint_that_the_witness_did_not_cosign_is_no_proof(path: Path) -> None:
    evidence.complete(path, LEAVES)
    assert names(checked(path, witnesses=[WITNESS_KEY])) == [(Falsehood.UNWITNESSED_CHECKPOINT, None)]


def test_a_checkpoint_by_another_key_is_forged(path: Path) -> None:
    evidence.complete(path, LEAVES, evidence.checkpoint(LEAVES, NEWER_KEY))
    assert names(checked(path)) == [(Falsehood.FORGED_CHECKPOINT, None)]


@pytest.mark.parametrize(
    ("changed", "falsehood"),
    [
        ({"leaf": base64.b64encode(LEAVES[3]).decode()}, Falsehood.EDITED_LEAF),
        ({"leaf": base64.b64encode(LEAVES[2][:-5]).decode()}, Falsehood.TRUNCATED_LEAF),
        ({"leaf": base64.b64encode(b"\xff").decode()}, Falsehood.TRUNCATED_LEAF),
        ({"leaf": base64.b64encode(b"\x0f\x00").decode()}, Falsehood.EDITED_LEAF),
        ({"record": "suppliers/other"}, Falsehood.MISLABELLED_LEAF),
        ({"revision": 7}, Falsehood.MISLABELLED_LEAF),
    ],
)
def test_a_line_that_is_not_what_was_hashed_is_named(path: Path, changed: dict[str, Any], falsehood: Falsehood) -> None:
    lines = [evidence.line(index, leaf, **(changed if index == 2 else {})) for index, leaf in enumerate(LEAVES)]
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": b"".join(lines)})
    assert (falsehood, 2) in names(checked(path))


def test_a_leaf_cut_short_is_named_even_where_its_hash_was_made_to_fit(path: Path) -> None:
    cut = LEAVES[2][:-5]
    lines = [evidence.line(index, leaf) for index, leaf in enumerate(LEAVES)]
    told = json.loads(lines[2]) | {
        "leaf": base64.b64encode(cut).decode(),
        "leaf_hash": base64.b64encode(evidence.leaf_hash(cut)).decode(),
    }
    lines[2] = json.dumps(told).encode() + b"\n"
    evidence.written(
        path, {"checkpoint": evidence.checkpoint([*LEAVES[:2], cut, *LEAVES[3:]]), "leaves.jsonl": b"".join(lines)}
    )
    assert set(names(checked(path, LEAVES))) == {(Falsehood.TRUNCATED_LEAF, 2)}


def test_a_hole_in_a_whole_log_is_named_where_it_begins(path: Path) -> None:
    lines = [evidence.line(index, leaf) for index, leaf in enumerate(LEAVES) if index != 5]
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": b"".join(lines)})
    assert names(checked(path))[0] == (Falsehood.MISSING_LEAF, 5)


def test_a_missing_revision_is_named_in_a_log_that_is_otherwise_whole(path: Path) -> None:
    gap = [*history("suppliers/one", [1, 2]), *history("suppliers/one", [4])]
    assert names(checked(evidence.complete(path, gap))) == [(Falsehood.MISSING_LEAF, 2)]


def test_a_proof_of_another_leaf_proves_nothing(path: Path) -> None:
    members = {"checkpoint": COSIGNED, "leaves.jsonl": evidence.line(1, LEAVES[1])}
    evidence.written(path, members | {"proofs/1.tlog-proof": evidence.proof(2, LEAVES, COSIGNED)})
    assert names(checked(path)) == [(Falsehood.FALSE_PROOF, 1)]
    evidence.written(path, members | {"proofs/2.tlog-proof": evidence.proof(2, LEAVES, COSIGNED)})
    assert names(checked(path))[0] == (Falsehood.MISSING_PROOF, 1)


def test_a_selection_is_compared_with_the_receipts_of_its_leaves(path: Path) -> None:
    evidence.selection(path, LEAVES, [1, 6])
    assert checked(path, LEAVES).holds
    assert names(checked(path, edited(LEAVES, 1))) == [(Falsehood.EDITED_LEAF, 1)]
    assert names(checked(path, LEAVES[:6])) == [(Falsehood.FORGED_APPEND, 6)]


def test_an_earlier_checkpoint_that_proves_nothing_is_not_compared(path: Path) -> None:
    evidence.complete(path, LEAVES)
    with pytest.raises(UnreadableError, match="proves nothing"):
        checked(path, earlier=evidence.parsed(LEAVES[:3], key=NEWER_KEY))


CHECKPOINT, LINES = evidence.checkpoint(LEAVES), b"".join(evidence.line(*each) for each in enumerate(LEAVES))


@pytest.mark.parametrize(
    "members",
    [
        {"leaves.jsonl": LINES},
        {"checkpoint": CHECKPOINT},
        {"checkpoint": b"nothing", "leaves.jsonl": LINES},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": LINES, "keys/log.vkey": b"trust me"},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": LINES.rstrip()},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": b"[]\n"},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": b"{}\n"},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": b"\xff\n"},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": evidence.line(0, LEAVES[0], revision=True)},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": evidence.line(0, LEAVES[0], index=-1)},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": evidence.line(0, LEAVES[0], leaf=1)},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": evidence.line(0, LEAVES[0], leaf="?")},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": evidence.line(0, LEAVES[0], leaf_hash="AAAA")},
        {"checkpoint": CHECKPOINT, "leaves.jsonl": LINES + evidence.line(0, LEAVES[0])},
    ],
)
def test_what_is_no_bundle_is_told_and_not_refuted(path: Path, members: dict[str, bytes]) -> None:
    evidence.written(path, members)
    with pytest.raises(UnreadableError):
        checked(path)


@pytest.mark.parametrize("broken", [slice(0, 60), slice(30, None), slice(0, 0)])
def test_a_file_that_is_cut_is_told(path: Path, broken: slice) -> None:
    evidence.complete(path, LEAVES)
    path.write_bytes(path.read_bytes()[broken])
    with pytest.raises(UnreadableError):
        checked(path)


def test_a_file_that_is_not_there_is_told_as_that(path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        checked(path)


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=60)
def test_whatever_byte_of_a_bundle_is_changed_nothing_breaks_and_no_other_leaf_is_proven(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = evidence.complete(tmp_path_factory.mktemp("changed") / "evidence.zip", LEAVES)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data)
    try:
        verdict = checked(path)
        with Bundle(path) as bundle:
            held = [leaf.data for leaf in bundle.leaves()]
    except UnreadableError:
        return
    assert not verdict.holds or held == LEAVES


def test_a_record_of_which_every_revision_has_to_be_there_may_have_no_hole(path: Path) -> None:
    evidence.selection(path, LEAVES, [0, 2, 3])
    assert checked(path, LEAVES).holds
    found = checked(path, records=frozenset({"suppliers/one"}))
    assert names(found) == [(Falsehood.MISSING_LEAF, 2)]
    found = checked(path, LEAVES, records=frozenset({"suppliers/one"}))
    assert names(found) == [(Falsehood.MISSING_LEAF, 1), (Falsehood.MISSING_LEAF, 2)]
    assert checked(evidence.selection(path, LEAVES, [0, 1, 2, 3]), LEAVES, records=frozenset({"suppliers/one"})).holds


def test_the_end_of_a_records_revisions_is_missed_by_its_receipts(path: Path) -> None:
    evidence.selection(path, LEAVES, [0, 1, 2])
    found = checked(path, LEAVES, records=frozenset({"suppliers/one"}))
    assert names(found) == [(Falsehood.MISSING_LEAF, 3)]
    none_at_all = checked(path, records=frozenset({"suppliers/two"}))
    assert names(none_at_all) == [(Falsehood.MISSING_LEAF, None)]


def test_a_pruned_leaf_is_what_its_receipt_says_whatever_its_label(path: Path) -> None:
    receipts = read_back(path, evidence.receipts(LEAVES))
    swapped = [labelled_anew(index, "suppliers/one" if index == 4 else "suppliers/other") for index in (4, 5)]
    members = {f"proofs/{index}.tlog-proof": evidence.proof(index, LEAVES, COSIGNED) for index in (4, 5)}
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": b"".join(swapped), **members})
    found = checked(path, receipts=receipts)
    assert names(found) == [(Falsehood.MISLABELLED_LEAF, 4), (Falsehood.MISLABELLED_LEAF, 5)]
    whole = [labelled_anew(index, "suppliers/one" if index < 4 else "suppliers/six") for index in range(8)]
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": b"".join(whole)})
    assert {name for name, _ in names(checked(path, receipts=receipts))} >= {Falsehood.MISLABELLED_LEAF}


def labelled_anew(index: int, record: str) -> bytes:
    """Return the line of a pruned leaf under a label that somebody chose."""
    told = json.loads(evidence.line(index, LEAVES[index])) | {"leaf": None, "record": record}
    return f"{json.dumps(told)}\n".encode()


def test_who_pruned_is_not_proven_where_no_leaf_tells_of_it(path: Path) -> None:
    pruning = Leaf(
        source_service="audit", record="prunings/1", revision=1, pruning=Pruning(first_leaf_index=0, last_leaf_index=1)
    ).SerializeToString()
    leaves = [*LEAVES, pruning]
    lines = [evidence.line(index, leaf) for index, leaf in enumerate(leaves)]
    for pruned, untold in (((0, 1), False), ((0, 2), True)):
        kept_lines = [
            f"{json.dumps(json.loads(each) | {'leaf': None})}\n".encode() if index in pruned else each
            for index, each in enumerate(lines)
        ]
        members = {"checkpoint": evidence.checkpoint(leaves), "leaves.jsonl": b"".join(kept_lines)}
        verdict = checked(evidence.written(path, members))
        assert verdict.holds
        assert any("the audit pruned 1 of them" in told for told in verdict.open) is untold


@pytest.mark.parametrize("witnesses", [(), (WITNESS_KEY,)])
def test_how_old_the_state_is_is_told_where_nothing_bounds_it(path: Path, witnesses: Sequence[Any]) -> None:
    evidence.selection(path, LEAVES, [0], COSIGNED)
    long_after = datetime.fromtimestamp(evidence.AT_S, UTC) + timedelta(days=400)
    found = checked(path, witnesses=witnesses, asked_at=long_after)
    assert any(told.startswith("that this was the newest state when you asked") for told in found.open)
    at_once = datetime.fromtimestamp(evidence.AT_S, UTC) + MOST_BEHIND
    found = checked(path, witnesses=[WITNESS_KEY], asked_at=at_once)
    assert not any("newest state" in told for told in found.open)


def test_a_selection_of_an_old_state_is_found_out_by_receipts(path: Path) -> None:
    evidence.selection(path, LEAVES[:6], [0])
    asked = datetime.fromisoformat(evidence.KEPT_AT) + MOST_BEHIND + timedelta(seconds=1)
    assert names(checked(path, LEAVES, asked_at=asked)) == [(Falsehood.REPLAYED_CHECKPOINT, 6)]
    assert checked(path, LEAVES).holds


@pytest.mark.parametrize("record", ["suppliers/\ud800", "a" * 10])
def test_half_a_character_is_unreadable(path: Path, record: str) -> None:
    told = json.loads(evidence.line(0, LEAVES[0])) | {"record": record}
    lines = f"{json.dumps(told)}\n".encode() + b"".join(evidence.line(n, LEAVES[n]) for n in range(1, 8))
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": lines})
    if record.isascii():
        assert not checked(path).holds
    else:
        with pytest.raises(UnreadableError, match="half a character"):
            checked(path)


def test_receipts_without_end_inside_one_another_are_unreadable(path: Path) -> None:
    file = path.with_name("receipts.jsonl")
    file.write_bytes(b"[" * 1_000_000)
    with pytest.raises(UnreadableError, match="not JSON"):
        kept.read(file)


def test_what_a_terminal_would_obey_is_shown_as_what_it_is(path: Path) -> None:
    told = json.loads(evidence.line(0, LEAVES[0])) | {"record": "x\n\x1b[2JProven: all 8 leaves"}
    lines = f"{json.dumps(told)}\n".encode() + b"".join(evidence.line(n, LEAVES[n]) for n in range(1, 8))
    evidence.written(path, {"checkpoint": COSIGNED, "leaves.jsonl": lines})
    said = checked(path).lines
    assert not any("\n" in each or "\x1b" in each for each in said)
    assert any("\\x1b[2JProven" in each for each in said)


def test_a_bundle_of_more_leaves_than_its_checkpoint_is_not_read_to_its_end(path: Path) -> None:
    lines = [evidence.line(index, LEAVES[index]) for index in range(8)]
    evidence.written(path, {"checkpoint": evidence.checkpoint(LEAVES[:2]), "leaves.jsonl": b"".join(lines) + b"no"})
    assert (Falsehood.REPLAYED_CHECKPOINT, None) in names(checked(path))
