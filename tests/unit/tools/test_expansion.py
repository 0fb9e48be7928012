from pathlib import Path

import pytest

from tools.upgrade.expansion import UnmarkedContractError, narrowing
from tools.upgrade.previous import ROOT

REVISIONS = sorted(ROOT.glob("services/*/storage/migrations/*.py"))

EXCEPTIONS = {
    ("audit", "0006_pruning", "ALTER TABLE public.leaves ALTER COLUMN leaf DROP NOT NULL"): (
        "no release had been made; leaves are first emptied by the service that brings the step, years after they came"
    ),
    ("audit", "0006_pruning", "DROP TRIGGER refuse_rewrite ON public.leaves"): (
        "created again in the same transaction, without what a trigger of its own permits"
    ),
    ("mdm", "0010_erasure", "DROP TRIGGER refuse_rewrite ON public.revisions"): (
        "created again in the same transaction, without what a trigger of its own permits"
    ),
}
"""Steps that narrow and were there before this rule; each with the reason why it does no harm."""

HARMFUL = {
    "drops": "DROP TABLE public.old",
    "drops a column": "ALTER TABLE public.old DROP COLUMN gone",
    "drops a column, tersely": "ALTER TABLE public.old DROP gone",
    "lets NULL come": "ALTER TABLE public.old ALTER COLUMN value DROP NOT NULL",
    "renames a table": "ALTER TABLE public.old RENAME TO new",
    "renames a column": "ALTER TABLE public.old RENAME COLUMN a TO b",
    "changes a type": "ALTER TABLE public.old ALTER COLUMN value TYPE bigint USING value::bigint",
    "changes a type, wordily": "ALTER TABLE public.old ALTER value SET DATA TYPE bigint",
    "refuses NULL": "ALTER TABLE public.old ALTER COLUMN value SET NOT NULL",
    "needs a value": "ALTER TABLE public.old ADD COLUMN fine text, ADD COLUMN value text NOT NULL",
    "adds a constraint": "ALTER TABLE public.old ADD CONSTRAINT positive CHECK (value > 0)",
    "adds uniqueness": "CREATE UNIQUE INDEX one ON public.old (value)",
    "removes rows": "DELETE FROM public.old",
    "takes a right away": "REVOKE INSERT ON public.old FROM service_role",
}
HARMLESS = """
CREATE TABLE public.new (id bigint PRIMARY KEY, value text NOT NULL);
CREATE UNIQUE INDEX new_by_value ON public.new (value);
ALTER TABLE public.new ADD CONSTRAINT short CHECK (length(value) < 9);
ALTER TABLE public.old ADD COLUMN a text, ADD COLUMN b text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX old_by_value ON public.old (value);
DROP INDEX public.slow;
CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $$ DELETE FROM public.new; DROP TABLE public.new $$;
REVOKE EXECUTE ON FUNCTION public.f() FROM PUBLIC;
"""


def revision(directory: Path, script: str, mark: str = "") -> Path:
    file = directory / "0002_step.py"
    file.write_text(f"""
from services.mesh.postgres.migrations import run_script

{mark}


def upgrade():
    run_script({script!r})
""")
    return file


def found(file: Path) -> set[tuple[str, str, str]]:
    return {(file.parts[-4], file.stem, statement) for _, statement in narrowing(file)}


def test_no_revision_narrows_what_the_previous_release_uses() -> None:
    assert {each for file in REVISIONS for each in found(file)} == EXCEPTIONS.keys()


def test_every_service_with_a_database_has_revisions_that_are_looked_at() -> None:
    assert {file.parts[-4] for file in REVISIONS} == {"adapter", "audit", "mdm"}


@pytest.mark.parametrize("script", HARMFUL.values(), ids=HARMFUL.keys())
def test_a_step_that_narrows_is_found(tmp_path: Path, script: str) -> None:
    file = revision(tmp_path, f"CREATE TABLE public.new (id bigint);\n{script};")
    assert [statement for _, statement in narrowing(file)] == [script]


def test_steps_that_expand_are_not_found(tmp_path: Path) -> None:
    assert list(narrowing(revision(tmp_path, HARMLESS))) == []


def test_a_step_that_narrows_may_do_so_when_it_says_since_which_release(tmp_path: Path) -> None:
    assert list(narrowing(revision(tmp_path, "DROP TABLE public.old", 'contracts_since = "v1.4.0"'))) == []


def test_a_mark_that_names_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnmarkedContractError, match="soon"):
        list(narrowing(revision(tmp_path, "DROP TABLE public.old", 'contracts_since = "soon"')))
