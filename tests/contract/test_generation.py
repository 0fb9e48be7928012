"""Code generation from contracts, by several processes at once too."""

import subprocess
import sys
from pathlib import Path

from tests.contract.planting import plant
from tools.contracts.generate import IMAGE, ROOT, generate


def test_generation_leaves_code_stubs_and_image_and_nothing_else(tmp_path: Path) -> None:
    plant(tmp_path, {"thing": None})
    generate(tmp_path / "protos", tmp_path / "gen")
    thing = tmp_path / "gen" / "concord" / "thing" / "v1"
    assert {path.name for path in thing.iterdir()} == {
        "thing_pb2.py",
        "thing_pb2.pyi",
        "thing_pb2_grpc.py",
        "thing_pb2_grpc.pyi",
    }
    assert (tmp_path / "gen" / IMAGE).stat().st_size > 0
    governance = tmp_path / "gen" / "concord" / "governance" / "v1"
    assert not list(governance.glob("*_pb2_grpc.py*"))
    assert {path.name for path in tmp_path.iterdir()} == {"protos", "gen", "image.binpb"}


def test_processes_that_generate_at_once_do_not_disturb_one_another(tmp_path: Path) -> None:
    plant(tmp_path, {"thing": None})
    script = (
        "import pathlib, sys; from tools.contracts.generate import generate; "
        "generate(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "protos"), str(tmp_path / "gen")]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "gen" / "concord" / "thing" / "v1" / "thing_pb2.py").exists()
