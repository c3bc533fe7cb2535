"""What is said about the package is said once, and the locked packages are those that it needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import tcpexp

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements-dev.txt").read_text()
#: Python of Debian 12, Ubuntu 24.04 and Debian 13.
PYTHONS = ("3.11", "3.12", "3.13")
_VERSION = re.compile(r"^\W*version\W*[:=]\W*(\d+\.\d+\.\d+)", re.MULTILINE | re.IGNORECASE)


def requirements(extra: str | None = None) -> Iterator[Requirement]:
    """Yield what the package needs, and what an extra needs with the extras that it names."""
    texts = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, texts):
        if requirement.name != PROJECT["name"]:
            yield requirement
            continue
        for name in requirement.extras:
            yield from requirements(name)


def locked(python: str) -> dict[str, str]:
    """Return the versions that the lock has for a Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    pins = {}
    for line in re.findall(r"^[a-z0-9].*", LOCK, re.MULTILINE | re.IGNORECASE):
        pin = Requirement(line.removesuffix(" \\"))
        if pin.marker is None or pin.marker.evaluate(environment):
            (specifier,) = pin.specifier
            assert specifier.operator == "==", line
            pins[canonicalize_name(pin.name)] = specifier.version
    return pins


# -------------------------------------------------------------------------------------------------
# one version, in one place


def test_the_version_is_the_module_s() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    for name in ("pyproject.toml", "setup.py", "tools/build_package.py"):
        assert not _VERSION.search((ROOT / name).read_text()), f"{name} has a version of its own"


def test_the_citation_has_the_version_and_what_the_format_requires() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == tcpexp.__version__
    assert citation["cff-version"] == "1.2.0"
    assert all(citation[key] for key in ("message", "title", "authors"))
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


def test_the_package_can_be_called() -> None:
    argv = [sys.executable, "-m", "tcpexp", "--version"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"tcpexp, version {tcpexp.__version__}\n"


# -------------------------------------------------------------------------------------------------
# the lock


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_satisfies_the_metadata(python: str) -> None:
    """For each supported Python: what pyproject.toml asks for, in a version that it allows."""
    assert python in SpecifierSet(PROJECT["requires-python"])
    pins = locked(python)
    lacking = [
        f"{requirement} (locked: {pins.get(canonicalize_name(requirement.name))})"
        for requirement in (*requirements(), *requirements("dev"))
        if not requirement.specifier.contains(
            pins.get(canonicalize_name(requirement.name), "0.dev0"), prereleases=True
        )
        or canonicalize_name(requirement.name) not in pins
    ]
    assert lacking == [], "run scripts/lock"


def test_the_development_extra_has_all_that_a_user_can_choose() -> None:
    """So that one lock serves all.

    `rtcompat` is for other processors, instead of what is there. `pandas` and `notebook` bring what
    tcpexp itself never imports: frames of another library, and a program that opens notebooks.
    """
    named = {requirement.name for requirement in requirements("dev")}
    for extra in PROJECT["optional-dependencies"]:
        if extra not in ("dev", "rtcompat", "pandas", "notebook"):
            assert {requirement.name for requirement in requirements(extra)} <= named, extra


def test_every_locked_package_has_hashes_and_no_address() -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    packages = [block for block in blocks if not block.startswith("#")]
    assert len(packages) > 50
    assert [block.split()[0] for block in packages if "--hash=sha256:" not in block] == []
    assert not re.search(r"://|--index|--find-links|--trusted-host| @ ", LOCK)


def test_this_environment_has_the_locked_versions() -> None:
    stamp = ROOT / ".venv" / "tcpexp-stamp"
    if not stamp.is_file() or not stamp.read_text().endswith(" dev\n"):
        pytest.skip("this environment was not made by scripts/provision.sh --dev")
    pins = locked(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert {name: version(name) for name in pins} == pins


# -------------------------------------------------------------------------------------------------
# setup.py


def test_setup_py_says_nothing_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "--name", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-2:] == [PROJECT["name"], tcpexp.__version__]
    assert "setup()" in (ROOT / "setup.py").read_text()
