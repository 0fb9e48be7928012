"""Kinds of records, read from the contracts: whatever a service can `Get…` by name is a kind.

A kind that its service can also explain is a master. None is listed anywhere: a contract that is added brings its
commands with it.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor

from clients.cli import contracts
from clients.cli.mistake import Mistake, nearest

_GET, _LIST, _REVISIONS = "Get", "List", "Revisions"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_HUB = "concord.mdm."
_COMMANDS = {_REVISIONS: "history", "Lookup": "get by key"}


@dataclass(frozen=True)
class Kind:
    """One kind of records: `CostCenter` and `CostCenters` of their service."""

    service: ServiceDescriptor
    singular: str
    plural: str

    @property
    def noun(self) -> str:
        """What one of them is called in messages: `cost center`."""
        return words(self.singular, " ")

    @property
    def nouns(self) -> str:
        """What several are called on the command line: `cost-centers`."""
        return words(self.plural, "-")

    @property
    def record_type(self) -> str:
        """What the feed and the audit call the type: `cost_center`."""
        return words(self.singular, "_")

    @property
    def field(self) -> FieldDescriptor:
        """The field that holds one of them in an answer."""
        return contracts.answered_field(self.method(_GET))

    @property
    def pattern(self) -> str:
        """What their names look like, as a regular expression."""
        stated = contracts.name_pattern(self.method(_GET))
        return stated or f"^{self.plural[0].lower()}{self.plural[1:]}/[^/]+$"

    @property
    def is_in_hub(self) -> bool:
        """Whether the hub holds them."""
        return self.service.full_name.startswith(_HUB)

    @property
    def is_master(self) -> bool:
        """Whether they are golden: the hub can explain them."""
        return self.is_in_hub and self.can("Explain")

    def can(self, verb: str) -> bool:
        """Tell whether the service has a method for this."""
        return self._method_name(verb) in self.service.methods_by_name

    def method(self, verb: str) -> MethodDescriptor:
        """Return the method for `Get`, `List`, `Search`, `Revisions`, `Explain` and so on. Raises Mistake."""
        if not self.can(verb):
            able = sorted(kind.nouns for kind in kinds() if kind.can(verb))
            raise Mistake(
                f"{_COMMANDS.get(verb, verb.lower())} is not offered for {self.nouns}",
                f"it is for {', '.join(able) or 'nothing'}",
            )
        found: MethodDescriptor = self.service.methods_by_name[self._method_name(verb)]
        return found

    def _method_name(self, verb: str) -> str:
        if verb == _REVISIONS:
            return f"{_LIST}{self.singular}{_REVISIONS}"
        return f"{verb}{self.plural if verb in {_LIST, 'Search', 'BatchGet', 'Merge'} else self.singular}"


@functools.cache
def kinds() -> tuple[Kind, ...]:
    """Return every kind of records of the mesh."""
    found = [
        Kind(service, method.name.removeprefix(_GET), _plural(service, method))
        for service in contracts.services().values()
        for method in service.methods
        if method.name.startswith(_GET) and contracts.has_field(method, "name")
    ]
    return tuple(sorted(found, key=lambda kind: kind.nouns))


def masters() -> tuple[Kind, ...]:
    """Return the kinds of golden records."""
    return tuple(kind for kind in kinds() if kind.is_master)


def of_name(name: str) -> Kind:
    """Return the kind that a name such as `costCenters/019…` belongs to. Raises Mistake."""
    for kind in kinds():
        if re.search(kind.pattern, name):
            return kind
    looks = sorted(re.sub(r"\[\^/\][+]", "…", kind.pattern).strip("^$") for kind in kinds())
    raise Mistake(f"{name!r} is no record's name", f"names look like {', '.join(looks)}")


def named(text: str, among: Iterable[Kind] | None = None) -> Kind:
    """Return the kind that a person calls `supplier`, `cost-centers`, `costCenter` … Raises Mistake."""
    choice = tuple(kinds() if among is None else among)
    wanted = _plain(text)
    for kind in choice:
        if wanted in {_plain(kind.singular), _plain(kind.plural)}:
            return kind
    raise Mistake(f"there is no type {text!r}", nearest(text, [kind.nouns for kind in choice]))


def _plural(service: ServiceDescriptor, get: MethodDescriptor) -> str:
    """Return the plural that the service's own list of the same messages uses."""
    wanted = contracts.answered_field(get).message_type
    for method in service.methods:
        if method.name.startswith(_LIST) and not method.name.endswith(_REVISIONS):
            field = contracts.answered_field(method)
            if field.message_type is wanted and field.is_repeated:
                return method.name.removeprefix(_LIST)
    return f"{get.name.removeprefix(_GET)}s"


def words(name: str, joint: str) -> str:
    """Return the words of a name like `CostCenter`, in small letters."""
    return _WORD.sub(joint, name).lower()


def _plain(text: str) -> str:
    return re.sub(r"[-_ ]", "", text).lower()


def qualified(collection: str, name: str) -> str:
    """Return a name with its collection: `erp` is `systems/erp`."""
    return name if "/" in name else f"{collection}/{name}"
