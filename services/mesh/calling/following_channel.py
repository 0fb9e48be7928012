"""A channel that follows the files of its identity: grpcio's own keeps the credentials that it was opened with."""

import threading
from collections.abc import Callable
from typing import Any, Self

import grpc

from services.mesh.identity.followed_files import FollowedFiles

Open = Callable[[grpc.ChannelCredentials], grpc.Channel]
_MethodOf = Callable[[grpc.Channel], Any]


class FollowingChannel(grpc.Channel):
    """Opens a channel anew when its credentials have changed, for the calls that begin from then on.

    Calls that run, long streams among them, end where they began; the channel that the last one leaves is closed.
    """

    def __init__(self, credentials: FollowedFiles[grpc.ChannelCredentials], open_: Open) -> None:
        self._credentials = credentials
        self._open = open_
        self._lock = threading.Lock()
        self._opened = self._newly_opened(credentials.present())
        self._left: set[_Opened] = set()
        self._subscribed: dict[Any, bool] = {}
        self._closed = False

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:  # noqa: FBT001, FBT002 - grpc's own
        """Tell the callback how the connection of the channel is that is the present one then.

        Raises ValueError once all is closed.
        """
        with self._lock:
            if self._closed:
                raise ValueError("a closed channel has nothing to tell")
            self._subscribed[callback] = bool(try_to_connect)
            self._opened.channel.subscribe(callback, bool(try_to_connect))

    def unsubscribe(self, callback: Any) -> None:
        """Tell it no more."""
        with self._lock:
            self._subscribed.pop(callback, None)
            self._opened.channel.unsubscribe(callback)

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return what makes calls of a unary method."""
        return _ToResponse(self, lambda channel: channel.unary_unary(*arguments, **options))

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return what opens streams of responses."""
        return _ToResponses(self, lambda channel: channel.unary_stream(*arguments, **options))

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return what opens streams of requests."""
        return _ToResponse(self, lambda channel: channel.stream_unary(*arguments, **options))

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return what opens streams both ways."""
        return _ToResponses(self, lambda channel: channel.stream_stream(*arguments, **options))

    def close(self) -> None:
        """Close every channel, and end the calls that run."""
        with self._lock:
            self._closed = True
            opened = [self._opened, *self._left]
        for each in opened:
            each.channel.close()

    def begin(self, method_of: _MethodOf) -> tuple["_Opened", Any]:
        """Take the present channel for a call, and a method of it; whoever takes it gives it back with `end`.

        Raises ValueError once all is closed, as grpcio's own does. The method is made here: making one of a
        closed channel ends the process with a segmentation fault.
        """
        try:
            with self._lock:
                if self._closed:
                    raise ValueError("Cannot invoke RPC on closed channel!")
                self._follow()
                current, method = self._opened, method_of(self._opened.channel)
                current.calls += 1
        finally:
            self._close_left()
        return current, method

    def _follow(self) -> None:
        """Open anew if the credentials have changed; under the lock.

        Asked for there: a thread that is late with what it saw would bring the former identity back.
        """
        former, credentials = self._opened, self._credentials.present()
        if credentials is former.credentials:
            return
        self._opened = self._newly_opened(credentials)
        self._left.add(former)
        for callback, try_to_connect in self._subscribed.items():
            former.channel.unsubscribe(callback)
            self._opened.channel.subscribe(callback, try_to_connect)

    def end(self, opened: "_Opened") -> None:
        """Give a call's channel back."""
        with self._lock:
            opened.calls -= 1
        self._close_left()

    def _close_left(self) -> None:
        """Close the channels that were left and on which no call runs."""
        with self._lock:
            idle = [each for each in self._left if not each.calls]
            self._left.difference_update(idle)
        for each in idle:
            # Not by the thread that tells of a call's end: closing waits for what that thread has still to tell.
            threading.Thread(target=each.channel.close, name="closing a channel", daemon=True).start()

    def _newly_opened(self, credentials: grpc.ChannelCredentials) -> "_Opened":
        return _Opened(credentials, self._open(credentials))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Opened:
    """A channel, the credentials that it was opened with, and how many calls run on it."""

    def __init__(self, credentials: grpc.ChannelCredentials, channel: grpc.Channel) -> None:
        self.credentials = credentials
        self.channel = channel
        self.calls = 0


class _Method:
    """A method of whichever channel is the present one when it is called."""

    def __init__(self, following: FollowingChannel, method_of: _MethodOf) -> None:
        self._following = following
        self._method_of = method_of

    def _begun(self, call: Callable[[Any], Any]) -> Any:
        """Begin a call that ends by itself later."""
        opened, method = self._following.begin(self._method_of)
        try:
            begun = call(method)
            running = begun.add_callback(lambda: self._following.end(opened))
        except BaseException:
            self._following.end(opened)
            raise
        if not running:
            self._following.end(opened)
        return begun


class _ToResponse(_Method, grpc.UnaryUnaryMultiCallable, grpc.StreamUnaryMultiCallable):  # type: ignore[type-arg] # at run time they take none
    """A method with one response."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._done(lambda method: method(*arguments, **options))

    def with_call(self, *arguments: Any, **options: Any) -> Any:
        """Call and wait; return the response and the call."""
        return self._done(lambda method: method.with_call(*arguments, **options))

    def future(self, *arguments: Any, **options: Any) -> Any:
        """Call without waiting."""
        return self._begun(lambda method: method.future(*arguments, **options))

    def _done(self, call: Callable[[Any], Any]) -> Any:
        opened, method = self._following.begin(self._method_of)
        try:
            return call(method)
        finally:
            self._following.end(opened)


class _ToResponses(_Method, grpc.UnaryStreamMultiCallable, grpc.StreamStreamMultiCallable):  # type: ignore[type-arg] # as above
    """A method with a stream of responses."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._begun(lambda method: method(*arguments, **options))
