"""What is measured of calls: rate, errors and duration, by RPC, code and caller; streams apart."""

import threading

from opentelemetry.metrics import Meter

from services.mesh.metrics.durations import OTHER, Durations

FIRST_MESSAGES = "rpc.server.stream.first_message"

# Each latency objective of the contracts is a bound, so that the share of calls below it is counted and not guessed.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 0.9, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

_MOST_CLIENTS = 50


class CallMetrics:
    """The instruments of one process's calls. Safe in threads.

    `durations` are of calls with one response; whoever serves metrics shows them beside the meter's.
    """

    def __init__(self, meter: Meter) -> None:
        told = "How long calls with one response took."
        self.durations = Durations("rpc_server_call_duration_seconds", told, ("rpc", "code", "client"), BOUNDS_S)
        self._first = meter.create_histogram(FIRST_MESSAGES, "s", "Until a stream gave its first message.")
        self._open = meter.create_up_down_counter("rpc.server.streams.open", "{stream}", "Streams that are open.")
        self._ended = meter.create_counter("rpc.server.streams.ended", "{stream}", "Streams that ended.")
        self._clients = BoundedSet()

    def called(self, rpc: str, code: str, client: str, seconds: float) -> None:
        """Count and time a call with one response."""
        self.durations.took(seconds, rpc, code, self._clients.known(client))

    def opened(self, rpc: str) -> None:
        """Count a stream as open."""
        self._open.add(1, {"rpc": rpc})

    def began(self, rpc: str, seconds: float) -> None:
        """Note how long a stream took to give its first message."""
        self._first.record(seconds, {"rpc": rpc})

    def ended(self, rpc: str, code: str, client: str) -> None:
        """Count a stream as ended."""
        self._ended.add(1, {"rpc": rpc, "code": code, "client": self._clients.known(client)})
        self._open.add(-1, {"rpc": rpc})  # last: who sees that it is open no more finds it among those that ended


class BoundedSet:
    """The first so many values by their own names, all later ones as `other`.

    Client ids come from tokens, so strangers can't invent them; an issuer that hands out a client for each session
    would still fill Prometheus.
    """

    def __init__(self, most: int = _MOST_CLIENTS) -> None:
        self._most = most
        self._values: set[str] = set()
        self._lock = threading.Lock()

    def known(self, value: str) -> str:
        """Return the value, or `other`."""
        if value in self._values:
            return value
        with self._lock:
            if len(self._values) >= self._most and value not in self._values:
                return OTHER
            self._values.add(value)
            return value
