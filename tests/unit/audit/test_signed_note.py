"""Notes, keys, checkpoints and proofs as texts that other people's tools read."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.checkpoint import Checkpoint, LogSigner, MalformedCheckpointError
from services.audit.domain.merkle import EMPTY_ROOT
from services.audit.domain.signed_note import (
    MalformedKeyError,
    MalformedNoteError,
    SignedNote,
    SigningKey,
    UnverifiedNoteError,
    VerifierKey,
    sign,
)
from services.audit.domain.tlog_proof import tlog_proof
from tests.support.audit.log_keys import KEY, NEWER_KEY, ORIGIN, SIGNER

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TEXT = f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

# From the documentation and tests of Go's golang.org/x/mod/sumdb/note.
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_that_go_signed_is_verified_and_signed_alike() -> None:
    note = SignedNote.parse(GO_NOTE)
    key = VerifierKey.parse(GO_VERIFIER)
    assert note.signers([key]) == [key]
    assert sign(note.text, [SigningKey.parse(GO_SIGNER)]) == GO_NOTE
    assert str(SigningKey.parse(GO_SIGNER).verifier) == GO_VERIFIER


def test_a_key_is_read_as_it_is_written_and_shown_nowhere() -> None:
    assert SigningKey.parse(KEY.written()) == KEY
    assert VerifierKey.parse(str(KEY.verifier)) == KEY.verifier
    assert base64.b64encode(b"\x01" + KEY.secret).decode() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name+00000000",
        str(KEY.verifier).replace(ORIGIN, "another"),
        str(KEY.verifier)[:-4] + "AAA=",
        f"{ORIGIN}+00000000+{base64.b64encode(bytes(33)).decode()}",
        f"a name+{str(KEY.verifier).partition('+')[2]}",
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    for parse in (VerifierKey.parse, lambda told: SigningKey.parse(f"PRIVATE+KEY+{told}")):
        with pytest.raises(MalformedKeyError) as refused:
            parse(text)
        assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        sign(TEXT, [KEY])[:-1],
        sign(TEXT, [KEY]).replace("\u2014", "-"),
        sign(TEXT, [KEY]).replace("\n0\n", "\n0\r\n"),
        f"{TEXT}\n\u2014 {ORIGIN} AAAA\n",
        f"{TEXT}\n\u2014 {ORIGIN} AAAAA\n",
        sign(TEXT, [KEY] * 65),
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(MalformedNoteError):
        SignedNote.parse(note)


def test_unknown_signatures_are_passed_over_and_broken_ones_are_not() -> None:
    note = SignedNote.parse(sign(TEXT, [NEWER_KEY, KEY]))
    assert note.signers([KEY.verifier]) == [KEY.verifier]
    with pytest.raises(UnverifiedNoteError, match="no known key"):
        SignedNote.parse(sign(TEXT, [NEWER_KEY])).signers([KEY.verifier])
    changed = SignedNote.parse(sign(TEXT, [KEY]).replace("\n0\n", "\n1\n"))
    with pytest.raises(UnverifiedNoteError, match="does not hold"):
        changed.signers([KEY.verifier])


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**62))
def test_a_checkpoint_is_read_as_it_is_signed(origin: str, tree_size: int) -> None:
    checkpoint = Checkpoint(origin, tree_size, EMPTY_ROOT)
    note = SignedNote.parse(sign(checkpoint.text(), [KEY]))
    assert Checkpoint.parse(note.text) == checkpoint


@pytest.mark.parametrize("text", ["", "log\n01\n" + TEXT.splitlines()[2] + "\n", "log\n1\nAAAA=\n", "log\n-1\nAAA=\n"])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedCheckpointError):
        Checkpoint.parse(text)


def test_all_keys_of_a_log_sign_and_the_first_is_named() -> None:
    signer = LogSigner.of(ORIGIN, [NEWER_KEY, KEY])
    signed = signer.sign(0, EMPTY_ROOT, NOW)
    note = SignedNote.parse(signed.note)
    assert note.text == TEXT
    assert note.signers([KEY.verifier]) == [KEY.verifier]
    assert note.signers(signer.verifiers) == [NEWER_KEY.verifier, KEY.verifier]
    assert signed.key_id == NEWER_KEY.verifier.key_id


def test_what_a_key_signed_before_it_retired_is_still_verified() -> None:
    old = SIGNER.sign(0, EMPTY_ROOT, NOW)
    rotated = LogSigner.of(ORIGIN, [NEWER_KEY], [KEY.verifier])
    assert SignedNote.parse(old.note).signers(rotated.verifiers) == [KEY.verifier]
    assert SignedNote.parse(rotated.sign(0, EMPTY_ROOT, NOW).note).signers(rotated.verifiers) == [NEWER_KEY.verifier]


def test_a_log_has_keys_and_they_bear_its_name() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        LogSigner.of(ORIGIN, [], [KEY.verifier])
    with pytest.raises(ValueError, match="another"):
        LogSigner.of("another", [KEY])


def test_a_proof_is_written_as_the_format_says() -> None:
    note = SIGNER.sign(2, EMPTY_ROOT, NOW).note
    text = tlog_proof(1, [bytes(32)], note)
    assert text == f"c2sp.org/tlog-proof@v1\nindex 1\n{base64.b64encode(bytes(32)).decode()}\n\n{note}"
