"""The files that the command line keeps for itself, when they are not what they ought to be."""

from pathlib import Path

import pytest

from tests.support.command_line import CONTEXT, CommandLine


@pytest.fixture
def concord(tmp_path: Path) -> CommandLine:
    """A command line with a context, of a mesh that does not run, that nobody logged in to."""
    command_line = CommandLine(tmp_path)
    command_line.configure(hub="127.0.0.1:1")
    return command_line


def test_who_is_not_logged_in_is_told_so_with_the_status_of_that(concord: CommandLine) -> None:
    said = concord("whoami")
    assert (said.status, said.err.splitlines()[-1]) == (4, "fix: concord login")
    assert concord("whoami", "--json").error["reason"] == "CREDENTIALS_MISSING"


@pytest.mark.parametrize("content", ["{half", '{"another": "programs"}', "[]"])
def test_a_kept_log_in_that_is_none_is_as_if_nobody_had_logged_in(concord: CommandLine, content: str) -> None:
    kept = concord.home / "tokens" / f"{CONTEXT}.json"
    kept.parent.mkdir()
    kept.write_text(content)
    for command in (("whoami",), ("list", "suppliers")):
        said = concord(*command)
        assert (said.status, said.err.splitlines()[-1]) == (4, "fix: concord login"), said


def test_contexts_that_cannot_be_read_are_told_with_their_file(concord: CommandLine) -> None:
    contexts = concord.home / "config.yaml"
    contexts.unlink()
    contexts.mkdir()
    said = concord("config", "list", "--json")
    assert said.status == 2
    assert str(contexts) in said.error["message"]


def test_a_file_that_cannot_be_written_is_told_by_its_name(concord: CommandLine, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    concord.environment["CONCORD_CONFIG"] = str(in_the_way / "config.yaml")
    said = concord("config", "set", "another", "--hub", "localhost:1")
    assert said.status == 2
    assert str(in_the_way) in said.err
