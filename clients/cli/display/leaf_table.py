"""Leaves as a table for people: what a column shows of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from clients.cli.display import values
from clients.cli.display.columns import Column
from clients.cli.display.output import Output, as_document

_WHO_AND_WHEN = ("OCCURRED_AT", "ACTOR")
"""The columns that evidence is looked up for: never cut."""


def show(output: Output, leaves: Iterable[Any], titles: Sequence[str], nouns: str) -> None:
    """Print leaves as they come: as a JSON array, or as a table with these columns."""
    with output.progress(nouns) as counted:
        found = list(counted(leaves))
    if output.as_json:
        output.document([as_document(entry) for entry in found])
    elif found:
        table = [Column(title.upper(), tuple(_cell(title, entry) for entry in found)) for title in titles]
        output.table(table, _WHO_AND_WHEN)
    else:
        output.note(f"no {nouns}")


def _cell(title: str, entry: Any) -> str:
    own = _OWN.get(title)
    if own is not None:
        return own(entry)
    field = entry.leaf.DESCRIPTOR.fields_by_name[title]
    return values.all_text(field, getattr(entry.leaf, title))


def _changed(entry: Any) -> str:
    return ", ".join(dict.fromkeys(field.path for field in entry.leaf.fields))


def _shown(entry: Any) -> str:
    return ", ".join(f"{record.record} ({_classes(record)})" for record in entry.leaf.disclosure.records)


def _classes(record: Any) -> str:
    field = record.DESCRIPTOR.fields_by_name["classifications"]
    return values.all_text(field, record.classifications)


def _refused(entry: Any) -> str:
    denial = entry.leaf.denial
    return ": ".join(part for part in (denial.reason, denial.permission or denial.resource) if part)


_OWN: Mapping[str, Callable[[Any], str]] = {
    "leaf": lambda entry: str(entry.name),
    "changed": _changed,
    "shown": _shown,
    "refused": _refused,
    "times": lambda entry: str(entry.leaf.denial.attempts),
    "asked": lambda entry: str(entry.leaf.question.asked),
    "call": lambda entry: str(entry.leaf.method).rpartition("/")[2],
}
"""Columns that are not a field of a leaf."""
