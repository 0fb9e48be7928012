"""`python -m clients.verifier BUNDLE --key log.vkey`: check an evidence bundle offline, as `concord audit verify`."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from clients.verifier.bundle import Bundle
from clients.verifier.errors import UnreadableError
from clients.verifier.trust import Trust
from clients.verifier.verification import verify

PROVEN, REFUTED, UNREADABLE = 0, 1, 2
"""The exit statuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command line; return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        trust = Trust.read(given.key, given.witness, given.receipts, given.earlier, given.asked, given.record)
        with Bundle(given.bundle) as bundle:
            verdict = verify(bundle, trust)
    except UnreadableError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNREADABLE
    print("\n".join(verdict.lines))
    return PROVEN if verdict.holds else REFUTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clients.verifier",
        description="Check an evidence bundle with public keys only: exit status 0 proven, 1 refuted, 2 unreadable.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    several = functools.partial(parser.add_argument, action="append", type=Path, metavar="FILE")
    several("--key", required=True, help="public keys of the log, one a line")
    several("--witness", default=[], help="public key of a witness that has to have cosigned")
    several("--receipts", default=[], help="receipts that a service kept")
    told = "a record of which the bundle has to hold every revision"
    parser.add_argument("--record", action="append", default=[], metavar="NAME", help=told)
    parser.add_argument("--earlier", type=Path, metavar="FILE", help="a checkpoint that you kept from an earlier check")
    parser.add_argument("--asked", metavar="TIME", help="when you asked for the bundle, as 2026-11-30T08:00:00Z")
    return parser


if __name__ == "__main__":
    sys.exit(main())
