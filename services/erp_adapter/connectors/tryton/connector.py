"""The connector of Tryton: suppliers, items, cost centers, locations and accounts."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from google.protobuf.message import Message

from services.adapter.systems.connector import (
    Document,
    Expression,
    PulledBatch,
    Translation,
    UntranslatableError,
    Writing,
)
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton import company, document, reading
from services.erp_adapter.connectors.tryton.account import ACCOUNT
from services.erp_adapter.connectors.tryton.analytic_account import ANALYTIC_ACCOUNT
from services.erp_adapter.connectors.tryton.cursor import Cursor
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.location import LOCATION
from services.erp_adapter.connectors.tryton.noun import LARGEST_ID, Noun, Site
from services.erp_adapter.connectors.tryton.options import TrytonOptions
from services.erp_adapter.connectors.tryton.party import PARTY
from services.erp_adapter.connectors.tryton.product import PRODUCT
from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from services.erp_adapter.domain.tryton.held import Row

_NOUNS = (PARTY, PRODUCT, ANALYTIC_ACCOUNT, LOCATION, ACCOUNT)
_AT_ONCE = 250


class TrytonConnector:
    """Speaks to one Tryton; see `services.adapter.systems.connector.Connector`."""

    kind = "tryton"
    record_types = tuple(noun.record_type for noun in _NOUNS)

    def __init__(self, options: TrytonOptions, client: TrytonClient) -> None:
        self._options = options
        self._client = client
        self._conventions = options.conventions
        self._found: Site | None = None
        self._by_model = {noun.model: noun for noun in _NOUNS}
        self._by_type = {noun.record_type: noun for noun in _NOUNS}

    @classmethod
    def configured(cls, system: str, options: Mapping[str, object]) -> "TrytonConnector":
        """Make the connector of a system from its options. Raises ValueError with every mistake, one a line."""
        parsed = TrytonOptions.parse(system, options)
        client = TrytonClient(
            parsed.url, parsed.database, parsed.user, parsed.password_file, timeout_s=parsed.timeout_s
        )
        return cls(parsed, client)

    def pull(self, cursor: str, *, full: bool) -> Iterator[PulledBatch]:
        """Read what changed; a cursor that is none of ours means everything."""
        try:
            place = Cursor.decode(cursor)
        except ValueError:
            place = Cursor()
        return reading.read(self._look_up(), _NOUNS, place, full=full)

    def translate(self, document_: Document) -> Translation:
        """Say a document as a typed record. Raises UntranslatableError."""
        noun = self._by_model.get(document_.kind)
        if noun is None:
            raise UntranslatableError("document", "is of no kind that is read here")
        if document_.deleted:
            return Translation(noun.record_type, noun.message())
        return noun.translate(document.row_of(document_), self._conventions)

    def express(self, record_type: str, content: Message, today: date) -> Expression:
        """Say a record in Tryton's words."""
        return self._by_type[record_type].express(content, today, self._conventions)

    def current(self, keys: Collection[str]) -> Mapping[str, Document | None]:
        """Read documents by their keys, a call for some hundred of a model."""
        found: dict[str, Document | None] = dict.fromkeys(keys)
        wanted: dict[str, list[int]] = {}
        for key in found:
            model, _, number = key.partition("/")
            if model in self._by_model and number.isascii() and number.isdecimal() and int(number) <= LARGEST_ID:
                wanted.setdefault(model, []).append(int(number))
        for model, ids in wanted.items():
            for start in range(0, len(ids), _AT_ONCE):
                documents = self._read(self._by_model[model], ids[start : start + _AT_ONCE])
                found |= {each.key: each for each in documents}
        return found

    def find(self, record_type: str, golden: Message) -> str | None:
        """Search the row that was created for a golden record, or that has one of its strong identifiers."""
        noun = self._by_type[record_type]
        row_id = noun.find(self._site(), golden)
        return None if row_id is None else noun.key(row_id)

    def write(self, writing: Writing) -> Document:
        """Create a row, or write what differs unless the row changed since it was read."""
        noun, site = self._by_type[writing.record_type], self._site()
        try:
            if writing.current is None:
                row_id = noun.create(site, writing.golden, writing.values)
            else:
                row = self._unchanged(noun, writing.current)
                noun.update(site, row, writing.values)
                row_id = row["id"]
        except (ValueError, UntranslatableError) as error:
            raise TrytonError(RemoteErrorKind.PERMANENT, str(error)) from error
        documents = self._read(noun, [row_id])
        if not documents:
            raise TrytonError(RemoteErrorKind.CONFLICT, "the row is gone right after it was written")
        return documents[0]

    def close(self) -> None:
        """End the session."""
        self._client.close()

    def _unchanged(self, noun: Noun, current: Document) -> Row:
        """Read the row again; children are part of what must not have changed. Raises TrytonError CONFLICT."""
        before = document.row_of(current)
        now = self._read(noun, [int(current.key.partition("/")[2])])
        if not now or document.row_of(now[0]) != before:
            raise TrytonError(RemoteErrorKind.CONFLICT, "the row changed since it was read")
        return before

    def _read(self, noun: Noun, ids: list[int]) -> list[Document]:
        domain = [*noun.masters(self._conventions), ("id", "in", ids)]
        return [document.of(noun, row) for row in self._site().search(noun.model, domain, noun.fields)]

    def _site(self) -> Site:
        return self._found or self._look_up()

    def _look_up(self) -> Site:
        self._found = Site(self._client, company.look_up(self._client, self._options), self._conventions)
        return self._found
