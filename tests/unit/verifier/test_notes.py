"""Notes, keys, checkpoints and cosignatures: what is one, and who signed it."""

import base64

import pytest

from clients.verifier.checkpoint import Checkpoint, check_log_signature, cosignatures
from clients.verifier.errors import RefutedError, UnreadableError
from clients.verifier.note import Note, VerifierKey
from clients.verifier.tlog_proof import TlogProof
from services.audit.domain.signed_note import SigningKey, sign
from tests.support.audit.evidence import AT_S, LOG_KEY, WITNESS, WITNESS_KEY, checkpoint, proof
from tests.support.audit.leaves import history
from tests.support.audit.log_keys import KEY, NEWER_KEY, ORIGIN

LEAVES = history("suppliers/one", range(1, 6))

# The example of golang.org/x/mod/sumdb/note, in whose format the specification is written.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def test_the_published_example_verifies() -> None:
    note, key = Note.parse(PUBLISHED_NOTE.encode()), VerifierKey.parse(PUBLISHED_KEY)
    assert [key.made(signature) for signature in note.signatures] == [True]
    assert key.verifies(note.signatures[0].data, note.text.encode())
    assert not key.verifies(note.signatures[0].data, note.text.replace("answer", "question").encode())


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "no signature\n",
        "text\n\n— name\n",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— na+me x08go/ZJ\n",
        "text\n\n— name x08go/ZJ",
        "text\n\n— name x08g\n",
        "text\n\n— name !!!!\n",
        "te\txt\n\n— name x08go/ZJ\n",
        "text\n\n— name x08go/ZJkk\n",
        "text\n" * 20_000 + "\n— name x08go/ZJ\n",
    ],
)
def test_what_is_no_note_is_told(broken: str) -> None:
    with pytest.raises(UnreadableError):
        Note.parse(broken.encode())


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "name",
        "name+c74f20a3",
        PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_KEY.replace("PeterNeumann", "Peter Neumann"),
        "name+00000000+" + base64.b64encode(b"\x09" + bytes(32)).decode(),
    ],
)
def test_what_is_no_key_is_told(broken: str) -> None:
    with pytest.raises(UnreadableError):
        VerifierKey.parse(broken)


@pytest.mark.parametrize("lines", ["a\n1\n", "a\n01\nX\n", "a\n-1\nX\n", "a\n1\nAAAA\n", f"a\n{2**63}\nX\n"])
def test_what_is_no_checkpoint_is_told(lines: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(UnreadableError):
        Checkpoint.parse(sign(lines.replace("X", root), [KEY]).encode())


def test_a_checkpoint_says_who_has_how_much_and_may_have_further_lines() -> None:
    root = base64.b64encode(bytes(32)).decode()
    read = Checkpoint.parse(sign(f"{ORIGIN}\n7\n{root}\nsomething else\n", [KEY]).encode())
    assert (read.origin, read.size, read.root) == (ORIGIN, 7, bytes(32))


def test_a_log_is_believed_by_its_own_key_only() -> None:
    signed = Checkpoint.parse(checkpoint(LEAVES))
    assert check_log_signature(signed, [LOG_KEY]).startswith(f"{ORIGIN}+")
    other = VerifierKey.parse(str(NEWER_KEY.verifier))
    with pytest.raises(RefutedError, match="no given key"):
        check_log_signature(signed, [other])
    # After a change of keys both are given.
    check_log_signature(signed, [other, LOG_KEY])


def test_a_key_is_not_believed_about_a_log_of_another_name() -> None:
    text = checkpoint(LEAVES).decode().partition("\n\n")[0] + "\n"
    foreign = SigningKey("another.example.org/log", bytes(32))
    with pytest.raises(RefutedError, match="no given key"):
        check_log_signature(
            Checkpoint.parse(sign(text, [foreign]).encode()), [VerifierKey.parse(str(foreign.verifier))]
        )


def test_a_false_signature_of_a_known_key_is_refused() -> None:
    signed = checkpoint(LEAVES).replace(b"\n5\n", b"\n6\n")
    with pytest.raises(RefutedError, match="is false"):
        check_log_signature(Checkpoint.parse(signed), [LOG_KEY])


def test_a_witness_says_when_it_cosigned() -> None:
    signed = Checkpoint.parse(checkpoint(LEAVES, witnesses=[WITNESS]))
    assert [(each.witness, int(each.at.timestamp())) for each in cosignatures(signed, [WITNESS_KEY])] == [
        (WITNESS.name, AT_S)
    ]
    assert cosignatures(Checkpoint.parse(checkpoint(LEAVES)), [WITNESS_KEY]) == []


def test_a_cosignature_of_another_checkpoint_is_refused() -> None:
    moved = checkpoint(LEAVES) + checkpoint(LEAVES[:4], witnesses=[WITNESS]).rpartition(b"\n\xe2\x80\x94")[2].join(
        [b"\xe2\x80\x94", b""]
    )
    with pytest.raises(RefutedError, match="is false"):
        cosignatures(Checkpoint.parse(moved), [WITNESS_KEY])


def test_a_proof_file_names_a_leaf_a_path_and_a_checkpoint() -> None:
    read = TlogProof.parse(proof(2, LEAVES, checkpoint(LEAVES)))
    assert (read.index, len(read.path), read.checkpoint.size) == (2, 3, 5)
    with_extra = proof(2, LEAVES, checkpoint(LEAVES)).replace(b"index", b"extra bm90aGluZw==\nindex", 1)
    assert TlogProof.parse(with_extra) == read


@pytest.mark.parametrize(
    "broken", [b"", b"c2sp.org/tlog-proof@v2\nindex 0\n\n", b"c2sp.org/tlog-proof@v1\n\n", b"\xff"]
)
def test_what_is_no_proof_is_told(broken: bytes) -> None:
    with pytest.raises(UnreadableError):
        TlogProof.parse(broken)
