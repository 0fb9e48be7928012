"""A witness as the log meets it: C2SP tlog-witness over HTTP."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import httpx

from services.audit.domain.cosignature import Cosignature, WitnessKey
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.identity.https import require_https, trusting

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n")
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True)
class WitnessSettings:
    """Where the witness is, below which `add-checkpoint` answers, and the file with its public key.

    `ca_file` holds the authority of its https (None = the system's) and is read again when it changes. A new checkpoint
    is sent at most every `pause`. ValueError for a URL that is neither https nor http on loopback.
    """

    url: str
    key_file: Path
    pause: timedelta = timedelta(seconds=1)
    timeout: timedelta = timedelta(seconds=5)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what others on the way could read or answer."""
        require_https(self.url, "a witness")


class WitnessUnreachableError(Exception):
    """The witness did not answer, or not as the protocol says."""


class OtherSizeError(Exception):
    """The witness has cosigned another checkpoint last, of `size` leaves."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness has cosigned {size} leaves")
        self.size = size


class ContradictedError(Exception):
    """The witness holds the checkpoint to contradict what it cosigned."""


class WitnessClient:
    """A connection to one witness, for one thread.

    Raises OSError or ConfigurationError for a file without an authority.
    """

    def __init__(self, settings: WitnessSettings, key: WitnessKey) -> None:
        self.key = key
        self._timeout_s = settings.timeout.total_seconds()
        authority = [] if settings.ca_file is None else [settings.ca_file]
        self._trust = FollowedFiles("the witness's authority", authority, lambda: trusting(settings.ca_file))
        self._trusted = self._trust.present()
        self._client = self._connected()
        self._address = f"{settings.url.rstrip('/')}/add-checkpoint"

    def cosignature(self, old_size: int, proof: Sequence[bytes], note: str) -> Cosignature:
        """Send a checkpoint and the proof that it continues the one of `old_size`; return the witness's word.

        Raises WitnessUnreachableError, OtherSizeError, ContradictedError, FalseCosignatureError.
        """
        lines = [f"old {old_size}", *(base64.b64encode(each).decode() for each in proof), "", note]
        status, text = self._answer("\n".join(lines).encode())
        if status == HTTPStatus.CONFLICT and (size := _SIZE.fullmatch(text)):
            raise OtherSizeError(int(size[1]))
        if status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise ContradictedError(text.strip())
        if status != HTTPStatus.OK:
            raise WitnessUnreachableError(f"{self.key.name} answers {status}: {text.strip()[:200]}")
        return self.key.cosignature(note, text)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _connected(self) -> httpx.Client:
        return httpx.Client(timeout=self._timeout_s, verify=self._trusted)

    def _answer(self, body: bytes) -> tuple[int, str]:
        if (trusted := self._trust.present()) is not self._trusted:
            self._client.close()
            self._trusted = trusted
            self._client = self._connected()
        try:
            answer = self._client.post(self._address, content=body)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise WitnessUnreachableError(f"{self.key.name} does not answer: {type(error).__name__}") from error
        if len(answer.content) > _LONGEST_ANSWER:
            raise WitnessUnreachableError(f"{self.key.name} answers more than a witness does")
        return answer.status_code, answer.text
