"""Revisions are numbers in one line: what a release that has not seen a file yet knows it by."""

import runpy
from pathlib import Path

import pytest

from services.adapter.storage.schema import MIGRATIONS as ADAPTER
from services.audit.storage import MIGRATIONS as AUDIT
from services.mdm.storage.schema import MIGRATIONS as MDM
from services.mesh.postgres.schema_revision import SchemaRevision


@pytest.mark.parametrize("migrations", [ADAPTER, AUDIT, MDM], ids=["adapter", "audit", "mdm"])
def test_every_file_bears_the_number_of_its_revision_and_follows_the_one_before(migrations: Path) -> None:
    files = sorted(file for file in migrations.glob("*.py") if file.name != "__init__.py")
    for number, file in enumerate(files, 1):
        made = runpy.run_path(str(file))
        assert file.name.startswith(f"{number:04}_")
        assert (made["revision"], made["down_revision"]) == (f"{number:04}", f"{number - 1:04}" if number > 1 else None)
    assert SchemaRevision(migrations).needed == len(files)
