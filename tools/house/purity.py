"""Rules on what Python code does: a domain has no clock, no chance and no I/O; a test never sleeps."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.finding import Finding

# The one place that waits for a condition.
_WAITS = "tests/support/waiting.py"

_IMPURE_IMPORTS = (
    "alembic", "asyncio", "grpc", "http", "httpx", "io", "logging", "multiprocessing", "opentelemetry", "os", "pathlib",
    "psycopg", "psycopg_pool", "random", "secrets", "shutil", "signal", "socket", "sqlalchemy", "subprocess",
    "tempfile", "threading", "time", "urllib.request", "uuid_utils",
    "services.development.issuer", "services.mesh.calling", "services.mesh.configuration", "services.mesh.feed",
    "services.mesh.identity", "services.mesh.postgres", "services.mesh.process", "services.mesh.records",
    "services.mesh.server", "services.mesh.telemetry",
)  # fmt: skip
_IMPURE_CALLS = (
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "input",
    "open", "print", "uuid.getnode", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7",
)  # fmt: skip
_SLEEPS = ("time.sleep", "asyncio.sleep")


def impure_domains(name: str, text: str) -> Iterator[Finding]:
    """Find what a module of some `services/*/domain/` must not import or call."""
    parts = PurePosixPath(name).parts
    if parts[:1] != ("services",) or "domain" not in parts[2:] or not name.endswith(".py"):
        return
    tree = ast.parse(text, name)
    for line, imported in _imports(tree):
        if _is_below(imported, _IMPURE_IMPORTS):
            yield Finding(name, line, "pure-domain", f"a domain must not import {imported}")
    for line, called in _calls(tree):
        if called in _IMPURE_CALLS:
            yield Finding(name, line, "pure-domain", f"a domain must not call {called}")


def sleeping_tests(name: str, text: str) -> Iterator[Finding]:
    """Find tests that sleep; they wait for conditions with `tests.support.waiting.eventually`."""
    if not name.startswith("tests/") or not name.endswith(".py") or name == _WAITS:
        return
    for line, called in _calls(ast.parse(text, name)):
        if called in _SLEEPS:
            yield Finding(name, line, "sleep", f"a test must wait for a condition, not call {called}")


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    origins = _origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, _dotted(node.func, origins)


def _origins(tree: ast.AST) -> dict[str, str]:
    origins = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            origins.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            origins.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return origins


def _dotted(expression: ast.expr, origins: dict[str, str]) -> str:
    """Return what an expression names, by its full origin; empty when it is no plain name."""
    if isinstance(expression, ast.Name):
        return origins.get(expression.id, expression.id)
    if isinstance(expression, ast.Attribute):
        owner = _dotted(expression.value, origins)
        return f"{owner}.{expression.attr}" if owner else ""
    return ""


def _is_below(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)
