"""Which entities cost centers belong to, by code; for one reading only, because it is remembered."""

from collections.abc import Iterable, Mapping

from services.saas_adapter.connectors.scim.document import COST_CENTERS
from services.saas_adapter.connectors.scim.resource import Resource, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center

AT_ONCE = 50
"""How many values a filter lists: one of more would make the address too long for some servers."""


class Entities:
    """Looks entities up and remembers them."""

    def __init__(self, client: ScimClient) -> None:
        self._client = client
        self._by_code: dict[str, str | None] = {}

    def of(self, codes: Iterable[str]) -> Mapping[str, str | None]:
        """Return the entity's name by code: empty = the cost center names none, None = there is no such cost center.

        Raises ScimError.
        """
        wanted = sorted({code for code in codes if code})
        missing = [code for code in wanted if code not in self._by_code]
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            self._by_code |= dict.fromkeys(part)
            condition = " or ".join(f"code eq {quoted(code)}" for code in part)
            for page in self._client.pages(COST_CENTERS, condition, attributes=("meta", *cost_center.ATTRIBUTES)):
                self.learn(page)
        return {code: self._by_code[code] for code in wanted}

    def learn(self, cost_centers: list[Resource]) -> None:
        """Remember the entities of cost centers that were read anyway."""
        told = ((each.document.get("code"), each.document.get("entity")) for each in cost_centers)
        self._by_code |= {_text(code): _text(entity) for code, entity in told}


def _text(value: object) -> str:
    return str(value or "").strip()
