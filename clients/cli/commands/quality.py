"""How well matching does on a labelled set of one's own: measured here, without a mesh."""

import dataclasses
import hashlib
import hmac
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli.command import Command, Session, pass_session
from clients.cli.files import labelled_set
from clients.cli.mistake import Mistake, nearest
from services.mdm.domain.matching.measuring.labels import LabelledSet
from services.mdm.domain.matching.measuring.quality import Figures, measured
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES

_TOKEN_KEY = b"measured in one process only"
_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.option("--type", "type_name", required=True, metavar="TYPE", help="The record type, such as supplier.")
@click.option("--left", required=True, type=_FILE, metavar="FILE", help="CSV file of records.")
@click.option("--right", type=_FILE, metavar="FILE", help="CSV file of records to match with; none: duplicates.")
@click.option("--truth", required=True, type=_FILE, metavar="FILE", help="CSV file with the keys of true pairs.")
@click.option(
    "--mapping",
    "mappings",
    required=True,
    multiple=True,
    metavar="COLUMN=PATH",
    help="Which field a column goes to; or a JSON or YAML file of them.",
)
@click.option("--one-to-one", is_flag=True, help="Both files are free of duplicates.")
@click.option(
    "--labels-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Learn from so much of the truth, 0 to 1, and measure the rest.",
)
@pass_session
def quality(
    session: Session,
    type_name: str,
    left: Path,
    right: Path | None,
    truth: Path,
    mappings: Sequence[str],
    one_to_one: bool,
    labels_share: float,
) -> None:
    """Measure the default matching on a labelled set.

    \b
    concord quality --type supplier --left a.csv --right b.csv --truth pairs.csv \\
      --mapping name=legal_name,phone=phone,addr=sites.address.address_lines

    Nothing is sent anywhere, and no label is learnt from but with
    --labels-share. The first column of a
    file, or the one called id, is the key; of the truth the first two columns.
    Several columns that go to one field are joined.
    """
    record_type = _matched_type(type_name)
    started = time.monotonic()
    held, unread = _labelled(record_type, left, right, truth, mappings, one_to_one)
    figures = measured(record_type, held, token, labels_share)
    shown = document(figures, time.monotonic() - started, unread)
    if session.as_json:
        session.output.document(shown)
        return
    for name, value in shown.items():
        if name != "unread":
            print(f"{name.replace('_', ' '):22}{value}")
    for each in unread:
        print(f"{'left out':22}{each}")
    if not figures.automatic:
        session.output.hint("the records say too little to link by: f1 is that of the best candidates, for stewards")


def token(value: str, purpose: str) -> str:
    """Return a keyed token of a RESTRICTED value, as the hub keeps them."""
    return hmac.new(_TOKEN_KEY, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]


def document(figures: Figures, seconds: float, unread: Sequence[labelled_set.Unread]) -> dict[str, Any]:
    """Return the figures for programs, shares rounded to four places, with what of the files could not be read."""
    shown = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in dataclasses.asdict(figures).items()
    }
    cells = [
        {"file": each.path.name, "column": each.column, "field": each.field, "cells": each.count, "line": each.line}
        for each in unread
    ]
    return {**shown, "seconds": round(seconds, 1), "unread": cells}


def _matched_type(name: str) -> RecordType:
    known = {each.name: each for each in RECORD_TYPES if each.matching is not None}
    if (found := known.get(name)) is None:
        raise Mistake(f"{name} is no record type that is matched", nearest(name, known))
    return found


def _labelled(
    record_type: RecordType, left: Path, right: Path | None, truth: Path, mappings: Sequence[str], one_to_one: bool
) -> tuple[LabelledSet, list[labelled_set.Unread]]:
    if one_to_one and right is None:
        raise Mistake("--one-to-one needs --right", "within one file nothing would be a pair")
    tables = [labelled_set.table(path) for path in (left, right) if path is not None]
    return labelled(record_type, tables, truth, labelled_set.mapping(mappings), one_to_one=one_to_one)


def labelled(
    record_type: RecordType,
    tables: Sequence[labelled_set.Table],
    truth: Path,
    mapped: labelled_set.Mapped,
    *,
    one_to_one: bool,
) -> tuple[LabelledSet, list[labelled_set.Unread]]:
    """Return the labelled set of one or two tables, and the cells that are not in it since they can't be read.

    Raises Mistake for columns, paths and keys that there are not.
    """
    labelled_set.check(record_type.descriptor, mapped, tables)
    read = [labelled_set.contents(record_type.message, mapped, each) for each in tables]
    pairs = labelled_set.truth(truth, tables[0], tables[1] if len(tables) > 1 else None)
    held = LabelledSet(read[0][0], read[1][0] if len(read) > 1 else [], pairs, one_to_one)
    return held, [each for _, unread in read for each in unread]
