"""Builds the wheel: the services, and the code that is generated from the contracts."""

import sys
from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tools.contracts.generate import generate  # noqa: E402 - the tool is found once the root is on the path

generate()
setup(
    packages=[*find_namespace_packages(include=["services*", "clients*"]), *find_namespace_packages("gen")],
    package_dir={"concord": "gen/concord", "buf": "gen/buf"},
    package_data={"": ["*_grpc_service_config.json", "*.pyi"]},
)
