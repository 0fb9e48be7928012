"""The change feed: following what is published, from a cursor on."""

import base64
import binascii
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection.mesh import Mesh, RefusedError
from clients.cli.display import values
from clients.cli.display.outline import Line
from clients.cli.display.output import as_document
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake

_WATCH = "concord.mdm.v1.ChangeService/WatchChanges"
_STATE = "concord.mdm.v1.ChangeService/GetFeedState"
# After these a stream that is opened again goes on where the last one ended.
_RESUMABLE = {"SHUTTING_DOWN", "SLOW_CONSUMER", "DEPENDENCY_UNAVAILABLE", "STREAMS_EXHAUSTED"}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_UNTIL_QUIET_S = 1
_ATTEMPTS = 8


@click.command(cls=Command)
@click.argument("kinds_", metavar="[TYPE]...", nargs=-1, type=options.KindOfRecord("Revisions"))
@click.option("--cursor", metavar="CURSOR", help="Go on behind the message that carried this cursor.")
@click.option(
    "--cursor-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the cursor there, and go on from it.",
)
@click.option("--from-beginning", is_flag=True, help="From the oldest change on, instead of from now.")
@click.option("--no-follow", is_flag=True, help="End when everything published was shown.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), help="End after so many changes; a transaction is not split."
)
@pass_session
def watch(
    session: Session,
    kinds_: Sequence[Kind],
    cursor: str | None,
    cursor_file: Path | None,
    from_beginning: bool,
    no_follow: bool,
    limit: int | None,
) -> None:
    """Follow the published changes.

    Golden records' changes by default, from now on. A change is one line,
    with --json a transaction is one document a line. A stream that breaks
    off is taken up again; Ctrl-C ends it and tells the cursor.

    \b
    concord watch suppliers
    concord watch --from-beginning --no-follow --json
    concord watch source-records --cursor-file erp.cursor
    """
    if sum(map(bool, (cursor, cursor_file, from_beginning))) > 1:
        raise Mistake("--cursor, --cursor-file and --from-beginning exclude one another", "choose one")
    subscription = Subscription(session.mesh, [kind.record_type for kind in kinds_], quiet_ends=no_follow)
    subscription.cursor = _beginning(session.mesh, cursor, cursor_file, from_beginning=from_beginning)
    shown = 0
    try:
        for message in subscription.messages():
            _show(session, message)
            _keep(cursor_file, message.cursor)
            shown += len(message.transaction.changes)
            if limit is not None and shown >= limit:
                return
    except KeyboardInterrupt:
        session.output.note(f"go on with --cursor {_text(subscription.cursor)}")


@click.command(cls=Command)
@pass_session
def feed(session: Session) -> None:
    """Show where the change feed stands."""
    state = _feed_state(session.mesh)
    if session.as_json:
        session.output.record(state)
        return
    shown = {
        "newest_position": str(state.newest_position),
        "floor_position": str(state.floor_position),
        "unpublished_count": str(state.unpublished_count),
        "newest_cursor": _text(state.newest_cursor),
    }
    session.output.outline(Line(0, label, value) for label, value in shown.items())


class Subscription:
    """A stream of the feed that is taken up again where it broke off."""

    def __init__(self, mesh: Mesh, record_types: Sequence[str], *, quiet_ends: bool) -> None:
        self.cursor = b""
        self._mesh = mesh
        self._record_types = record_types
        self._quiet_ends = quiet_ends
        self._has_begun = False

    def messages(self) -> Iterator[Any]:
        """Yield transactions and signs of progress. Raises RefusedError when the feed can't be had (again)."""
        for failures in itertools.count():
            try:
                yield from self._stream()
            except RefusedError as refused:
                if refused.error.reason_name not in _RESUMABLE or not self._has_begun or failures >= _ATTEMPTS:
                    raise
                time.sleep(min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S))
            else:
                return

    def _stream(self) -> Iterator[Any]:
        method = contracts.method(_WATCH)
        request = contracts.request_of(
            method,
            cursor=self.cursor,
            record_types=self._record_types,
            progress_interval_seconds=_UNTIL_QUIET_S if self._quiet_ends else 0,
        )
        for message in self._mesh.listen(method, request):
            self._has_begun = True
            yield message
            self.cursor = message.cursor
            if self._quiet_ends and not message.HasField("transaction"):
                return


def _beginning(mesh: Mesh, cursor: str | None, cursor_file: Path | None, *, from_beginning: bool) -> bytes:
    if from_beginning:
        return b""
    if cursor_file is not None and cursor_file.exists():
        cursor = cursor_file.read_text().strip()
    if cursor:
        try:
            return base64.b64decode(cursor, validate=True)
        except binascii.Error as error:
            raise Mistake(f"{cursor!r} is no cursor", "copy it as concord watch or concord feed told it") from error
    newest: bytes = _feed_state(mesh).newest_cursor
    return newest


def _feed_state(mesh: Mesh) -> Any:
    method = contracts.method(_STATE)
    return mesh.ask(method, contracts.request_of(method))


def _keep(cursor_file: Path | None, cursor: bytes) -> None:
    if cursor_file is not None:
        fresh = cursor_file.with_name(f"{cursor_file.name}.fresh")
        fresh.write_text(f"{_text(cursor)}\n")
        fresh.replace(cursor_file)


def _text(cursor: bytes) -> str:
    return base64.b64encode(cursor).decode()


def _show(session: Session, message: Any) -> None:
    if session.as_json and message.HasField("transaction"):
        session.output.event(as_document(message))
        return
    for change in message.transaction.changes:
        done = values.text(change.DESCRIPTOR.fields_by_name["operation"], change.operation)
        at = change.change_time.ToDatetime().strftime("%H:%M:%S")
        session.output.line(f"{change.position:<7} {at} {done:<8} {change.record}@{change.revision}")
