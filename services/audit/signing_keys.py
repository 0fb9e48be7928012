"""The log's key file, and the command that begins one: `python -m services.audit.signing_keys ORIGIN FILE`.

A line a key, the newest first. A signing key signs every checkpoint; a verifier key is one that has signed and does not
any more. So a key is rotated in two steps: a new signing key above the old one, which both sign for as long as auditors
take to learn the new one; then the old one replaced by its verifier key.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from services.audit.domain.checkpoint import LogSigner
from services.audit.domain.signed_note import MalformedKeyError, SigningKey, VerifierKey
from services.mesh.configuration import ConfigurationError
from services.mesh.identity.secret_file import read_secret_file

_SEED_BYTES = 32


def read_signer(origin: str, path: Path) -> LogSigner:
    """Read what signs the log of this origin; the file must be closed to others.

    Raises ConfigurationError, which shows no key.
    """
    keys: list[SigningKey] = []
    retired: list[VerifierKey] = []
    for number, line in enumerate(_lines(path), 1):
        try:
            if not retired and line.startswith("PRIVATE"):
                keys.append(SigningKey.parse(line))
            else:
                retired.append(VerifierKey.parse(line))
        except MalformedKeyError as error:
            raise ConfigurationError([f"{path}: key {number}: {error}"]) from error
    try:
        return LogSigner.of(origin, keys, retired)
    except ValueError as error:
        raise ConfigurationError([f"{path}: {error}"]) from error


def new_key(origin: str) -> SigningKey:
    """Return a fresh key. Raises MalformedKeyError for an origin that can't name a key."""
    return SigningKey.parse(SigningKey(origin, secrets.token_bytes(_SEED_BYTES)).written())


def write_key_file(origin: str, path: Path) -> VerifierKey:
    """Make a key file with one fresh key, readable by its owner only, and return the key to give to auditors.

    Raises MalformedKeyError for an origin that can't name a key, FileExistsError.
    """
    key = new_key(origin)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"{key.written()}\n")
    return key.verifier


def main() -> int:
    """Make a key file and print its verifier key; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.audit.signing_keys", description="Begin a key file.")
    parser.add_argument("origin", help="the log's name, such as audit.hospital.example/log")
    parser.add_argument("file", type=Path, help="the file to make; it must not be there")
    asked = parser.parse_args()
    try:
        print(write_key_file(asked.origin, asked.file))  # noqa: T201 - the operator hands it to auditors
    except (MalformedKeyError, OSError) as error:
        print(f"no key was made: {error}", file=sys.stderr)  # noqa: T201 - for operators
        return 1
    return 0


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in read_secret_file(path).splitlines() if line.strip()]
    except PermissionError as error:
        raise ConfigurationError([str(error)]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: {type(error).__name__}"]) from error


if __name__ == "__main__":
    sys.exit(main())
