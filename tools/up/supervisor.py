"""The process that holds a running landscape: `python -m tools.up.supervisor`, started by `python -m tools.up`.

It ends everything on SIGTERM or SIGINT; should it be killed, everything that it started ends, too.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from clients.cli.connection import config
from clients.cli.connection.config import Config, Context
from tools.demo import catalogue
from tools.landscape.callers import ROLES, STEWARD
from tools.landscape.exclusion import alone
from tools.landscape.landscape import Landscape, running_landscape
from tools.landscape.settling import await_first_pulls, await_rest
from tools.mesh import TOKEN_LIFETIME
from tools.up import running
from tools.up.running import RunningMesh

_RENEWALS_A_LIFETIME = 4


def main() -> int:
    """Start everything, say so, and hold it until a signal comes."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with alone(running.DIRECTORY):
        running.register(os.getpid())
        try:
            _hold(stop)
        finally:
            running.forget()
    return 0


def _hold(stop: threading.Event) -> None:
    with running_landscape(running.DIRECTORY / "landscape", catalogue.load(), _say) as landscape:
        if stop.is_set():
            return
        await_first_pulls(landscape)
        await_rest(landscape)
        _say("both systems are synchronised")
        running.announce(_described(landscape))
        while not stop.wait(TOKEN_LIFETIME.total_seconds() / _RENEWALS_A_LIFETIME):
            landscape.mesh.renew_tokens()
            _renew_roles(landscape)


def _renew_roles(landscape: Landscape) -> dict[str, str]:
    """Write every role's token; return their files by the roles' names."""
    return {role.name: str(landscape.callers.token_file(role)) for role in ROLES}


def _write_contexts(landscape: Landscape) -> Path:
    """Write a context for each role, so that `concord` reaches this mesh as any of them; return the file."""
    targets = {name: each.target for name, each in landscape.mesh.services.items()}
    adapters = {name.removesuffix("_adapter"): target for name, target in targets.items() if name.endswith("_adapter")}
    contexts = {
        name: Context(hub=targets["mdm"], audit=targets["audit"], adapters=adapters, plaintext=True, token_file=token)
        for name, token in _renew_roles(landscape).items()
    }
    config.write(Config(STEWARD.name, contexts), running.CONTEXTS)
    return running.CONTEXTS


def _described(landscape: Landscape) -> RunningMesh:
    return RunningMesh(
        services={name: each.target for name, each in landscape.mesh.services.items()},
        systems={"Tryton": landscape.tryton.url, "SCIM": landscape.scim.url},
        contexts=str(_write_contexts(landscape)),
        logs=_shown(landscape.mesh.log("mdm").parent),
    )


def _shown(path: Path) -> str:
    return os.path.relpath(path, Path.cwd())


def _say(what: str) -> None:
    print(f"✓ {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
