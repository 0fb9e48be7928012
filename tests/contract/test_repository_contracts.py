"""The repository's own contracts keep every rule."""

from tools.contracts.check import check_contracts
from tools.contracts.generate import GENERATED, IMAGE, PROTOS
from tools.contracts.waivers import read_waivers


def test_the_contracts_of_the_repository_keep_every_rule() -> None:
    assert check_contracts(GENERATED / IMAGE, PROTOS) == []


def test_every_waiver_of_the_repository_is_complete() -> None:
    _, problems = read_waivers(PROTOS / "waivers.toml")
    assert problems == []
