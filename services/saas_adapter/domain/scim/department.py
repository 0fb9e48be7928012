"""Departments: group nodes made of the texts that cost centers and users have in `department`.

The rule for codes: the text without outer white space is the code, letter by letter, within the entity of the cost
center (that a user works for). So a text that is the code of an ERP's department in that entity is that department, and
any other text is a department of its own. Texts that differ in more than outer white space are never taken for one.

The service has no resource for a department; the hub can't write it. Its key is
`departments/{entity's name in the service}/{code}`; without entity `departments//{code}`.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from services.adapter.systems.connector import Translation, UntranslatableError
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.held import Resource, entity, text

PREFIX = "departments/"

_LONGEST_KEY, _LONGEST_CODE = 512, 64


@dataclass(frozen=True)
class Department:
    """A department as the service names it: an entity's name (empty = unknown) and the text."""

    entity: str
    code: str

    @classmethod
    def of(cls, resource: Resource, entity_name: object) -> "Department | None":
        """Return the department that a resource's `department` names; None = it names none."""
        said = resource.get("department")
        code = str(said if said is not None else "").strip()
        return cls(str(entity_name or "").strip(), code) if code else None

    @classmethod
    def from_key(cls, key: str) -> "Department | None":
        """Return the department that a key is of; None = of none."""
        name, slash, code = key.removeprefix(PREFIX).partition("/")
        return cls(unquote(name), code) if key.startswith(PREFIX) and slash and code else None

    @property
    def key(self) -> str:
        """The key. One that would be too long ends in a digest: such a department is only ever quarantined."""
        whole = f"{PREFIX}{quote(self.entity, safe='')}/{self.code}"
        if len(whole.encode()) <= _LONGEST_KEY:
            return whole
        return f"{PREFIX}/sha256:{hashlib.sha256(whole.encode()).hexdigest()}"

    @property
    def original(self) -> bytes:
        """The document."""
        said: dict[str, Any] = {"department": self.code, **({"entity": self.entity} if self.entity else {})}
        return json.dumps(said, sort_keys=True).encode()


def translate(resource: Resource, conventions: Conventions) -> Translation:
    """Return a department's document as a group node. Raises UntranslatableError."""
    code = text(resource, "department")
    if not code:
        raise UntranslatableError("department", "is missing")
    if len(code) > _LONGEST_CODE:
        raise UntranslatableError("department", f"has more than {_LONGEST_CODE} characters")
    content = CostCenter(
        entity=entity(resource, conventions),
        code=code,
        kind=CostCenter.KIND_DEPARTMENT,
        slices=[CostCenterSlice(display_name=code)],
    )
    return Translation("cost_center", content, label=code)
