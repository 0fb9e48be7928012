"""The entry point: `concord`, or `python -m clients.cli`."""

import sys

from clients.cli.application import run


def main() -> int:
    """Carry out the command line of this process; return the exit status."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
