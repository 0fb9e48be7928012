"""The mesh as one context reaches it: every call of the command line goes through here."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from clients.cli import contracts
from clients.cli.connection.config import Context
from clients.cli.mistake import Mistake
from services.mesh.calling.client import ClientTls, TokenSource, open_channel
from services.mesh.errors import ConcordError, from_rpc_error

HUB, AUDIT, ADAPTER = "hub", "audit", "adapter"
_PLACES = {"mdm": HUB, "audit": AUDIT, "adapter": ADAPTER}
_PAGE_SIZE = 500
_SYSTEM_STATES = "concord.adapter.v1.AdapterService/ListSystemStates"

Metadata: TypeAlias = Sequence[tuple[str, str]]


class RefusedError(Exception):
    """A call that did not succeed: why, and where it went."""

    def __init__(self, error: ConcordError, target: str, method: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.target = target
        self.method = method


class Mesh:
    """Opens a channel to each service when it is called first; a context manager that closes them."""

    def __init__(self, name: str, context: Context, token: TokenSource, metadata: Metadata = ()) -> None:
        self.name = name
        self.context = context
        self._token = token
        self._metadata = metadata
        self._channels: dict[str, grpc.Channel] = {}
        self._opening = threading.Lock()
        self._stack = ExitStack()

    @property
    def adapters(self) -> Mapping[str, str]:
        """The adapters' targets by the names that the context gives them."""
        return self.context.adapters

    def ask(self, method: MethodDescriptor, request: Message, adapter: str = "") -> Any:
        """Return the answer to a unary call. Raises RefusedError, and Mistake for a target that is not known."""
        target = self._target(method, adapter)
        return self._told(method, target, lambda: self._call(method, target)(request, metadata=self._metadata))

    def listen(self, method: MethodDescriptor, request: Message, adapter: str = "") -> Iterator[Any]:
        """Yield the answers of a streaming call until it ends, is cancelled, or the iterator is closed."""
        target = self._target(method, adapter)
        given: Any = iter([request]) if method.client_streaming else request
        yield from self._answers(method, target, given)

    def exchange(self, method: MethodDescriptor, requests: Iterator[Message]) -> Iterator[Any]:
        """Yield the answers to a stream of requests; safe in threads, each with a stream of its own."""
        yield from self._answers(method, self._target(method, ""), requests)

    def every(
        self, method: MethodDescriptor, request: Message, limit: int | None = None, adapter: str = ""
    ) -> Iterator[Any]:
        """Yield what a list method has, page by page, at most `limit` of it."""
        field, left = contracts.answered_field(method).name, limit
        for page in self.pages(method, request, limit, adapter):
            found = getattr(page, field)
            yield from found if left is None else found[:left]
            left = None if left is None else left - len(found)
            if left is not None and left <= 0:
                return

    def pages(
        self, method: MethodDescriptor, request: Message, limit: int | None = None, adapter: str = ""
    ) -> Iterator[Any]:
        """Yield the answers of a list method, page by page, each with `limit` records at most."""
        asked: Any = type(request)()
        asked.CopyFrom(request)
        asked.page_size = min(limit or _PAGE_SIZE, _PAGE_SIZE)
        while True:
            page = self.ask(method, asked, adapter)
            yield page
            asked.page_token = page.next_page_token
            if not asked.page_token:
                return

    def every_behind(self, method: MethodDescriptor, request: Message, adapter: str = "") -> Iterator[Any]:
        """Yield what a list method has at one adapter, or at each; one that fails does not keep the others back."""
        refused: RefusedError | None = None
        for one in [adapter] if adapter else self._require_adapters():
            try:
                yield from self.every(method, request, adapter=one)
            except RefusedError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def adapter_of(self, system: str) -> str:
        """Return the name of the adapter that a system stands behind. Raises Mistake when none knows it."""
        method = contracts.method(_SYSTEM_STATES)
        known: list[str] = []
        refused: RefusedError | None = None
        for adapter in self._require_adapters():
            try:
                behind = [state.system for state in self.every(method, contracts.request_of(method), adapter=adapter)]
            except RefusedError as error:
                refused = refused or error
                continue
            if system in behind:
                return adapter
            known += behind
        if refused is not None:
            raise refused
        raise Mistake(f"{system} is behind no adapter", f"behind adapters are {', '.join(sorted(known)) or 'none'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _answers(self, method: MethodDescriptor, target: str, given: Any) -> Iterator[Any]:
        call = self._call(method, target)(given, metadata=self._metadata)
        try:
            while True:
                try:
                    yield self._told(method, target, lambda: next(call))
                except StopIteration:
                    return
        finally:
            call.cancel()

    def _require_adapters(self) -> Mapping[str, str]:
        if not self.adapters:
            hint = f"concord config set {self.name} --adapter NAME=HOST:PORT"
            raise Mistake(f"the context {self.name!r} names no adapter", hint)
        return self.adapters

    def _target(self, method: MethodDescriptor, adapter: str) -> str:
        service = method.containing_service
        assert service is not None  # noqa: S101 - every method has one
        # What every service serves is asked of the hub, or of the adapter that is named.
        place = ADAPTER if adapter else _PLACES.get(service.full_name.split(".")[1], HUB)
        if place == ADAPTER:
            adapters = self._require_adapters()
            if adapter not in adapters:
                raise Mistake(f"name one of the adapters, not {adapter!r}", f"there is {', '.join(adapters)}")
            return adapters[adapter]
        target: str = getattr(self.context, place)
        if not target:
            hint = f"concord config set {self.name} --{place} HOST:PORT"
            raise Mistake(f"the context {self.name!r} does not say where the {place} is", hint)
        return target

    def _call(self, method: MethodDescriptor, target: str) -> Any:
        assert method.containing_service is not None  # noqa: S101 - every method has one
        kind = f"{_stream(method.client_streaming)}_{_stream(method.server_streaming)}"
        return getattr(self._channel(target), kind)(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )

    def _channel(self, target: str) -> grpc.Channel:
        with self._opening:
            if target not in self._channels:
                try:
                    channel = open_channel(target, token=self._token, tls=self._tls())
                except (ValueError, OSError) as error:
                    raise Mistake(str(error), f"see concord config show {self.name}") from error
                self._channels[target] = channel
                self._stack.callback(channel.close)
            return self._channels[target]

    def _tls(self) -> ClientTls | None:
        stated = self.context
        if stated.plaintext:
            return None
        files = (Path(file) if file else None for file in (stated.ca_file, stated.certificate_file, stated.key_file))
        return ClientTls(*files)

    def _told(self, method: MethodDescriptor, target: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except grpc.RpcError as error:
            raise RefusedError(from_rpc_error(error), target, method.name) from error
        except ConcordError as error:
            raise RefusedError(error, target, method.name) from error


def _stream(is_stream: bool) -> str:
    return "stream" if is_stream else "unary"
