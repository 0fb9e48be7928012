"""`python -m services.development issuer|bootstrap|databases`: what a cluster of one's own needs, and no other."""

import argparse
import os
import sys

from services.development.app import bootstrap, make_databases, serve_issuer
from services.development.settings import (
    BOOTSTRAP_PREFIX,
    DATABASES_PREFIX,
    ISSUER_PREFIX,
    BootstrapSettings,
    DatabasesSettings,
    IssuerSettings,
)
from services.mesh.configuration import describe, load
from services.mesh.process import run as run_process


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; return the exit code."""
    command: str = _parser().parse_args(arguments).command
    if command == "issuer":
        return run_process(lambda: serve_issuer(load(IssuerSettings, os.environ, ISSUER_PREFIX)))
    if command == "bootstrap":
        return run_process(lambda: bootstrap(load(BootstrapSettings, os.environ, BOOTSTRAP_PREFIX)))
    return run_process(lambda: make_databases(load(DatabasesSettings, os.environ, DATABASES_PREFIX)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.development",
        description="For development, and nowhere else: whoever reads the secrets of these commands can be anybody.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told, settings, prefix in (
        ("issuer", "serve an OAuth issuer with client credentials", IssuerSettings, ISSUER_PREFIX),
        ("bootstrap", "create the Secrets that are missing in a namespace", BootstrapSettings, BOOTSTRAP_PREFIX),
        ("databases", "make roles and databases, set passwords", DatabasesSettings, DATABASES_PREFIX),
    ):
        commands.add_parser(
            name,
            help=told,
            description=told,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"environment:\n{describe(settings, prefix)}",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
