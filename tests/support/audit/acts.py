"""Leaves of acts for tests of the audit: disclosures, refused calls, questions."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from concord.audit.v1.act_pb2 import Denial, Disclosure, Question
from concord.governance.v1.options_pb2 import CLASSIFICATION_CONFIDENTIAL, CLASSIFICATION_RESTRICTED, Classification
from services.mesh.records.act import Act, Place, act_leaf
from services.mesh.records.leaf import Origin
from tests.support.audit.leaves import BEGINNING

CONFIDENTIAL, RESTRICTED = CLASSIFICATION_CONFIDENTIAL, CLASSIFICATION_RESTRICTED


def disclosure(shown: Mapping[str, Sequence[Classification.ValueType]]) -> Disclosure:
    """Build a disclosure of classes of fields, by record."""
    told = Disclosure()
    for record, classes in shown.items():
        told.records.add(record=record, revision=1, classifications=classes)
    return told


def denial(permission: str = "mdm.suppliers.read", attempts: int = 1) -> Denial:
    """Build a refusal for a permission that was missing."""
    told = Denial(reason="PERMISSION_MISSING", permission=permission, attempts=attempts)
    told.last_time.FromDatetime(BEGINNING)
    return told


def act_bytes(
    act: Act, number: int = 1, *, at: datetime = BEGINNING, entities: tuple[str, ...] = (), **origin: object
) -> bytes:
    """Build the leaf of an act as its writer sends it."""
    said = {"actor": "reader"} | origin
    return act_leaf(Place("mdm", "s1", number), act, Origin(**said), entities, at)  # type: ignore[arg-type]


ACTS: Mapping[str, Act] = {
    "disclosure": disclosure({"suppliers/one": [CONFIDENTIAL]}),
    "denial": denial(),
    "question": Question(asked="{}"),
}
"""One of each kind, by its record type."""
