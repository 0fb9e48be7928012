"""A thousand kills of hub, audit, relay and PostgreSQL under write load, or CONCORD_FAULTS_KILLS."""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.support.processes.killing import killed_at_random, running_mesh

KILLS = int(os.environ.get("CONCORD_FAULTS_KILLS", "1000"))


@pytest.mark.timeout(300 + 6 * KILLS)
def test_whatever_is_killed_no_change_is_lost_doubled_or_left_without_evidence(tmp_path: Path) -> None:
    with running_mesh(tmp_path) as mesh:
        figures = killed_at_random(mesh, KILLS, random.Random(), progress=True)  # noqa: S311 - no secret
    sys.stdout.write(f"{figures.told()}; {figures.changes} changes, {figures.checkpoints} checkpoints recomputed\n")
    assert figures.total == KILLS
    assert figures.load.batches_again > 0.1 * figures.checkpoints
