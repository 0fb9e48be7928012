"""Waiting until a landscape is at rest: everything read, published and delivered."""

from collections.abc import Callable

from concord.adapter.v1.adapter_pb2 import ListSystemStatesRequest, SystemState
from tools.landscape import counting
from tools.landscape.callers import OPERATOR
from tools.landscape.landscape import Landscape
from tools.leftovers import wait_until

ADAPTERS = {
    "erp_adapter": ("supplier", "item", "cost_center", "location", "account"),
    "saas_adapter": ("cost_center", "employee"),
}
"""The adapters and the types of golden records that they deliver."""

_PATIENCE_S = 120.0
_PAUSE_S = 0.1


class NotReachedError(Exception):
    """A state was not reached in time; the message says which, and how things stood."""


def reach(what: str, condition: Callable[[], bool], *, timeout_s: float = _PATIENCE_S) -> None:
    """Wait until a condition holds. Raises NotReachedError."""
    if not wait_until(condition, timeout_s=timeout_s, pause_s=_PAUSE_S):
        raise NotReachedError(f"{what}: not within {timeout_s:.0f} s")


def states(landscape: Landscape) -> dict[str, SystemState]:
    """Return the state of each adapter's system, by adapter."""
    request = ListSystemStatesRequest()
    return {
        adapter: landscape.callers.adapter(adapter, OPERATOR).ListSystemStates(request).system_states[0]
        for adapter in ADAPTERS
    }


def await_first_pulls(landscape: Landscape) -> None:
    """Wait until each adapter has read its whole system once. Raises NotReachedError."""
    reach(
        "the first synchronisation",
        lambda: all(state.HasField("last_pull_time") for state in states(landscape).values()),
    )


def await_rest(landscape: Landscape) -> None:
    """Wait until every change has its receipt and every golden change is delivered. Raises NotReachedError."""
    reach("everything published and delivered", lambda: is_at_rest(landscape))


def is_at_rest(landscape: Landscape) -> bool:
    """Tell whether every change has its receipt and every golden change is delivered."""
    if any(counting.unpublished(landscape.postgres, database) for database in ("mdm", *ADAPTERS)):
        return False
    last = counting.last_positions(landscape.postgres)
    return all(
        state.delivered_position >= max(last.get(record_type, 0) for record_type in ADAPTERS[adapter])
        for adapter, state in states(landscape).items()
    )
