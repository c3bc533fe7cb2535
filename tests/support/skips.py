"""Which tests this machine cannot run, and why; which skips are failures in CI."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from functools import cache

import pytest

from tests.support.browsers import find_browser

#: A reason that begins with one of these is a fact about the machine that no package can change.
FACTS_OF_THE_MACHINE = ("this kernel lacks", "not root")


def skip_reason(report: pytest.TestReport) -> str:
    """Return why the test was skipped, without pytest's prefix."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def must_not_skip(item: pytest.Item, reason: str) -> bool:
    """Return whether this skip is a failure: in CI, of a guest, root or browser test, for a lack
    that set-up could mend.
    """
    if os.environ.get("CI", "").lower() not in ("true", "1"):
        return False
    if item.get_closest_marker("full") and not item.config.getoption("--full"):
        return False
    if not any(item.get_closest_marker(name) for name in ("guest", "root", "browser")):
        return False
    return not reason.startswith(FACTS_OF_THE_MACHINE)


def lacks(item: pytest.Item) -> str | None:
    """Return why this machine cannot run the test, or None."""
    root = lacks_for_root() if item.get_closest_marker("root") else None
    guest = lacks_for_guest() if item.get_closest_marker("guest") else None
    return root or guest or (lacks_for_browser() if item.get_closest_marker("browser") else None)


@cache
def lacks_for_browser() -> str | None:
    """Return why a test that opens a page in Chromium cannot run here, or None."""
    if not find_browser():
        return "chromium is not installed: apt install chromium"
    return (
        None
        if importlib.util.find_spec("playwright")
        else "playwright is not installed: pip install playwright"
    )


@cache
def lacks_for_root() -> str | None:
    """Return why a test that makes network namespaces cannot run here, or None."""
    if os.geteuid() != 0:
        return "not root"
    if (
        shutil.which("unshare")
        and subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode
    ):
        return "this kernel lacks network namespaces for this user"
    return None if shutil.which("mnexec") else "mnexec is not installed: apt install mininet"


@cache
def lacks_for_guest() -> str | None:
    """Return why a test that boots the guest cannot run here, or None."""
    if not shutil.which("qemu-system-x86_64"):
        return "qemu-system-x86_64 is not installed: apt install qemu-system-x86"
    from tcpexp.places.image.image import find_image

    if not find_image():
        return "no guest image: tcpexp guest build"
    from tcpexp.places.kernel.kernel import find_kernel

    return None if find_kernel() else "no kernel: tcpexp kernel build"
