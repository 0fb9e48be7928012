"""Values made of files, made again when a file changes: keys, certificates and secrets rotate without a restart."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from services.mesh.configuration import ConfigurationError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class FollowedFiles(Generic[T]):
    """What `read` makes of files, up to date; safe in threads.

    Files that are gone, half replaced or unusable (OSError, ValueError, ConfigurationError) leave in use what was made
    of them before; that is logged once. From the beginning such files raise. `what` names the value in the log; the
    files are looked at when the value is asked for, at most every `look_every_s`.
    """

    def __init__(self, what: str, paths: Sequence[Path], read: Callable[[], T], *, look_every_s: float = 0.0) -> None:
        self._what = what
        self._paths = tuple(paths)
        self._read = read
        self._look_every_s = look_every_s
        self._lock = threading.Lock()
        self._failed: object = None
        # The state of the files from before they are read: what changes meanwhile is seen at the next look.
        self._seen = self._stamps()
        self._value = read()
        self._looked_at = time.monotonic()

    def present(self) -> T:
        """Return the value, made anew when a file has changed."""
        if self._look_every_s and time.monotonic() - self._looked_at < self._look_every_s:
            return self._value
        return self.look()

    def look(self) -> T:
        """Do the same, however short ago the files were looked at."""
        with self._lock:
            self._looked_at = time.monotonic()
            stamps: object = None
            try:
                stamps = self._stamps()
                if stamps != self._seen:
                    self._value, self._seen = self._read(), stamps
                    _log.info("%s changed, the new content is in use", self._what)
            except (OSError, ValueError, ConfigurationError) as error:
                if self._failed != (stamps, type(error)):
                    told = "; ".join(error.mistakes) if isinstance(error, ConfigurationError) else error
                    _log.warning("%s can't be read, what was read before stays in use: %s", self._what, told)
                self._failed = (stamps, type(error))
            return self._value

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in self._paths]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
