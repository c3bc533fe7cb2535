"""Options and marks of the whole test suite, and the rule that a skip in CI must be one that had to
be.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.skips import lacks, must_not_skip, skip_reason


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the tests marked 'full' (long)")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("full") and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason="long; run with --full"))
        elif reason := lacks(item):
            item.add_marker(pytest.mark.skip(reason=reason))
        # one at a time: they share the machine's kernel and its cores
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.xdist_group("machine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests that need root run one at a time, also where xdist does not keep a group together
    (3.8 with pytest 9.2 does not).
    """
    if not item.get_closest_marker("root"):
        return (yield)
    with (Path(tempfile.gettempdir()) / f"tcpexp-tests-{os.getuid()}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and must_not_skip(item, skip_reason(report))
    ):
        report.outcome = "failed"
        report.longrepr = (
            f"skipped in CI: {skip_reason(report)} (guest, root and browser tests must run in CI)"
        )
    return report
