"""Every record type that the hub keeps."""

from services.mdm.domain.record_type import RecordType
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER

RECORD_TYPES: tuple[RecordType, ...] = (SUPPLIER, ITEM, COST_CENTER)
"""In the order in which people think of them."""

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
