"""Every record type that the hub keeps: those that the modules of `types` declare."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from services.mdm.domain import types
from services.mdm.domain.record_type import RecordType


def _declared() -> Iterator[RecordType]:
    for module in pkgutil.iter_modules(types.__path__, f"{types.__name__}."):
        yield from (value for value in vars(import_module(module.name)).values() if isinstance(value, RecordType))


RECORD_TYPES: tuple[RecordType, ...] = tuple(sorted(_declared(), key=lambda record_type: record_type.name))
"""By name."""

_BY_NAME = {record_type.name: record_type for record_type in RECORD_TYPES}
_BY_COLLECTION = {record_type.collection: record_type for record_type in RECORD_TYPES}
_BY_MESSAGE = {record_type.descriptor.full_name: record_type for record_type in RECORD_TYPES}


def by_name(name: str) -> RecordType | None:
    """Return the type called so, such as `cost_center`; None = there is none."""
    return _BY_NAME.get(name)


def by_collection(collection: str) -> RecordType | None:
    """Return the type of a collection, such as `costCenters`; None = there is none."""
    return _BY_COLLECTION.get(collection)


def by_type_url(type_url: str) -> RecordType | None:
    """Return the type of a packed content's url, whatever host it names; None = there is none."""
    return _BY_MESSAGE.get(type_url.rpartition("/")[2])
