"""What a witness cosigns and what it refuses, on trees of any size."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.verifier.checkpoint import Checkpoint, cosignatures
from clients.verifier.errors import UnreadableError
from clients.verifier.note import VerifierKey
from services.audit.domain.signed_note import SigningKey
from services.witness.domain import signing_key
from services.witness.domain.submission import ContradictionError, OtherSizeError, RefusalError, Status, Submission
from tests.support.audit.evidence import LOG_KEY, WITNESS, WITNESS_KEY, checkpoint, hashes, parsed
from tests.support.audit.log_keys import NEWER_KEY
from tests.support.merkle.naive_proofs import consistency_path

LEAVES = [str(number).encode() for number in range(9)]


def submission(
    old_size: int, leaves: list[bytes], proof: list[bytes] | None = None, key: SigningKey | None = None
) -> Submission:
    """Return what a log of these leaves sends to continue its first `old_size`."""
    if proof is None:
        proof = consistency_path(old_size, hashes(leaves)) if 0 < old_size <= len(leaves) else []
    lines = [f"old {old_size}", *(base64.b64encode(each).decode() for each in proof), "", ""]
    note = checkpoint(leaves) if key is None else checkpoint(leaves, key)
    return Submission.parse("\n".join(lines).encode() + note)


def status(old_size: int, leaves: list[bytes], cosigned: Checkpoint | None, proof: list[bytes] | None = None) -> int:
    with pytest.raises(RefusalError) as refused:
        submission(old_size, leaves, proof).require_continuing(cosigned)
    return refused.value.status


@given(size=st.integers(1, 40), data=st.data())
def test_a_log_that_only_grew_is_continued_from_every_size(size: int, data: st.DataObject) -> None:
    leaves = [str(number).encode() for number in range(size)]
    old_size = data.draw(st.integers(0, size))
    submission(old_size, leaves).require_continuing(parsed(leaves[:old_size]) if old_size else None)
    changed = [b"changed", *leaves[1:]]
    if old_size:
        with pytest.raises(ContradictionError):
            submission(old_size, changed).require_continuing(parsed(leaves[:old_size]))


def test_a_log_that_knows_another_size_is_told_the_one_that_was_cosigned() -> None:
    with pytest.raises(OtherSizeError) as refused:
        submission(3, LEAVES).require_continuing(parsed(LEAVES[:5]))
    assert (refused.value.size, refused.value.status) == (5, Status.CONFLICT)
    with pytest.raises(OtherSizeError) as unknown:
        submission(3, LEAVES).require_continuing(None)
    assert unknown.value.size == 0


def test_the_protocol_tells_refusals_apart() -> None:
    assert status(9, LEAVES[:5], parsed(LEAVES)) == Status.MALFORMED
    assert status(9, [b"changed", *LEAVES[1:]], parsed(LEAVES), []) == Status.CONFLICT
    assert status(5, LEAVES, parsed(LEAVES[:5]), []) == Status.NOT_PROVEN
    assert status(0, LEAVES, None, [bytes(32)]) == Status.NOT_PROVEN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old\n\n",
        b"old -1\n\n",
        b"old 01\n\n",
        b"new 1\n\n",
        b"old 1\nnot a hash\n\n",
        b"old 1\n" * 70 + b"\n",
        b"\xff",
    ],
)
def test_what_is_no_submission_is_told(body: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        Submission.parse(body + checkpoint(LEAVES))
    assert refused.value.status == Status.MALFORMED


def test_only_logs_that_are_known_and_signed_are_looked_at() -> None:
    submission(0, LEAVES).require_trusted([LOG_KEY])
    with pytest.raises(RefusalError) as unknown:
        submission(0, LEAVES, key=SigningKey("another.example.org/log", bytes(32))).require_trusted([LOG_KEY])
    assert unknown.value.status == Status.UNKNOWN_LOG
    with pytest.raises(RefusalError) as unsigned:
        submission(0, LEAVES, key=NEWER_KEY).require_trusted([LOG_KEY])
    assert unsigned.value.status == Status.NOT_SIGNED


def test_a_key_is_written_read_and_cosigns() -> None:
    assert signing_key.SigningKey.parse(f"{WITNESS.written}\n") == WITNESS
    text = checkpoint(LEAVES).decode().partition("\n\n")[0] + "\n"
    cosigned = Checkpoint.parse(checkpoint(LEAVES) + WITNESS.cosign(text, 1_700_000_000).encode())
    assert [each.witness for each in cosignatures(cosigned, [WITNESS_KEY])] == [WITNESS.name]
    assert VerifierKey.parse(WITNESS.verifier_key) == WITNESS_KEY


@pytest.mark.parametrize(
    "text", ["", "PRIVATE+KEY+a+b+c", NEWER_KEY.written(), WITNESS.written[:-9], WITNESS.verifier_key]
)
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        signing_key.SigningKey.parse(text)
    assert not text or text not in str(refused.value)
    assert "WITNESS" not in repr(WITNESS)
    assert repr(WITNESS.seed) not in repr(WITNESS)
