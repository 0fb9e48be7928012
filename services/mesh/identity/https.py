"""What is asked for over the web: by https, of a server whose certificate an authority vouches for."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from services.mesh.configuration import ConfigurationError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def require_https(url: str, what: str) -> None:
    """Raise ValueError for a URL that somebody on the way could answer: neither https nor http on loopback."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{what} is reached by https, or by http on loopback, not by {url!r}")


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return the context of a client that trusts the authorities in a file (None = the system's).

    Raises OSError for a file that can't be read, ConfigurationError for one without certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError([f"{ca_file}: holds no certificate of an authority"]) from error
