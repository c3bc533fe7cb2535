"""Whether the package is installed whole."""

from __future__ import annotations

from tcpexp.machine.installed import package_finding


def test_the_files_of_this_package_are_complete() -> None:
    assert package_finding().state == "ok"
