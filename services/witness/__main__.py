"""`python -m services.witness`: witness logs; `… new-key NAME FILE`: make the key that it does so with."""

import argparse
import os
import secrets
import sys
from pathlib import Path

from services.mesh.configuration import describe, load
from services.mesh.process import run as run_process
from services.witness.app import run
from services.witness.domain.signing_key import SigningKey
from services.witness.settings import PREFIX, WitnessSettings


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    if given.command == "new-key":
        return run_process(lambda: _new_key(given.name, given.file))
    return run_process(lambda: run(load(WitnessSettings, os.environ, PREFIX)))


def _new_key(name: str, file: Path) -> int:
    key = SigningKey(name, secrets.token_bytes(32))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
        secret.write(f"{key.written}\n")
    print(key.verifier_key)  # noqa: T201 - the public half, for auditors and the log
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.witness",
        description="The witness: cosigns checkpoints of logs that only ever grew (C2SP tlog-witness).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"environment to serve:\n{describe(WitnessSettings, PREFIX)}",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="witness logs (default)")
    new_key = commands.add_parser(
        "new-key", help="write a new key to a file that only its owner reads; print its public half"
    )
    new_key.add_argument("name", metavar="NAME", help="the witness's name, such as witness.example.org")
    new_key.add_argument("file", metavar="FILE", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
