"""The door: built, installed by a new user without root into an empty environment, used, and
removed without a trace.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tcpexp
from tests.support.built import (
    all_files,
    build_sdist,
    build_wheel,
    copy_repository,
    expected_files,
    gather_wheels,
    install_command,
    wheel_files,
    wheel_metadata,
)
from tests.support.fresh_user import FreshUser, fresh_user


@pytest.fixture(scope="module")
def user() -> Iterator[FreshUser]:
    with fresh_user() as made:
        yield made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("door")
    return build_sdist(copy_repository(folder / "source"), folder / "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel of the source distribution: what is missing in one is missing in the other."""
    return build_wheel(sdist, sdist.parent / "wheel")


def test_the_wheel_has_every_file_that_the_repository_has(wheel: Path) -> None:
    found, expected = wheel_files(wheel), expected_files()
    assert sorted(expected - found) == [], (
        "in the repository and not in the wheel: see MANIFEST.in and tools/build_package.py"
    )
    assert sorted(found - expected) == [], "in the wheel and not in the repository"
    assert {
        "tcpexp/places/qemu/files/agent.py",
        "tcpexp/places/uml/files/init.py",
        "tcpexp/kernels/COPYING",
    } <= found
    assert {
        "tcpexp/share/experiments/congestion/bbr_vs_cubic.yaml",
        "tcpexp/share/topologies/dumbbell.py",
        "tcpexp/share/docs/index.md",
    } <= found


def test_the_wheel_s_metadata_is_that_of_the_project(wheel: Path) -> None:
    told = wheel_metadata(wheel)
    assert told["Version"] == tcpexp.__version__
    assert told["License-Expression"] == "MIT AND GPL-2.0-only"
    assert told["Description-Content-Type"] == "text/markdown"
    for name in told.get_all("License-File", []):
        assert any(path.endswith(f".dist-info/licenses/{name}") for path in all_files(wheel)), name
    assert {"pdf", "rtcompat", "pandas", "notebook", "docs", "dev"} == set(
        told.get_all("Provides-Extra", [])
    )
    assert "Author: tcpexp contributors" in str(told)


@pytest.mark.guest
def test_a_new_user_installs_runs_reports_and_removes(wheel: Path, user: FreshUser) -> None:
    wheels, image, kernel = (user.work / name for name in ("wheels", "image.tar", "kernel.tar"))
    gather_wheels(wheel, wheels)
    for what, path in (("guest", image), ("kernel", kernel)):
        subprocess.run(
            [sys.executable, "-m", "tcpexp.cli.main", what, "export", str(path)],
            check=True,
            capture_output=True,
        )
        path.chmod(0o644)

    user.run(f"{user.python()} -m venv env")
    before = everything(user)
    user.run(install_command(wheels))
    assert "mmdebstrap" in user.run("env/bin/tcpexp docs install").stdout
    user.run(f"env/bin/tcpexp guest import {image} && env/bin/tcpexp kernel import {kernel}")
    user.run(
        "mkdir -p elsewhere/runs && cd elsewhere && ../env/bin/tcpexp run closed_port --out runs"
        " --quiet"
    )
    assert user.run("env/bin/tcpexp doctor").stdout.count("uml: can run experiments") == 1
    lost = "$(echo env/lib/python*/site-packages)/tcpexp/places/uml/files/agent.py"
    assert (
        "missing  tcpexp's files: 1 missing"
        in user.run(f"mv {lost} kept && env/bin/tcpexp doctor; mv kept {lost}").stdout
    )
    page = user.run(
        "cd elsewhere && ../env/bin/tcpexp report runs/closed_port --format pdf --out hand-in &&"
        " cat hand-in/*.pdf | head -c 5"
    ).stdout
    assert page.endswith("%PDF-")

    user.run("env/bin/tcpexp clean --all && env/bin/pip uninstall --quiet --yes tcpexp")
    left = {name for name in everything(user) - before if "tcpexp" in name.lower()}
    assert sorted(left) == []
    assert user.run("ls -A .cache elsewhere/runs", check=False).stdout.split() == [
        ".cache:",
        *installed_caches(user),
        "elsewhere/runs:",
        "closed_port",
    ]


def everything(user: FreshUser) -> set[str]:
    """Return all paths below the user's environment."""
    return set(user.run("find env").stdout.splitlines())


def installed_caches(user: FreshUser) -> list[str]:
    """Return the caches that other programs keep in the user's home."""
    return [name for name in user.run("ls -A .cache").stdout.split() if name != "tcpexp"]
