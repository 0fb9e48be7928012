"""What the development commands are configured with; their files lie where deploy/k8s mounts the Secrets."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.development.token_signer import AUDIENCE
from services.mesh.identity.https import require_https
from services.mesh.server import ServerTls

ISSUER_PREFIX = "CONCORD_DEVELOPMENT_ISSUER"
BOOTSTRAP_PREFIX = "CONCORD_DEVELOPMENT_BOOTSTRAP"
DATABASES_PREFIX = "CONCORD_DEVELOPMENT_DATABASES"


@dataclass(frozen=True)
class IssuerServerSettings:
    """Where the issuer listens; `port` 0 takes a free one, `health_port` answers `/healthz` in plain HTTP."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ServerTls | None = None
    health_port: int | None = None


@dataclass(frozen=True)
class IssuerSettings:
    """The development issuer's settings.

    `url` is what tokens name as their issuer, and where it is reached. `key_file` is a private JWKS, `clients_file` the
    clients with their secrets; both are followed. It starts only with `for_development_only`: whoever reads these files
    can be anybody.
    """

    url: str
    key_file: Path
    clients_file: Path
    for_development_only: bool = False
    audience: str = AUDIENCE
    lifetime: timedelta = timedelta(minutes=15)
    server: IssuerServerSettings = field(default_factory=IssuerServerSettings)
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        """Refuse to stand in for a real issuer."""
        if not self.for_development_only:
            raise ValueError("this issuer is for development only: say so by for_development_only")
        require_https(self.url, "an issuer")


@dataclass(frozen=True)
class BootstrapSettings:
    """Where the Kubernetes API is, as whom it is asked, and the names that the log and its witness sign under."""

    api_url: str = "https://kubernetes.default.svc"
    account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    log_origin: str = "audit.concord.local/log"
    witness_name: str = "witness.concord.local"


@dataclass(frozen=True)
class DatabasesSettings:
    """Where PostgreSQL is (what the URL leaves out is in libpq's own variables) and where the passwords are.

    `passwords` holds a directory for each Secret, such as `mdm-database-owner`, with the file `password` in it.
    """

    url: str = "postgresql://postgres@/postgres"
    password_file: Path | None = Path("/etc/concord/superuser/password")
    passwords: Path = Path("/etc/concord/databases")
