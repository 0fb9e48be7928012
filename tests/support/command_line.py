"""`concord` as a person runs it: in a terminal of 80 columns, with a home of its own."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.cli.application import run
from services.development.issuer import DevelopmentIssuer

COLUMNS = 80
CONTEXT = "test"


@dataclass(frozen=True)
class Said:
    """What one command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The document on stderr: why the command failed."""
        return json.loads(self.err)["error"]


class CommandLine:
    """Runs commands in this process, or in one of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"CONCORD_CONFIG": str(home / "config.yaml"), "COLUMNS": str(COLUMNS)}

    def configure(self, **targets: str | Sequence[str]) -> None:
        """Make the context that the commands use."""
        arguments = ["config", "set", CONTEXT, "--plaintext"]
        for name, target in targets.items():
            for each in [target] if isinstance(target, str) else target:
                arguments += [f"--{name}", each]
        self.done(*arguments)

    def log_in(
        self,
        issuer: DevelopmentIssuer,
        permissions: Sequence[str],
        entities: Sequence[str] = ("*",),
        subject: str = "tester",
    ) -> Path:
        """Use a token of an issuer; return its file."""
        token = issuer.issue(subject, client="tests", permissions=permissions, entities=entities)
        file = issuer.write_token(self.home / "token", token)
        self.done("login", "--token-file", str(file))
        return file

    def __call__(self, *arguments: str, given: str = "") -> Said:
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            _environment(self.environment),
            _stdin(given),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = run(arguments)
        texts = []
        for stream in (out, err):
            stream.flush()
            buffer = stream.buffer
            assert isinstance(buffer, io.BytesIO)
            texts.append(buffer.getvalue().decode())
        return Said(status, *texts)

    def done(self, *arguments: str, given: str = "") -> str:
        """Run a command that has to succeed and to keep to the terminal's width; return what it said."""
        said = self(*arguments, given=given)
        assert said.status == 0, said
        assert too_wide(said.out + said.err) == []
        return said.out

    def asked(self, *arguments: str, given: str = "") -> Any:
        """Run a command with --json that has to succeed; return its document."""
        return json.loads(self.done_unbounded(*arguments, "--json", given=given))

    def done_unbounded(self, *arguments: str, given: str = "") -> str:
        """Run a command that has to succeed, whatever the width of what it says."""
        said = self(*arguments, given=given)
        assert said.status == 0, said
        return said.out

    def process(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command as a process of its own, which an interrupt reaches."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # The tests run in the background of a shell: what they start would inherit their deafness.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [sys.executable, "-m", "clients.cli", *arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def too_wide(text: str) -> list[str]:
    """Return the lines that do not fit the terminal."""
    return [line for line in text.splitlines() if len(line) > COLUMNS]


@contextlib.contextmanager
def _environment(stated: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in stated}
    os.environ.update(stated)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _stdin(given: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.StringIO(given)
    try:
        yield
    finally:
        sys.stdin = before
