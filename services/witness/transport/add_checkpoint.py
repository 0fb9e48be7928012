"""`POST /add-checkpoint`: judge, remember, cosign, in this order and one after the other."""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus

from clients.verifier.errors import UnreadableError
from clients.verifier.note import LARGEST_NOTE_BYTES, VerifierKey
from services.mesh.server.http_server import Handler
from services.witness.domain.signing_key import SigningKey
from services.witness.domain.submission import ContradictionError, OtherSizeError, RefusalError, Status, Submission
from services.witness.storage.state_directory import StateDirectory

PATH = "/add-checkpoint"
LARGEST_BODY_BYTES = LARGEST_NOTE_BYTES + 4096
"""A checkpoint, and 63 hashes."""

_LENGTH = re.compile(r"[0-9]{1,7}")
_TEXT = "text/plain; charset=utf-8"
_SIZE = "text/x.tlog.size"

_log = logging.getLogger(__name__)


class Cosigner:
    """The witness behind the interface. `clock` tells seconds since the epoch."""

    def __init__(
        self, key: SigningKey, log_keys: Sequence[VerifierKey], state: StateDirectory, clock: Callable[[], float]
    ) -> None:
        self._key = key
        self._log_keys = log_keys
        self._state = state
        self._clock = clock
        # Between the look at what was cosigned last and the word that this is, nobody else may be cosigned for.
        self._one_at_a_time = threading.Lock()

    def add_checkpoint(self, body: bytes) -> str:
        """Return the cosignature's line for what is submitted, after it is on disk. Raises RefusalError."""
        submission = Submission.parse(body)
        submission.require_trusted(self._log_keys)
        checkpoint = submission.checkpoint
        with self._one_at_a_time:
            try:
                submission.require_continuing(self._state.cosigned(checkpoint.origin))
            except ContradictionError as error:
                # Signed by the log, it is proof against it: the note itself is what an investigation needs.
                _log.error("alarm: %s contradicts itself: %s; it signed %r", checkpoint.origin, error, body)
                raise
            self._state.keep(checkpoint.origin, body.partition(b"\n\n")[2])
            return self._key.cosign(checkpoint.note.text, int(self._clock()))


def handler_of(cosigner: Cosigner) -> type[Handler]:
    """Return the interface to a witness, for a server."""
    return type("CosigningHandler", (_Handler,), {"cosigner": cosigner})


class _Handler(Handler):
    cosigner: Cosigner

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        """Answer a submission."""
        try:
            self.answer(*self._outcome(self._body()))
        except RefusalError as refused:
            self.answer(refused.status, f"{refused}\n")

    def _body(self) -> bytes:
        size = self.headers.get("Content-Length", "")
        if not _LENGTH.fullmatch(size) or int(size) > LARGEST_BODY_BYTES:
            # What follows can't be told from the next request.
            self.close_connection = True
            raise RefusalError(Status.MALFORMED, f"name a length of at most {LARGEST_BODY_BYTES} bytes")
        body = self.rfile.read(int(size))
        if self.path != PATH:
            raise RefusalError(Status.UNKNOWN_LOG, f"there is {PATH} here, nothing else")
        return body

    def _outcome(self, body: bytes) -> tuple[int, str, str]:
        try:
            return HTTPStatus.OK, self.cosigner.add_checkpoint(body), _TEXT
        except OtherSizeError as refused:
            return refused.status, f"{refused.size}\n", _SIZE
        except (OSError, UnreadableError):
            _log.exception("the witness can't use its state: nothing was cosigned")
            return HTTPStatus.INTERNAL_SERVER_ERROR, "the witness can't use its state\n", _TEXT
