"""`python -m clients.verifier`: what it says, what it exits with, and what it needs."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from clients.verifier.__main__ import PROVEN, REFUTED, UNREADABLE, main
from tests.support.audit import evidence
from tests.support.audit.evidence import WITNESS
from tests.support.audit.leaves import history
from tests.support.audit.log_keys import KEY

ROOT = Path(__file__).resolve().parents[3]
LEAVES = history("suppliers/one", range(1, 6))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a bundle, and what an auditor holds."""
    evidence.complete(tmp_path / "evidence.zip", LEAVES, evidence.checkpoint(LEAVES, witnesses=[WITNESS]))
    (tmp_path / "log.vkey").write_text(f"{KEY.verifier}\n")
    (tmp_path / "witness.vkey").write_text(f"{WITNESS.verifier_key}\n")
    (tmp_path / "earlier").write_bytes(evidence.checkpoint(LEAVES[:2]))
    kept = evidence.receipts(LEAVES)
    (tmp_path / "receipts.jsonl").write_text("".join(f"{json.dumps(receipt)}\n" for receipt in kept))
    return tmp_path


def told(files: Path, *more: str) -> list[str]:
    return [str(files / "evidence.zip"), "--key", str(files / "log.vkey"), *more]


def test_what_holds_is_told_in_a_sentence(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--witness", "witness.vkey", "--receipts", "receipts.jsonl", "--earlier", "earlier"]
    assert main(told(files, *(each if each.startswith("--") else str(files / each) for each in more))) == PROVEN
    said = capsys.readouterr().out
    assert said.startswith("Proven: all 5 leaves are in the log")
    assert said.count("\n") == 1


def test_what_does_not_hold_is_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence.complete(files / "evidence.zip", LEAVES[1:], evidence.checkpoint(LEAVES))
    assert main(told(files)) == REFUTED
    said = capsys.readouterr().out
    assert said.startswith("Refuted: missing leaf 0: suppliers/one revision 2 of mdm comes behind revision 0")
    assert "deleted leaf: the bundle has 4 leaves, the checkpoint says 5" in said
    assert "Not proven: that others were shown the same log" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evidence.zip", b"not a zip file"),
        ("log.vkey", b""),
        ("log.vkey", b"\xff"),
        ("log.vkey", WITNESS.verifier_key.encode()),
        ("receipts.jsonl", b"{}\n"),
        ("earlier", b"nothing"),
    ],
)
def test_what_cannot_be_read_is_told(
    files: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (files / name).write_bytes(content)
    more = ["--receipts", str(files / "receipts.jsonl"), "--earlier", str(files / "earlier")]
    assert main(told(files, *more)) == UNREADABLE
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("name", ["evidence.zip", "log.vkey"])
def test_a_file_that_is_not_there_is_told(files: Path, name: str) -> None:
    (files / name).unlink()
    assert main(told(files)) == UNREADABLE


def test_it_runs_where_only_the_standard_library_and_cryptography_are(files: Path, tmp_path: Path) -> None:
    """Copy the package alone, beside nothing but cryptography and what that itself needs."""
    place = tmp_path / "auditor"
    place.mkdir()
    (place / "clients").mkdir()
    (place / "clients" / "__init__.py").touch()
    (place / "clients" / "verifier").symlink_to(ROOT / "clients" / "verifier")
    installed = Path(sysconfig.get_path("platlib"))
    for name in ("cryptography", "cffi", "pycparser"):
        if (installed / name).exists():
            (place / name).symlink_to(installed / name)
    for extension in installed.glob("_cffi_backend*"):
        (place / extension.name).symlink_to(extension)
    # -S leaves out every other installed package, -E whatever the environment adds.
    command = [sys.executable, "-S", "-E", "-m", "clients.verifier", *told(files)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (PROVEN, "")
    assert done.stdout.startswith("Proven: ")
