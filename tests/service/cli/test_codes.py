"""Reference data on the command line, against a running hub."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub.codes import say_item, unit_of, work_off
from tests.support.hub.served import EVERYTHING, ServedHub

UNITS = "display_name,code\neach,EA\ncase,CS\n"
MAP = "source_code,canonical_code\nST,EA\nKT,CS\n"


def promoted(concord: CommandLine, mesh: ServedHub, *words: str) -> None:
    """Propose a map, and promote it as a second person."""
    name = concord.done(*words).strip()
    concord.log_in(mesh.issuer, EVERYTHING, subject="controller")
    assert "promoted" in concord.done("codes", "promote", name)
    concord.log_in(mesh.issuer, EVERYTHING)


@pytest.fixture
def files(concord: CommandLine, tmp_path: Path) -> Path:
    """A folder with a list, which is imported, and a map, which is not."""
    (tmp_path / "units.csv").write_text(UNITS)
    (tmp_path / "erp.csv").write_text("\ufeff" + MAP)
    assert "units has 2 codes" in concord.done("codes", "import", str(tmp_path / "units.csv"), "--list", "units")
    return tmp_path


def test_a_map_is_tried_imported_and_followed(concord: CommandLine, mesh: ServedHub, files: Path) -> None:
    names = [say_item(mesh.hub, "systems/erp", str(number), unit) for number, unit in enumerate(["KT", "KT", "PAL"])]
    given = ("codes", "import", str(files / "erp.csv"), "--list", "units", "--system", "erp")
    tried = concord.done(*given, "--validate-only")
    assert "nothing was written" in concord(*given, "--validate-only").err
    assert "3 golden records would change" in tried
    assert "1 would have an unmapped code" in tried
    assert tried.splitlines()[1].split()[:3] == ["KT", "CS", "2"]
    assert concord.done("whatif", "codes", "erp", "units", "--file", str(files / "erp.csv")) == tried
    assert concord.asked("whatif", "codes", "erp", "units", "PAL=EA")["effect"]["records_changed"] == "3"
    assert concord("whatif", "codes", "erp", "units").status == 2
    assert concord.asked("codes", "maps") == []
    name = concord.done(*given, "--reason", "T-17").strip()
    assert name in concord.done("codes", "proposals", "--state", "proposed")
    assert concord.done("codes", "compare", name) == tried
    by_author = concord("codes", "promote", name)
    assert (by_author.status, "(SECOND_PERSON_REQUIRED)" in by_author.err) == (1, True)
    concord.log_in(mesh.issuer, EVERYTHING, subject="controller")
    assert "promoted" in concord.done("codes", "promote", name)
    assert "waiting" in concord.done("codes", "progress", "--unfinished")
    assert "this may change" in concord("codes", "unmapped").err
    work_off(mesh.hub)
    (run,) = concord.asked("codes", "progress")
    assert (run["state"], run["records_changed"]) == ("STATE_FINISHED", "3")
    assert "finished" in concord.done("codes", "progress")
    assert unit_of(mesh.hub, names[0]) == "CS"
    shown = concord.done("codes", "show", "erp:units").split()
    assert shown == ["CODE", "CANONICAL", "GOES_OUT", "KT", "CS", "ST", "EA"]
    assert "PAL" in concord.done("codes", "unmapped", "--system", "erp", "--list", "units")
    assert concord.asked("codes", "unmapped", "--system", "legacy") == []
    assert "this may change" not in concord("codes", "unmapped").err
    explained = concord.done("explain", names[0], "--path", "packs")
    assert "KT is CS in codeMaps/erp:units@1" in explained
    assert "PAL is not mapped in codeMaps/erp:units@1" in concord.done("explain", names[2], "--path", "packs")


@pytest.mark.usefixtures("files")
def test_single_codes_are_set_and_removed(concord: CommandLine, mesh: ServedHub) -> None:
    name = say_item(mesh.hub, "systems/erp", "1", "KT")
    promoted(concord, mesh, "codes", "set", "erp", "units", "KT=EA", "a=b=CS")
    promoted(concord, mesh, "codes", "set", "erp", "units", "KT=CS", "--prefer", "KT")
    tried = concord.asked("codes", "set", "erp", "units", "--remove", "KT", "--validate-only")
    assert tried["effect"]["records_changed"] == "1"
    shown = concord.asked("codes", "show", "codeMaps/erp:units")
    assert [(each["source_code"], each.get("preferred", False)) for each in shown["entries"]] == [
        ("KT", True),
        ("a=b", False),
    ]
    promoted(concord, mesh, "codes", "set", "erp", "units", "--remove", "a=b")
    work_off(mesh.hub)
    assert unit_of(mesh.hub, name) == "CS"
    assert "codeMaps/erp:units" in concord.done("codes", "maps", "--system", "erp", "--list", "units")
    assert len(concord.asked("history", "codeMaps/erp:units")) == 3
    for words in (("KT",), (), ("--remove", "XX"), ("=CS",)):
        assert concord("codes", "set", "erp", "units", *words).status == 2
    refused = concord("codes", "set", "erp", "units", "KT=NO")
    assert (refused.status, "is no code of codeLists/units" in refused.err) == (1, True)


@pytest.mark.usefixtures("files")
def test_another_code_is_preferred_and_maps_and_lists_retire(concord: CommandLine, mesh: ServedHub) -> None:
    promoted(concord, mesh, "codes", "set", "erp", "units", "KT=CS", "PK=CS", "--prefer", "KT")
    promoted(concord, mesh, "codes", "set", "erp", "units", "--prefer", "PK")
    assert [line.split() for line in concord.done("codes", "show", "erp:units").splitlines()[1:]] == [
        ["KT", "CS"],
        ["PK", "CS", "preferred"],
    ]
    still = concord("codes", "retire", "units")
    assert (still.status, "(RECORD_STILL_REFERENCED)" in still.err) == (1, True)
    assert "0 golden records would change" in concord.done("codes", "retire", "erp:units", "--validate-only")
    given_up = concord.done("codes", "retire", "erp:units").strip()
    assert "withdrawn" in concord.done("codes", "withdraw", given_up)
    promoted(concord, mesh, "codes", "retire", "erp:units")
    assert concord.asked("codes", "maps") == []
    assert concord.asked("codes", "retire", "units")["retired"]
    assert concord.asked("codes", "lists") == []


def test_a_list_is_extended_or_replaced(concord: CommandLine, files: Path) -> None:
    (files / "units.csv").write_text("code,display_name\nBX,box\n")
    concord.done("codes", "import", str(files / "units.csv"), "--list", "units")
    assert [each["code"] for each in concord.asked("codes", "show", "units")["values"]] == ["BX", "CS", "EA"]
    tried = concord.asked(
        "codes", "import", str(files / "units.csv"), "--list", "units", "--replace", "--validate-only"
    )
    assert [each["code"] for each in tried["values"]] == ["BX"]
    assert "BX    box" in concord.done("codes", "show", "units")
    assert "codeLists/units" in concord.done("codes", "lists")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has no column source_code"),
        ("source_code,canonical_code\nKT\n", "line 2 of"),
        ("source_code,canonical_code\n,CS\n", "line 2 of"),
        ("source_code,canonical_code\nKT,CS\nKT,EA\n", "line 3 of"),
        ('source_code,canonical_code\n"KT,CS\n', "can't be read"),
        ("", "has no column source_code"),
    ],
)
def test_a_file_that_holds_no_map_is_refused_with_its_line(
    concord: CommandLine, files: Path, text: str, told: str
) -> None:
    (files / "erp.csv").write_text(text)
    said = concord("codes", "import", str(files / "erp.csv"), "--list", "units", "--system", "erp")
    assert (said.status, told in said.err.replace("\n", " ")) == (2, True), said.err
