"""The main job on real systems, as a story: `make demo`, or `python -m tools.demo [--json]`.

Exit status 0 when every figure is what the catalogue says it must be, 1 when one is not, 2 when something did not start
or answer.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import grpc

from services.adapter.systems.remote_error import RemoteError
from services.mesh.errors import from_rpc_error
from tools.demo import catalogue
from tools.demo.chapters import (
    closing,
    correcting,
    explaining,
    looking_back,
    matching,
    proving,
    reorganising,
    repeating,
    synchronising,
)
from tools.demo.expectations import expectations
from tools.demo.story import DisagreementError, Story
from tools.landscape.exclusion import AlreadyRunningError, alone
from tools.landscape.landscape import Landscape, running_landscape
from tools.landscape.settling import NotReachedError
from tools.mesh import MeshError
from tools.postgres import PostgresError

STATE = Path(__file__).resolve().parents[2] / "build" / "demo"

_DISAGREES, _FAILED = 1, 2


def main() -> int:
    """Tell the story and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Show the main job on real systems.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the story goes to stderr")
    arguments = parser.parse_args()
    story = Story(sys.stderr if arguments.json else sys.stdout)
    try:
        with alone(STATE):
            _tell(story)
    except DisagreementError as error:
        return _fail(f"The figures disagree: {error}", _DISAGREES)
    except grpc.RpcError as error:
        return _fail(f"A call was refused: {from_rpc_error(error)}", _FAILED)
    except (AlreadyRunningError, MeshError, NotReachedError, PostgresError, RemoteError) as error:
        return _fail(str(error), _FAILED)
    if arguments.json:
        print(json.dumps({"seconds": story.total_s, "chapters": story.seconds, "figures": story.figures}, indent=2))
    return 0


def _tell(story: Story) -> None:
    with ExitStack() as stack:
        with story.chapter("start", "Real systems, and the mesh between them"):
            landscape = stack.enter_context(running_landscape(STATE, catalogue.load(), story.done))
        _tell_of(story, landscape)
        with story.chapter("stop", "Everything stops"):
            stack.close()
            story.done("all servers have ended; logs and data stay in build/demo")
    agreed = sum(len(figures) for figures in story.figures.values())
    story.close(f"{agreed} figures agree. The demo took {story.total_s:.0f} s.")


def _tell_of(story: Story, landscape: Landscape) -> None:
    expected = expectations(landscape.catalogue)
    with story.chapter("synchronise", "Two systems, one set of golden records"):
        synchronising.tell(story, landscape, expected)
    with story.chapter("correct", "A steward corrects a supplier"):
        correction = correcting.tell(story, landscape, expected)
    with story.chapter("close", "A steward closes a cost center"):
        closed = closing.tell(story, landscape)
    with story.chapter("history", "What was known, and what was true"):
        looking_back.tell(story, landscape, correction, closed)
    with story.chapter("explain", "Why the supplier is what it is"):
        explaining.tell(story, landscape, correction)
    with story.chapter("reorganise", "A department moves, and last quarter stays what it was"):
        reorganising.tell(story, landscape)
    with story.chapter("repeat", "No echo: everything is read again, nothing moves"):
        repeating.tell(story, landscape, expected, correction, closed)
    with story.chapter("match", "Two systems say one supplier differently, and a steward decides"):
        matching.tell(story, landscape)
    with story.chapter("evidence", "Every mutation has its evidence"):
        proving.tell(story, landscape, correction)


def _fail(message: str, status: int) -> int:
    print(f"\n✗ {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
