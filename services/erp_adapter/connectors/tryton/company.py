"""The company whose data is read and written: most of what Tryton holds belongs to one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.options import TrytonOptions
from services.erp_adapter.connectors.tryton.rpc import TrytonClient


@dataclass(frozen=True)
class Company:
    """A company of Tryton's and what Tryton's clock said when it was looked up."""

    id: int
    looked_up: datetime

    @property
    def context(self) -> dict[str, object]:
        """What calls need to see this company's values, and rows that are not active."""
        return {"company": self.id, "active_test": False, "language": "en"}


def look_up(client: TrytonClient, options: TrytonOptions) -> Company:
    """Find the company. Raises TrytonError, PERMANENT when there is not exactly one with the configured currency."""
    domain = [("party.name", "=", options.company)] if options.company else []
    found = client.search_read("company.company", domain, ["currency.code"])
    if len(found) != 1:
        message = f"{len(found)} companies fit the option `company`, not one"
        raise TrytonError(RemoteErrorKind.PERMANENT, message)
    if found[0]["currency."]["code"] != options.conventions.currency:
        raise TrytonError(RemoteErrorKind.PERMANENT, "the company's currency is not that of the option `currency`")
    return Company(found[0]["id"], client.server_time or datetime.now(UTC))
