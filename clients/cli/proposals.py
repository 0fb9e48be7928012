"""Proposals: what one person proposes and a second one promotes. They have one shape, whatever is proposed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from google.protobuf.message import Message

from clients.cli.command import Session
from clients.cli.files import record_file
from clients.cli.kinds import words
from clients.cli.service import Service

F = TypeVar("F", bound=Callable[..., Any])

from_file = click.option(
    "--file",
    "-f",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The proposal in YAML or JSON; - reads the input.",
)
in_state = click.option(
    "--state", type=click.Choice(("proposed", "promoted", "withdrawn")), help="Only those in this state."
)


@dataclass(frozen=True)
class Proposals:
    """Proposals of one message, such as `TreeProposal`; `columns` are what a list shows of each.

    Whatever it does raises Mistake and RefusedError.
    """

    service: Service
    message: type[Message]
    columns: Sequence[str]

    def read(self, path: Path) -> Message:
        """Return what a file proposes."""
        wanted = self.message()
        record_file.read_into(path, wanted)
        return wanted

    def create(self, session: Session, wanted: Message, *, validate_only: bool) -> Any:
        """Propose, and return the answer."""
        asked = {self._field: wanted, "validate_only": validate_only}
        return self.service.ask(session, f"Create{self._kind}", **asked)

    def show_every(self, session: Session, state: str | None, most: int | None, columns: Sequence[str]) -> None:
        """Show those in a state, or all."""
        wanted = f"STATE_{state.upper()}" if state else None
        found = self.service.every(session, f"List{self._kind}s", most, state=wanted)
        session.output.records(found, "proposals", columns, self.columns)

    def promote(self, session: Session, name: str, *, validate_only: bool) -> None:
        """Promote one, and show it."""
        self._settle(session, "Promote", name, validate_only=validate_only)

    def withdraw(self, session: Session, name: str, *, validate_only: bool) -> None:
        """Withdraw one, and show it."""
        self._settle(session, "Withdraw", name, validate_only=validate_only)

    def show(self, session: Session, answer: Any) -> None:
        """Show the proposal in an answer."""
        session.output.record(getattr(answer, self._field))

    def _settle(self, session: Session, verb: str, name: str, *, validate_only: bool) -> None:
        self.show(session, self.service.decide(session, f"{verb}{self._kind}", name, validate_only=validate_only))

    @property
    def _kind(self) -> str:
        return self.message.DESCRIPTOR.name

    @property
    def _field(self) -> str:
        return words(self._kind, "_")
