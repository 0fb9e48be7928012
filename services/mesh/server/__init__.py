"""Serving gRPC: one builder, one fixed order of stages, one shape of handler; and the little that is served by HTTP."""

from services.mesh.call import Call
from services.mesh.identity.caller import Caller
from services.mesh.server.builder import MeshServer, build_server
from services.mesh.server.request_stream import RequestStream
from services.mesh.server.service import GrpcService, Handler
from services.mesh.server.settings import ServerSettings, ServerTls

__all__ = [
    "Call",
    "Caller",
    "GrpcService",
    "Handler",
    "MeshServer",
    "RequestStream",
    "ServerSettings",
    "ServerTls",
    "build_server",
]
