"""The files of the repository and the rules that hold for each of them, whatever is in it."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from tools.finding import Finding

LONGEST_FILE = 500
_LIMITED = {".py", ".proto"}
_EMPTY_NAMES = {"base", "bases", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

# A path below somebody's home, and an address that packages are fetched from.
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|root)/[\w.-]+")
_INDEX = r"(?:extra-)?index[-_]"
_REGISTRY = re.compile(
    r"\b\w+://[^\s\"'<>]*"
    r"/simple\b"
    rf"|(?<!emit-)\b{_INDEX}url\s*[=:]"
    rf"|(?<!-)--{_INDEX}url\b"
)
_DEPTH_OF_A_PATH = 3


def repository_files(root: Path) -> list[str]:
    """Return the paths of the files that git tracks or would track, relative to `root`, sorted."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({name for name in listed.stdout.split("\0") if name and (root / name).is_file()})


def private_words(root: Path) -> list[str]:
    """Return the words that must not enter the repository: one a line in `.git/info/private-words`.

    Names of customers, hosts and folders are no less private in a list of forbidden words, so each clone keeps its own
    where git never commits it. No file means no words.
    """
    listed = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--git-path", "info/private-words"],
        capture_output=True,
        text=True,
        check=True,
    )
    path = root / listed.stdout.strip()
    return path.read_text().split("\n") if path.exists() else []


def misnamed_modules(names: Iterable[str]) -> Iterator[Finding]:
    """Find modules, packages and contracts whose name says nothing about what is in them."""
    for name in names:
        path = PurePosixPath(name)
        if path.suffix not in _LIMITED:
            continue
        for part in {*path.parts[:-1], path.stem} & _EMPTY_NAMES:
            yield Finding(name, 1, "module-name", f"{part!r} does not say what is in it")


def broken_texts(name: str, text: str, root: Path, words: Iterable[str]) -> Iterator[Finding]:
    """Find a file that is too long, or that tells of a machine, a registry or a private word."""
    lines = text.splitlines()
    if PurePosixPath(name).suffix in _LIMITED and len(lines) > LONGEST_FILE:
        message = f"{len(lines)} lines, at most {LONGEST_FILE} are allowed"
        yield Finding(name, LONGEST_FILE + 1, "file-length", message)
    secret = _private_pattern(words)
    checkout = str(root) if len(root.parts) >= _DEPTH_OF_A_PATH else None
    for number, line in enumerate(lines, start=1):
        if _MACHINE_PATH.search(line) or (checkout and checkout in line):
            yield Finding(name, number, "machine-path", "an absolute path of somebody's machine")
        if _REGISTRY.search(line):
            yield Finding(name, number, "registry", "the address of a package registry")
        if secret and secret.search(line):
            yield Finding(name, number, "private-word", "a word from .git/info/private-words")


def _private_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    escaped = [re.escape(word.strip()) for word in words if word.strip()]
    return re.compile("|".join(escaped), re.IGNORECASE) if escaped else None
