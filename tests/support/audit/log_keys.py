"""A log's keys for tests: the same in every run."""

from services.audit.domain.checkpoint import LogSigner
from services.audit.domain.signed_note import SigningKey

ORIGIN = "audit.example.org/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))
NEWER_KEY = SigningKey(ORIGIN, bytes(range(32, 64)))
SIGNER = LogSigner.of(ORIGIN, [KEY])
