"""Code lists and code maps for tests: short ways to keep them, to say coded items, to let runs be worked off."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from concord.mdm.v1 import item_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from concord.mdm.v1.code_map_proposal_pb2 import (
    CodeMapProposal,
    CreateCodeMapProposalRequest,
    CreateCodeMapProposalResponse,
    PromoteCodeMapProposalRequest,
)
from services.mdm.storage.writing.write_path import Applied
from tests.support.hub.ruling import second
from tests.support.hub.served import Client
from tests.support.hub.stored import TestHub, decision, statement
from tests.support.waiting import eventually

UNITS = ("BX", "CS", "EA")


def rid() -> str:
    return str(uuid.uuid4())


def listed(name: str = "units", codes: tuple[str, ...] = UNITS) -> pb.CodeList:
    """Return a code list."""
    values = [pb.CodeValue(code=code) for code in codes]
    return pb.CodeList(name=f"codeLists/{name}", display_name=name, values=values)


def proposed(
    system: str, entries: Mapping[str, str], name: str = "units", preferred: Collection[str] = ()
) -> CodeMapProposal:
    """Return the proposal of a code map."""
    said = [
        pb.CodeMapEntry(source_code=code, canonical_code=to, preferred=code in preferred)
        for code, to in entries.items()
    ]
    return CodeMapProposal(system=system, code_list=f"codeLists/{name}", entries=said)


def create_list(steward: Client, code_list: pb.CodeList) -> pb.CodeList:
    request = pb.CreateCodeListRequest(code_list=code_list, request_id=rid())
    return steward.reference_data.CreateCodeList(request).code_list


def propose_map(  # noqa: PLR0913 - a proposal has many parts
    client: Client,
    system: str,
    entries: Mapping[str, str],
    name: str = "units",
    *,
    preferred: Collection[str] = (),
    retires: bool = False,
    dry: bool = False,
) -> CreateCodeMapProposalResponse:
    """Propose a map."""
    proposal = proposed(system, entries, name, preferred)
    proposal.retires = retires
    return client.code_maps.CreateCodeMapProposal(
        CreateCodeMapProposalRequest(code_map_proposal=proposal, request_id=rid(), validate_only=dry)
    )


def promote_map(client: Client, made: CodeMapProposal) -> CodeMapProposal:
    """Promote a proposal, which takes another person than its author."""
    request = PromoteCodeMapProposalRequest(name=made.name, etag=made.etag, request_id=rid())
    return client.code_maps.PromoteCodeMapProposal(request).code_map_proposal


def put_map(
    author: Client, controller: Client, system: str, entries: Mapping[str, str], name: str = "units", **more: Any
) -> pb.CodeMap:
    """Let one person propose a map and another promote it; return it."""
    made = promote_map(controller, propose_map(author, system, entries, name, **more).code_map_proposal)
    return author.reference_data.GetCodeMap(pb.GetCodeMapRequest(name=made.code_map)).code_map


def keep_map(hub: TestHub, system: str, entries: Mapping[str, str] | None, preferred: Collection[str] = ()) -> None:
    """Put a map of units in force without a server; None retires it."""
    said = proposed(system, entries or {}, preferred=preferred)
    said.retires = entries is None
    kept = hub.parts.code_map_proposals.create(said, decision(said)).proposal
    hub.parts.code_map_proposals.promote(kept.name, kept.etag, second(decision(kept)))


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
