"""A service of the mesh as commands speak to it: by the names of its methods, with the fields of their requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clients.cli import contracts
from clients.cli.command import Session
from clients.cli.connection import records


@dataclass(frozen=True)
class Service:
    """A service by its full name, such as `concord.mdm.v1.TreeService`.

    Whatever it does raises Mistake and RefusedError.
    """

    name: str

    def ask(self, session: Session, method_name: str, /, **asked: Any) -> Any:
        """Return the answer to a unary call."""
        method = contracts.method(f"{self.name}/{method_name}")
        return session.mesh.ask(method, contracts.request_of(method, **asked))

    def every(self, session: Session, method_name: str, most: int | None = None, /, **asked: Any) -> Iterator[Any]:
        """Yield what a list method has, at most `most` of it."""
        method = contracts.method(f"{self.name}/{method_name}")
        return session.mesh.every(method, contracts.request_of(method, **asked), most)

    def decide(self, session: Session, method_name: str, name: str, /, *, etag: str = "", **asked: Any) -> Any:
        """Return the answer to a decision on a record as an etag names it; without one, as it stands now."""
        present = etag or records.fetch(session.mesh, name).etag
        return self.ask(session, method_name, name=name, etag=present, **asked)
