"""Code lists and code maps for tests: short ways to keep them, to say coded items, to let runs be worked off."""

import uuid
from collections.abc import Mapping

from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1 import item_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.storage.write_path import Applied
from tests.support.hub import TestHub, decision, statement
from tests.support.served_hub import Client
from tests.support.waiting import eventually

UNITS = ("BX", "CS", "EA")


def rid() -> str:
    return str(uuid.uuid4())


def listed(name: str = "units", codes: tuple[str, ...] = UNITS) -> pb.CodeList:
    """Return a code list."""
    values = [pb.CodeValue(code=code) for code in codes]
    return pb.CodeList(name=f"codeLists/{name}", display_name=name, values=values)


def mapped(system: str, entries: Mapping[str, str], name: str = "units") -> pb.CodeMap:
    """Return a code map."""
    said = [pb.CodeMapEntry(source_code=code, canonical_code=to) for code, to in entries.items()]
    return pb.CodeMap(system=system, code_list=f"codeLists/{name}", entries=said)


def create_list(steward: Client, code_list: pb.CodeList) -> pb.CodeList:
    request = pb.CreateCodeListRequest(code_list=code_list, request_id=rid())
    return steward.reference_data.CreateCodeList(request).code_list


def create_map(
    steward: Client, system: str, entries: Mapping[str, str], name: str = "units", *, dry: bool = False
) -> pb.CreateCodeMapResponse:
    said = mapped(system, entries, name)
    return steward.reference_data.CreateCodeMap(
        pb.CreateCodeMapRequest(code_map=said, request_id=rid(), validate_only=dry)
    )


def update_map(
    steward: Client, code_map: pb.CodeMap, entries: Mapping[str, str], *, dry: bool = False
) -> pb.UpdateCodeMapResponse:
    changed = mapped(code_map.system, entries)
    changed.name = code_map.name
    mask = FieldMask(paths=["entries"])
    return steward.reference_data.UpdateCodeMap(
        pb.UpdateCodeMapRequest(
            code_map=changed, update_mask=mask, etag=code_map.etag, request_id=rid(), validate_only=dry
        )
    )


def keep_map(hub: TestHub, system: str, entries: Mapping[str, str], before: pb.CodeMap | None = None) -> pb.CodeMap:
    """Keep a map of units without a server; `before` is the one that it replaces."""
    said = mapped(system, entries)
    data = hub.parts.reference_data
    if before is None:
        return data.create_map(said, decision(said)).code_map

    def merge(present: pb.CodeMap) -> pb.CodeMap:
        del present.entries[:]
        present.entries.extend(said.entries)
        return present

    return data.update_map(before.name, before.etag, merge, decision(said)).code_map


def work_off(hub: TestHub) -> None:
    """Let every run come to its end."""

    def done() -> bool:
        while hub.parts.recoding.step():
            pass
        # A run waits for transactions that are under way, such as the relay's.
        return not hub.rows("SELECT 1 FROM code_map_runs WHERE finished_at IS NULL")

    eventually(done)


def say_item(hub: TestHub, system: str, key: str, unit: str) -> str:
    """Let a system say an item in a unit; return the golden record's name."""
    (applied,) = hub.submit(statement(system, key, item_pb2.Item(display_name=f"{system} {key}", base_unit=unit)))
    assert isinstance(applied, Applied)
    return applied.golden


def unit_of(hub: TestHub, name: str) -> str:
    """Return the unit that a golden item shows."""
    found = hub.golden(name)
    assert isinstance(found, item_pb2.Item)
    return found.base_unit
