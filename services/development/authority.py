"""A certificate authority of the mesh's own: one root, and certificates that prove a server as well as a client."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAME = "Concord development authority"
_ROOT_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=365)
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


class Authority:
    """Signs identities. ValueError or TypeError for a root that `new` did not make."""

    def __init__(self, root: Identity) -> None:
        self.root = root
        self._certificate = x509.load_pem_x509_certificate(root.certificate)
        key = serialization.load_pem_private_key(root.key, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not one that this made")
        self._key = key

    @classmethod
    def new(cls) -> Self:
        """Return an authority with a root of its own."""
        key, name = ec.generate_private_key(ec.SECP256R1()), _named(_NAME)
        uses = _uses(certificates=True)
        builder = _builder(name, name, key, _ROOT_LIFE).add_extension(x509.BasicConstraints(True, 0), critical=True)
        return cls(_signed(builder.add_extension(uses, critical=True), key, key))

    def issue(self, names: Sequence[str]) -> Identity:
        """Return a new identity for these DNS names, the first of which is its own, and for loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        known = [*(x509.DNSName(name) for name in (*names, "localhost")), x509.IPAddress(IPv4Address("127.0.0.1"))]
        root = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = (
            _builder(_named(names[0]), self._certificate.subject, key, _LIFE)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_uses(certificates=False), critical=True)
            .add_extension(x509.SubjectAlternativeName(known), critical=False)
            .add_extension(both, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root), critical=False)
        )
        return _signed(builder, key, self._key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Identity:
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return Identity(builder.sign(signer, hashes.SHA256()).public_bytes(pem), private)


def _uses(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
