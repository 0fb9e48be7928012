"""The witness's composition root: the only module that sees all of its layers."""

import time

from clients.verifier.errors import UnreadableError
from clients.verifier.trust import Trust
from services.mesh.configuration import ConfigurationError
from services.mesh.logs import start_logging
from services.mesh.process import serve
from services.mesh.server.http_server import HttpServer
from services.witness.domain.signing_key import SigningKey
from services.witness.settings import PREFIX, WitnessSettings
from services.witness.storage.state_directory import StateDirectory
from services.witness.transport.add_checkpoint import Cosigner, handler_of

SERVICE = "witness"


def run(settings: WitnessSettings) -> int:
    """Serve until told to stop; return the exit code.

    Raises ConfigurationError for keys that are none and for plain HTTP that others could read, OSError for an address,
    a directory or a certificate that can't be had.
    """
    start_logging(SERVICE, settings.log_level)
    try:
        key = SigningKey.parse(settings.key.value)
        log_keys = Trust.read([settings.log_keys_file]).log_keys
    except UnreadableError as error:
        raise ConfigurationError([f"{PREFIX}_*: {error}"]) from error
    state = StateDirectory(settings.state_directory)
    own, handler = settings.server, handler_of(Cosigner(key, log_keys, state, time.time))
    server = HttpServer(own.host, own.port, handler, tls=own.tls, health_port=own.health_port)
    return serve(SERVICE, server, on_stop=[state.close])
