"""`python -m tools.image build|base`: build Concord's images, or a base for them. `make image`, `make base-image`."""

import argparse
import sys

from tools.image import building, debian
from tools.image.engine import ImageError, find


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        engine = find(given.engine)
        if given.command == "base":
            debian.build(engine, given.mirror)
        else:
            origin = building.Origin.here()
            naming = building.Naming(given.repository, given.tag or origin.version)
            building.build(engine, given.base or building.DEFAULT_BASE, naming, origin)
    except ImageError as error:
        print(f"» {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.add_argument("--engine", default="", help="podman, buildah or docker; the first that is installed otherwise")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the images and their bills of materials")
    build.add_argument("--base", default="", help=f"an image of Debian 12 (default {building.DEFAULT_BASE})")
    build.add_argument(
        "--repository", default="localhost", help="what comes before the images' names (default %(default)s)"
    )
    build.add_argument("--tag", default="", help="the images' tag (default: the project's version)")
    made = commands.add_parser("base", help=f"make {debian.NAME} from Debian's archive")
    made.add_argument("--mirror", default="", help="the archive's address (default: Debian's own)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
