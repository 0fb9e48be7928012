"""Options that several commands share, and the types of their values."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import kinds
from clients.cli.command import keep
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake

F = TypeVar("F", bound=Callable[..., Any])

_AGO = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[Timestamp]):
    """A time: `2026-11-25`, `2026-11-25T08:00Z`, or how long ago: `30m`, `2h`, `7d`. Without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Timestamp:
        """Read a time."""
        if isinstance(value, Timestamp):
            return value
        ago = _AGO.fullmatch(value)
        try:
            if ago:
                moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            else:
                moment = datetime.fromisoformat(value)
            read = Timestamp()
            read.FromDatetime(moment)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: write 2026-11-25, 2026-11-25T08:00Z, or 2h for two hours ago", param, ctx)
        return read


class KindOfRecord(click.ParamType[Kind]):
    """A type of records, by any of its names; with a predicate only some of them."""

    name = "type"

    def __init__(self, can: str) -> None:
        self._can = can

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        """Read a type's name."""
        if isinstance(value, Kind):
            return value
        try:
            return kinds.named(value, self._choice())
        except Mistake as mistake:
            self.fail(f"{mistake.message}: {mistake.hint}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the types."""
        del ctx, param
        return [CompletionItem(kind.nouns) for kind in self._choice() if kind.nouns.startswith(incomplete)]

    def _choice(self) -> list[Kind]:
        return [kind for kind in kinds.kinds() if kind.is_in_hub and kind.can(self._can)]


def kind(can: str) -> Callable[[F], F]:
    """Take the argument TYPE: one of the hub's types that this verb is offered for."""
    return click.argument("kind", metavar="TYPE", type=KindOfRecord(can))


def read_time(command: F) -> F:
    """Take `--read-time`."""
    told = "As it was known then, such as 2026-11-25T08:00Z, or 2h for two hours ago."
    return click.option("--read-time", metavar="TIME", type=Moment(), help=told)(command)


def effective_time(command: F) -> F:
    """Take `--effective-time`."""
    told = "As it is true on that UTC day; for types whose values are dated."
    return click.option("--effective-time", metavar="TIME", type=Moment(), help=told)(command)


def limit(command: F) -> F:
    """Take `--limit`."""
    told = "At most this many; default: all of them."
    return click.option("--limit", metavar="N", type=click.IntRange(min=1), help=told)(command)


def tabular(command: F) -> F:
    """Take `--columns` and `--wide`."""
    chosen = click.option(
        "--columns",
        metavar="PATHS",
        default="",
        callback=lambda _ctx, _param, value: [path.strip() for path in value.split(",") if path.strip()],
        help="Fields to show, such as name,legal_name,sites.site_code.",
    )
    return chosen(wide(command))


def wide(command: F) -> F:
    """Take `--wide`."""
    return click.option("--wide", is_flag=True, expose_value=False, callback=keep("wide"), help="Cut nothing.")(command)


def stated(command: F) -> F:
    """Take `--purpose` and `--reason`, which become part of the evidence."""
    purpose = click.option(
        "--purpose",
        metavar="TERM",
        envvar="CONCORD_PURPOSE",
        expose_value=False,
        callback=keep("purpose"),
        help="What for, a term of your organisation's list; part of the evidence.",
    )
    reason = click.option(
        "--reason",
        metavar="TEXT",
        expose_value=False,
        callback=keep("reason"),
        help="Why, such as a ticket; part of the evidence.",
    )
    return purpose(reason(command))


def rehearsed(command: F) -> F:
    """Take `--validate-only`."""
    told = "Check everything and change nothing."
    return click.option("--validate-only", is_flag=True, help=told)(command)
