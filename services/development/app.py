"""The development commands, put together."""

from services.development import databases, secrets_api
from services.development.bootstrap import Bootstrap, Row
from services.development.clients import Clients
from services.development.settings import BootstrapSettings, DatabasesSettings, IssuerSettings
from services.development.token_endpoint import TokenEndpoint, handler_of
from services.development.token_signer import TokenSigner
from services.mesh.configuration import ConfigurationError
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.identity.secret_file import read_secret_file
from services.mesh.logs import start_logging
from services.mesh.process import serve
from services.mesh.server.http_server import HttpServer


def serve_issuer(settings: IssuerSettings) -> int:
    """Serve the issuer until told to stop; return the exit code.

    Raises ConfigurationError for keys and clients that are none, OSError for an address or files that can't be had.
    """
    start_logging("development issuer", settings.log_level)
    try:
        signer = FollowedFiles(
            "the issuer's keys",
            [settings.key_file],
            lambda: TokenSigner(settings.url.rstrip("/"), read_secret_file(settings.key_file)),
        )
        clients = FollowedFiles(
            "the issuer's clients",
            [settings.clients_file],
            lambda: Clients.parse(read_secret_file(settings.clients_file)),
        )
    except ValueError as error:
        raise ConfigurationError([f"the issuer's files: {error}"]) from error
    endpoint = TokenEndpoint(signer, clients, audience=settings.audience, lifetime=settings.lifetime)
    own = settings.server
    server = HttpServer(own.host, own.port, handler_of(endpoint), tls=own.tls, health_port=own.health_port)
    return serve("development issuer", server)


def bootstrap(settings: BootstrapSettings) -> int:
    """Create the Secrets that are missing and print what was done; return the exit code. Raises as Bootstrap does."""
    with secrets_api.opened(settings.api_url, settings.account) as api:
        run = Bootstrap(api, log_origin=settings.log_origin, witness_name=settings.witness_name)
        try:
            run.run()
        finally:
            print("\n".join(_table(run.rows)))  # noqa: T201 - a Job's log is where people look
    return 0


def make_databases(settings: DatabasesSettings) -> int:
    """Make roles and databases and print which; return the exit code. Raises as `databases.prepare` does."""
    for name in databases.prepare(settings.url, settings.password_file, settings.passwords):
        print(f"{name}: database and roles are there, passwords set")  # noqa: T201 - as above
    return 0


def _table(rows: list[Row]) -> list[str]:
    width = max((len(row.name) for row in rows), default=0)
    return [f"{row.name:{width}}  {'created' if row.created else 'kept   '}  {', '.join(row.keys)}" for row in rows]
