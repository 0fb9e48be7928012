"""The clients of the development issuer: who they are, the secrets they prove it with, what their tokens permit."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from services.development.workloads import Workload
from services.mesh.identity.caller import EVERY_ENTITY


@dataclass(frozen=True)
class Client:
    """A client, for every entity; its secret is shown nowhere."""

    client_id: str
    secret: str = field(repr=False)
    permissions: tuple[str, ...]


@dataclass(frozen=True)
class Clients:
    """Every client, by its id."""

    known: Mapping[str, Client]

    @classmethod
    def of(cls, secrets: Mapping[Workload, str]) -> Self:
        """Return the clients that workloads are, each with its secret."""
        return cls({each.name: Client(each.name, secret, each.permissions) for each, secret in secrets.items()})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `written` writes. Raises ValueError, without telling what was read."""
        try:
            read = [Client(each["id"], each["secret"], tuple(each["permissions"])) for each in json.loads(text)]
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"not a list of clients: {type(error).__name__}") from None
        return cls({client.client_id: client for client in read})

    @property
    def written(self) -> str:
        """The clients as their file holds them; secret."""
        documents = [
            {"id": each.client_id, "secret": each.secret, "permissions": each.permissions, "entities": [EVERY_ENTITY]}
            for each in self.known.values()
        ]
        return json.dumps(documents, indent=2)

    def are_written(self, content: bytes) -> bool:
        """Tell whether a file's content says these very clients."""
        try:
            return self.parse(content.decode()) == self
        except ValueError:
            return False

    def authenticated(self, client_id: str, secret: str) -> Client | None:
        """Return the client that a secret proves; None when it proves none."""
        client = self.known.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            return None
        return client
