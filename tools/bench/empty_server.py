"""`python -m tools.bench.empty_server WORKERS`: a bare gRPC server, the yardstick.

No interceptor, no stage, no message: it answers every unary call with no bytes, on as many threads as the hub's server
has. Once it serves, it prints its port.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc


class _Empty(grpc.GenericRpcHandler):
    """Every method there is."""

    def __init__(self) -> None:
        self._handler: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a method."""
        return self._handler


def main() -> None:
    """Serve until the process is ended."""
    server = grpc.server(ThreadPoolExecutor(int(sys.argv[1])), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([_Empty()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
