"""Measure the default matching on the given sets: `python -m tools.quality [NAME …]`.

Prints a table and writes `build/quality.json`. A set that is not there is named and skipped. The exit status is 1
when a goal is missed.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from clients.cli.commands.quality import document, labelled, token
from clients.cli.files import labelled_set
from services.mdm.domain.matching.measuring.quality import measured
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import by_name
from tests.support.samples.publication import PUBLICATION
from tools.quality.sets import DATA, SETS, GivenSet

RESULT = Path(__file__).resolve().parents[2] / "build" / "quality.json"
_ROW = "{:22}{:>7}{:>7}{:>7}{:>7}{:>8}{:>8}{:>6}{:>7}{:>7}"
_HEADINGS = ("set", "cand.", "prec.", "recall", "F1", "w/ rev.", "reviews", "s", "peer", "goal")


def measure(given: GivenSet, labels_share: float = 0.0) -> dict[str, Any]:
    """Return the figures of one set; with `labels_share` of what that share of decisions leaves open."""
    folder = DATA / given.name
    started = time.monotonic()
    record_type = _type(given.record_type)
    files = [folder / name for name in ("left.csv", "right.csv") if (folder / name).exists()]
    tables = [labelled_set.table(path) for path in files]
    held, unread = labelled(record_type, tables, folder / "matches.csv", given.mapping, one_to_one=given.one_to_one)
    return document(measured(record_type, held, token, labels_share), time.monotonic() - started, unread)


def _type(name: str) -> RecordType:
    found = PUBLICATION if name == PUBLICATION.name else by_name(name)
    if found is None:
        raise LookupError(f"there is no record type {name}")
    return found


def _line(given: GivenSet, found: dict[str, Any], goal: float) -> str:
    shares = (f"{found[name]:.4f}" for name in ("candidate_recall", "precision", "recall", "f1", "recall_with_reviews"))
    reached = "" if found["f1"] >= goal else "  missed"
    seconds = f"{found['seconds']:.0f}"
    return _ROW.format(given.name, *shares, found["reviews"], seconds, given.peer, goal) + reached


def main() -> int:
    """Measure, print and write; return the exit status."""
    wanted = _arguments()
    results: dict[str, dict[str, Any]] = {}
    missed = False
    print(_ROW.format(*_HEADINGS))
    for given in SETS:
        if wanted.names and given.name not in wanted.names:
            continue
        if not (DATA / given.name / "left.csv").exists():
            print(f"{given.name:22} skipped: {given.name}/left.csv is not among the shared data")
            continue
        for share in _shares(given, wanted.labels_share):
            found = measure(given, share)
            goal = given.labels_goal if share else given.goal
            missed |= found["f1"] < goal
            results[f"{given.name}, labels" if share else given.name] = found
            print(_line(given, found, goal) + (f"  {share:.0%} labels" if share else ""), flush=True)
            for cells in found["unread"]:
                print(
                    "  left out: {cells} cells of {column}, no {field}, first in line {line} of {file}".format(**cells)
                )
    print("F1 is of automatic links; where records say too little for any, of each record's best candidate.")
    print("With labels, weights are learnt from so much of the truth and the figures are of the rest.")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return int(missed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.quality", description="Measure matching on the given sets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these sets")
    parser.add_argument(
        "--labels-share", type=float, metavar="SHARE", help="each set with so much of its truth as labels, too"
    )
    return parser.parse_args()


def _shares(given: GivenSet, wanted: float | None) -> list[float]:
    """Return which shares of labels a set is measured with: none, and what was asked for or its goal needs."""
    share = wanted if wanted is not None else 0.5 if given.labels_goal else 0.0
    return [0.0, share] if share else [0.0]


if __name__ == "__main__":
    sys.exit(main())
