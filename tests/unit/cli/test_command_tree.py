"""The whole tree of commands: documented, in JSON on demand, readable in 80 columns."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from clients.cli.application import concord as root
from clients.cli.command import Command
from tests.support.command_line import CommandLine, too_wide


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))


COMMANDS = dict(_commands(root))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
WITHOUT_OUTPUT = {("completion",)}


@pytest.fixture
def concord(tmp_path: Path) -> CommandLine:
    """A command line with a context, of a mesh that does not run."""
    command_line = CommandLine(tmp_path)
    command_line.configure(hub="127.0.0.1:1")
    return command_line


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_documents_itself_and_all_that_it_takes(path: tuple[str, ...], concord: CommandLine) -> None:
    command: Any = COMMANDS[path]
    shown = concord.done(*path, "--help")
    assert shown.startswith(f"Usage: {' '.join(('concord', *path))}")
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.opts[0] in shown
    # What a list of commands says of each is whole.
    assert path == () or not command.get_short_help_str(60).endswith("..."), command.get_short_help_str(60)


def test_a_command_loads_nothing_that_only_others_need() -> None:
    loaded = "import sys, clients.cli.application as a; a.run(['types']); print(*sys.modules, file=sys.stderr)"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert {"numpy", "httpx", "opentelemetry.sdk.trace"}.isdisjoint(said.stderr.split())


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_command_answers_in_json_and_chooses_its_mesh(path: tuple[str, ...]) -> None:
    assert isinstance(LEAVES[path], Command) or path in WITHOUT_OUTPUT
    options = {option for parameter in LEAVES[path].params for option in parameter.opts}
    assert path in WITHOUT_OUTPUT or {"--json", "--context"} <= options


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if path not in LEAVES], ids=" ".join)
def test_a_group_alone_shows_its_help(path: tuple[str, ...], concord: CommandLine) -> None:
    said = concord(*path)
    assert "Commands:" in said.out + said.err
    assert too_wide(said.out + said.err) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_types_and_contexts(concord: CommandLine, shell: str) -> None:
    script = concord.done_unbounded("completion", shell)
    assert "_CONCORD_COMPLETE" in script
    assert "concord" in script


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("concord li", "list"),
        ("concord list sup", "suppliers"),
        ("concord explain --context te", "test"),
        ("concord quarantine re", "replay"),
        ("concord watch --from-b", "--from-beginning"),
    ],
)
def test_the_completion_offers_what_there_is(concord: CommandLine, words: str, offered: str) -> None:
    count = str(len(words.split()) - 1)
    concord.environment |= {"_CONCORD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    out, err = concord.process().communicate(timeout=60)
    assert (offered in out, err) == (True, "")


@pytest.mark.parametrize("bits", ["nan", "inf", "1e30", "-1"])
def test_a_cut_that_no_model_can_have_is_a_mistake(concord: CommandLine, bits: str) -> None:
    said = concord("whatif", "model", "matchModels/supplier-1", f"--link={bits}")
    assert (said.status, "Invalid value for '--link'" in said.err) == (2, True)


def test_a_file_of_a_record_is_told_by_what_is_wrong_with_it(concord: CommandLine) -> None:
    missing = concord("create", "suppliers", "-f", "nothing.yaml")
    assert (missing.status, "YAML" in missing.err, "No such file" in missing.err) == (2, False, True)
    mistyped = concord("create", "suppliers", "-f", "-", given="legal_nam: Acme")
    assert (mistyped.status, '"legal_nam"' in mistyped.err, "legalName" in mistyped.err) == (2, True, False)


def test_contexts_are_made_listed_chosen_shown_and_removed(concord: CommandLine) -> None:
    concord.done("config", "set", "other", "--hub", "mdm.example.org:443", "--adapter", "erp=erp.example.org:443")
    assert "* test" in concord.done("config", "list")
    assert concord.asked("config", "use", "other")["hub"] == "mdm.example.org:443"
    assert concord.asked("config", "list") == {"current": "other", "contexts": ["other", "test"]}
    assert concord.asked("config", "show", "test")["plaintext"] is True
    assert concord.asked("config", "show", "--context", "test")["context"] == "test"
    concord.done("config", "remove", "other")
    gone = concord("config", "use", "other")
    assert (gone.status, "there is test" in gone.err) == (2, True)
    assert concord("config", "set", "../evil", "--hub", "x").status == 2
    assert concord("config", "set", "test", "--adapter", "nothing").status == 2


def test_a_broken_file_of_contexts_is_told_and_left_alone(concord: CommandLine) -> None:
    file = concord.home / "config.yaml"
    for text in ("contexts: {test: {hbu: x}}", "contexts: [", "- a"):
        file.write_text(text)
        said = concord("systems", "list")
        assert said.status == 2
        assert "fix: " in said.err
        assert file.read_text() == text


def test_without_any_context_the_first_step_is_told(concord: CommandLine) -> None:
    (concord.home / "config.yaml").unlink()
    said = concord("systems", "list")
    assert (said.status, "concord config set NAME --hub HOST:PORT" in " ".join(said.err.split())) == (2, True)


def test_plaintext_to_another_machine_is_refused(concord: CommandLine) -> None:
    concord.configure(hub="192.0.2.1:443")
    said = concord("systems", "list")
    assert (said.status, "plaintext to 192.0.2.1:443 is refused" in " ".join(said.err.split())) == (2, True)
