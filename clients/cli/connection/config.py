"""The contexts of the command line: which mesh, reached how, with whose token; one file, without any secret in it.

The file is `$CONCORD_CONFIG`, else `concord/config.yaml` in `$XDG_CONFIG_HOME` or `~/.config`.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from clients.cli.connection.private_file import write_private
from clients.cli.mistake import Mistake, nearest

FILE_VARIABLE = "CONCORD_CONFIG"
CONTEXT_VARIABLE = "CONCORD_CONTEXT"
_FIRST_STEP = "say where the mesh is: concord config set NAME --hub HOST:PORT"


@dataclass(frozen=True)
class Context:
    """How one mesh is reached. Targets are `host:port` or any gRPC target; empty = not known."""

    hub: str = ""
    audit: str = ""
    adapters: Mapping[str, str] = field(default_factory=dict)
    plaintext: bool = False
    """Whether calls go without TLS; only to this machine itself."""
    ca_file: str = ""
    """The authority of the servers' certificates; empty = the system's."""
    certificate_file: str = ""
    key_file: str = ""
    token_file: str = ""
    """A file that somebody else keeps a valid access token in; empty = the token of `concord login`."""
    issuer: str = ""
    """The issuer of access tokens, for `concord login`."""
    client_id: str = ""
    scope: str = ""


@dataclass(frozen=True)
class Config:
    """Every context by name, and the name of the one in use."""

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def context(self, name: str = "") -> tuple[str, Context]:
        """Return the named context, else the one of the environment, else the current one. Raises Mistake."""
        chosen = name or os.environ.get(CONTEXT_VARIABLE, "") or self.current
        if not chosen:
            raise Mistake("no context is chosen", _FIRST_STEP if not self.contexts else "concord config use NAME")
        if chosen not in self.contexts:
            hint = nearest(chosen, self.contexts) if self.contexts else _FIRST_STEP
            raise Mistake(f"there is no context {chosen!r} in {file()}", hint)
        return chosen, self.contexts[chosen]

    def with_context(self, name: str, context: Context) -> "Config":
        """Return the same with this context; the first one becomes the current one."""
        return replace(self, contexts={**self.contexts, name: context}, current=self.current or name)

    def without(self, name: str) -> "Config":
        """Return the same without this context."""
        left = {key: context for key, context in self.contexts.items() if key != name}
        return replace(self, contexts=left, current="" if self.current == name else self.current)


def file() -> Path:
    """Return where the contexts are kept."""
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "concord" / "config.yaml"


def read() -> Config:
    """Read the file; without one there are no contexts. Raises Mistake for a file that is none of ours."""
    path = file()
    if not path.exists():
        return Config()
    try:
        document = yaml.safe_load(path.read_text()) or {}
        contexts = {name: _context(name, stated) for name, stated in (document.get("contexts") or {}).items()}
        return Config(str(document.get("current") or ""), contexts)
    except OSError as error:
        raise Mistake(f"{path} can't be read: {error.strerror}", f"make it readable, or set {FILE_VARIABLE}") from error
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError, TypeError) as error:
        raise Mistake(f"{path} is no file of contexts: {error}", "correct it, or move it away") from error


def write(config: Config, path: Path | None = None) -> None:
    """Replace the file; what is empty is left out."""
    contexts = {name: _stated(context) for name, context in config.contexts.items()}
    document = {"current": config.current, "contexts": contexts}
    write_private(path or file(), yaml.safe_dump(document, sort_keys=False))


def _context(name: str, stated: Mapping[str, Any]) -> Context:
    known = {each.name for each in fields(Context)}
    for key in stated or {}:
        if key not in known:
            raise Mistake(f"{file()}: context {name!r} has no setting {key!r}", nearest(key, known))
    return Context(**(stated or {}))


def _stated(context: Context) -> dict[str, Any]:
    return {key: value for key, value in asdict(context).items() if value}
