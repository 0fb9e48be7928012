"""A certificate and its key, from two files that are replaced one after the other."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from services.mesh.configuration import ConfigurationError


def read_identity(certificate_file: Path, key_file: Path) -> tuple[bytes, bytes]:
    """Return the key and the certificate chain, PEM.

    Raises OSError; ConfigurationError unless they belong together.
    """
    chain, key = certificate_file.read_bytes(), key_file.read_bytes()
    try:
        public = x509.load_pem_x509_certificate(chain).public_key()
        own = serialization.load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = f"{certificate_file}, {key_file}: no certificate and key: {type(error).__name__}"
        raise ConfigurationError([message]) from error
    if public != own:
        raise ConfigurationError([f"{certificate_file} is not the certificate of the key in {key_file}"])
    return key, chain
