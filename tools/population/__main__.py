"""Write a population with its true pairs: `python -m tools.population --count 10000 --seed 1 --output build/some`.

The files are what `concord quality` reads: `left.csv` and `matches.csv`.
"""

import argparse
import csv
import dataclasses
import sys
from itertools import combinations, groupby
from pathlib import Path

from tools.population.suppliers import Record, suppliers


def write(records: list[Record], folder: Path) -> int:
    """Write the records and their true pairs; return how many pairs there are."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "left.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", *(field.name for field in dataclasses.fields(Record)[2:])])
        rows.writerows([record.key, *dataclasses.astuple(record)[2:]] for record in records)
    pairs = 0
    with (folder / "matches.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["left_id", "right_id"])
        for _, same in groupby(records, key=lambda record: record.thing):
            for one, other in combinations(same, 2):
                rows.writerow([one.key, other.key])
                pairs += 1
    return pairs


def main() -> int:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.population", description="Write a population of suppliers.")
    parser.add_argument("--count", type=int, default=10_000, help="how many records")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another population")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write to")
    asked = parser.parse_args()
    pairs = write(list(suppliers(asked.count, asked.seed)), asked.output)
    print(f"{asked.count} records, {pairs} true pairs in {asked.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
