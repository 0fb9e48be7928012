"""Users as documents: with what they name by reference looked up, without what is private."""

import json
from collections.abc import Collection, Iterable
from typing import Any

from services.adapter.systems.connector import Document, UntranslatableError
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.document import USERS
from services.saas_adapter.connectors.scim.entities import AT_ONCE, Entities
from services.saas_adapter.connectors.scim.resource import Resource, extension, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import employee
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.employee import ENTERPRISE, LOOKED_UP

_OF_MANAGERS = ("meta", *(f"{ENTERPRISE}:{each}" for each in ("employeeNumber", "costCenter", "organization")))


class Employees:
    """Makes documents of users; for one reading only, because it remembers managers."""

    def __init__(self, client: ScimClient, conventions: Conventions, entities: Entities) -> None:
        self._client = client
        self._conventions = conventions
        self._entities = entities
        self._managers: dict[str, dict[str, str]] = {}

    def documents(self, users: list[Resource]) -> dict[str, Document]:
        """Return users as documents, by key. Raises ScimError."""
        self._look_up({manager for user in users if (manager := _manager(user))})
        self._entities.of(code for user in users for code in self._codes(user))
        return {(made := self._document(user)).key: made for user in users}

    def read(self, ids: Collection[str]) -> dict[str, Document]:
        """Read users by their ids; those that there are, by key. Raises ScimError."""
        found: dict[str, Document] = {}
        for page in self._pages(ids, employee.attributes(self._conventions)):
            found |= self.documents(page)
        return found

    def _document(self, user: Resource) -> Document:
        told: dict[str, Any] = {"entities": dict(self._entities.of(self._codes(user)))}
        if manager := self._managers.get(_manager(user)):
            told["manager"] = manager
        try:
            whole = employee.kept(user.document)
        except UntranslatableError:
            whole = dict(user.document)  # misshapen: quarantined as it is
        original = json.dumps({**whole, LOOKED_UP: told}, sort_keys=True).encode()
        return Document(document.user_key(user.id), document.USER, original, document.modified(user))

    def _codes(self, user: Resource) -> list[str]:
        try:
            return employee.cost_centers(user.document, self._conventions)
        except UntranslatableError:
            return []  # translation says why

    def _look_up(self, ids: Collection[str]) -> None:
        """Remember number and entity of managers; one who is not there stays unknown."""
        for page in self._pages(ids - self._managers.keys(), _OF_MANAGERS):
            self._entities.of(code for each in page for code in self._codes(each))
            self._managers |= {each.id: self._told_of(each) for each in page}

    def _told_of(self, manager: Resource) -> dict[str, str]:
        whole = {**manager.document, LOOKED_UP: {"entities": dict(self._entities.of(self._codes(manager)))}}
        try:
            return {
                "employeeNumber": employee.number(whole),
                "entity": self._conventions.entity_name(employee.entity(whole, self._conventions)) or "",
            }
        except UntranslatableError:
            return {}  # is quarantined as an employee; for others, nobody's manager

    def _pages(self, ids: Iterable[str], attributes: tuple[str, ...]) -> Iterable[list[Resource]]:
        ordered = sorted(ids)
        for start in range(0, len(ordered), AT_ONCE):
            condition = " or ".join(f"id eq {quoted(each)}" for each in ordered[start : start + AT_ONCE])
            yield from self._client.pages(USERS, condition, attributes=attributes)


def _manager(user: Resource) -> str:
    told = extension(user, ENTERPRISE).get("manager")
    value = told.get("value") if isinstance(told, dict) else told
    return value if isinstance(value, str) else ""
