"""Tryton's JSON-RPC as a client sees it: a session, calls with a deadline, typed errors."""

import base64
import itertools
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from services.adapter.synchronising.pause import Pause
from services.adapter.systems.http_exchange import Answer, exchange
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.erp_adapter.connectors.tryton import errors, header, values
from services.erp_adapter.connectors.tryton.errors import TrytonError

Context = Mapping[str, object]
Row = dict[str, Any]

_OK, _UNAUTHORISED, _TOO_MANY = 200, 401, 429
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0


class TrytonClient:
    """Calls of one user to one Tryton database; threads may share it.

    The session begins with the first call and is renewed once when the server does not know it any more. After a
    refused password or HTTP 429 every call fails at once, without a request, for a pause that doubles each time:
    Tryton delays and finally locks out who guesses on.
    """

    def __init__(  # noqa: PLR0913 - each is a fact about the connection
        self,
        url: str,
        database: str,
        user: str,
        password_file: Path,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/{database}/rpc/"
        self._user = user
        self._password_file = password_file
        self._timeout_s = timeout_s
        # Tryton marks larger answers as gzip even for clients that do not accept it; httpx accepts it by default.
        self._http = httpx.Client(transport=transport, follow_redirects=False, trust_env=False)
        self._numbers = itertools.count(1)
        self._pause = Pause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._lock = threading.Lock()
        self._session: str | None = None
        self.server_time: datetime | None = None
        """What the server's clock said in its last answer, cut to the second; None = it never did."""

    def call(self, method: str, *params: object, context: Context | None = None, timeout_s: float | None = None) -> Any:
        """Call `method`, such as `model.party.party.read`, and return its decoded result.

        `context` is what Tryton wants as the last parameter of model methods (company, active_test, `_timestamp`).
        Raises TrytonError.
        """
        session = self._current_session()
        answer = self._post(method, [*params, dict(context or {})], session=session, timeout_s=timeout_s)
        if answer.status == _UNAUTHORISED:
            self._forget(session)
            answer = self._post(method, [*params, dict(context or {})], self._current_session(), timeout_s=timeout_s)
        return self._result(answer)

    def search_read(  # noqa: PLR0913 - the parameters of the method called
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        offset: int = 0,
        limit: int | None = None,
        order: Sequence[tuple[str, str]] = (("id", "ASC"),),
        context: Context | None = None,
    ) -> list[Row]:
        """Read `fields` of the rows in `domain`; rows that are not active only with `active_test` false in context."""
        method = f"model.{model}.search_read"
        rows: list[Row] = self.call(method, domain, offset, limit, list(order), list(fields), context=context)
        return rows

    def read(
        self, model: str, ids: Sequence[int], fields: Sequence[str], *, context: Context | None = None
    ) -> list[Row]:
        """Read `fields` of the rows `ids`; a row that is gone makes the whole call fail, PERMANENT."""
        rows: list[Row] = self.call(f"model.{model}.read", list(ids), list(fields), context=context)
        return rows

    def create(self, model: str, rows: Sequence[Mapping[str, object]], *, context: Context | None = None) -> list[int]:
        """Create rows in one transaction and return their ids, in order.

        When the error's outcome is unknown, search before creating again: codes need not be unique in Tryton.
        """
        ids: list[int] = self.call(f"model.{model}.create", list(rows), context=context)
        return ids

    def write(
        self, model: str, ids: Sequence[int], changes: Mapping[str, object], *, context: Context | None = None
    ) -> None:
        """Write `changes` to the rows `ids`.

        With `timestamps(...)` in the context the write is refused with CONFLICT when someone wrote a row since.
        """
        self.call(f"model.{model}.write", list(ids), dict(changes), context=context)

    def close(self) -> None:
        """End the session on the server, if it can be reached, and close the connections."""
        with self._lock:
            session, self._session = self._session, None
        try:
            if session is not None:
                self._post("common.db.logout", [], session, timeout_s=min(self._timeout_s, 5.0))
        except TrytonError:
            pass  # the session expires by itself
        finally:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _current_session(self) -> str:
        with self._lock:
            if self._session is None:
                self._session = self._login()
            return self._session

    def _forget(self, session: str) -> None:
        with self._lock:
            if self._session == session:
                self._session = None

    def _login(self) -> str:
        parameters = {"password": self._password()}
        answer = self._post("common.db.login", [self._user, parameters, "en"], None)
        try:
            user_id, token, *_ = self._result(answer)
        except TrytonError as error:
            if error.kind is RemoteErrorKind.AUTHENTICATION:
                error.retry_after_s = self._pause.begin()
            raise
        self._pause.end()
        return base64.b64encode(f"{self._user}:{user_id}:{token}".encode()).decode()

    def _password(self) -> str:
        try:
            return self._password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TrytonError(RemoteErrorKind.AUTHENTICATION, "the password file can't be read") from error

    def _post(
        self, method: str, params: list[object], session: str | None, *, timeout_s: float | None = None
    ) -> Answer:
        if remaining := self._pause.remaining_s():
            message = "pausing because Tryton refused the password or too many requests"
            raise TrytonError(RemoteErrorKind.TRANSIENT, message, retry_after_s=remaining)
        headers = {"Content-Type": "application/json"}
        if session is not None:
            headers["Authorization"] = f"Session {session}"
        body = values.encode({"id": next(self._numbers), "method": method, "params": params})
        try:
            answer = exchange(
                self._http, "POST", self._url, timeout_s=timeout_s or self._timeout_s, content=body, headers=headers
            )
        except RemoteError as error:
            message = f"{method}: {error}"
            raise TrytonError(error.kind, message, outcome_unknown=error.outcome_unknown) from error
        self.server_time = header.date(answer.headers) or self.server_time
        return answer

    def _result(self, answer: Answer) -> Any:
        if answer.status == _TOO_MANY:
            raise errors.from_status(
                answer.status, retry_after_s=self._pause.begin(header.seconds_to_stay_away(answer.headers))
            )
        if answer.status != _OK:
            raise errors.from_status(answer.status, retry_after_s=header.seconds_to_stay_away(answer.headers))
        try:
            body = values.decode(answer.body)
        except ValueError as error:
            message = "Tryton's answer is not JSON-RPC"
            raise TrytonError(RemoteErrorKind.PERMANENT, message, outcome_unknown=True) from error
        if isinstance(body, dict) and body.get("error"):
            raise errors.from_body(body["error"])
        if not isinstance(body, dict) or "result" not in body:
            raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton's answer is not JSON-RPC", outcome_unknown=True)
        self._pause.end()
        return body["result"]


def timestamps(model: str, rows: Sequence[Row]) -> dict[str, object]:
    """Return the context that makes a write conflict when one of `rows` (read with field `_timestamp`) was changed."""
    return {"_timestamp": {f"{model},{row['id']}": row["_timestamp"] for row in rows}}
