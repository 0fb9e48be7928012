"""The ERP as its own users see it: Tryton, through its own RPC, as its administrator."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tools.landscape.landscape import Landscape

_INACTIVE_TOO = {"active_test": False}


@dataclass(frozen=True)
class PartyView:
    """What Tryton says of a supplier."""

    code: str
    name: str
    phone: str


@dataclass(frozen=True)
class AccountView:
    """What Tryton says of a cost center: its state, and the lines of its note by label."""

    name: str
    state: str
    note: dict[str, str]

    def __str__(self) -> str:
        """Say it in a few words."""
        last_day = self.note.get("Valid to")
        return f"{self.state}, valid to {last_day}" if last_day else self.state


def parties(landscape: Landscape, codes: Sequence[str]) -> list[PartyView]:
    """Return suppliers by their codes, in the order of the codes."""
    fields = ["code", "name", "contact_mechanisms.type", "contact_mechanisms.value"]
    with _client(landscape) as client:
        rows = client.search_read("party.party", [("code", "in", list(codes))], fields, context=_INACTIVE_TOO)
    found = {str(row["code"]): row for row in rows}
    return [PartyView(code, found[code]["name"], _phone(found[code])) for code in codes]


def rename_party(landscape: Landscape, code: str, name: str) -> None:
    """Do what a clerk does at the screen: type another name."""
    with _client(landscape) as client:
        [row] = client.search_read("party.party", [("code", "=", code)], ["name"])
        client.write("party.party", [row["id"]], {"name": name})


def account(landscape: Landscape, code: str) -> AccountView:
    """Return one cost center. Raises ValueError unless there is exactly one of that code."""
    with _client(landscape) as client:
        [row] = client.search_read("analytic_account.account", [("code", "=", code)], ["name", "state", "note"])
    lines = (line.partition(": ") for line in (row["note"] or "").splitlines())
    return AccountView(row["name"], row["state"], {label: value for label, _, value in lines})


def parent_of_account(landscape: Landscape, code: str) -> str:
    """Return the code of the account that a cost center hangs below. Raises ValueError unless one has the code."""
    with _client(landscape) as client:
        [row] = client.search_read("analytic_account.account", [("code", "=", code)], ["parent.code"])
    return str(row["parent."]["code"])


def _phone(row: dict[str, Any]) -> str:
    mechanisms = row["contact_mechanisms."]
    return next((str(each["value"]) for each in mechanisms if each["type"] == "phone"), "")


@contextmanager
def _client(landscape: Landscape) -> Iterator[TrytonClient]:
    erp = landscape.tryton
    with TrytonClient(erp.url, erp.database, "admin", erp.admin_password_file) as client:
        yield client
