"""Why a golden record is what it is, for people."""

from concord.mdm.v1 import record_pb2

from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship import Golden


def explain(record_type: RecordType, golden: Golden, name: str, revision: int) -> record_pb2.Explanation:
    """Return the explanation of a golden revision; RESTRICTED parts of values are left out."""
    raise NotImplementedError
