"""Which tests go to the same worker of pytest-xdist, because they share servers that take long to start; who begins."""

from xdist.scheduler import LoadFileScheduling

_TOGETHER = ("tests/system/mesh/", "tests/system/test_tryton_", "tests/system/test_scim_")
"""Beginnings of paths: one landscape, one ERP, one workforce SaaS."""

_FIRST = (*_TOGETHER, "tests/system/", "tests/contract/test_seventh_master.py")
"""What takes longest: begun last it would be waited for, with every other worker idle."""


def turn(nodeid: str) -> int:
    """Return when a test's turn is to begin: 0 for what takes longest, the highest for all that take little."""
    return next((number for number, beginning in enumerate(_FIRST) if nodeid.startswith(beginning)), len(_FIRST))


class SharedServers(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist says nothing about its types
    """Hands out file by file, and files that share servers at once."""

    # Not by the mark `xdist_group`: pytest-xdist 3.8.0 does not see it under pytest 9.2.
    def _split_scope(self, nodeid: str) -> str:
        """Return the name of what is handed out at once."""
        file: str = super()._split_scope(nodeid)
        return next((shared for shared in _TOGETHER if file.startswith(shared)), file)
