"""The shell scripts: they pass shellcheck, agree with the README, and a second provisioning finds
nothing to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ["scripts/provision.sh", "scripts/run", "scripts/stock-vm", "scripts/test", ".ci/run"]


def call(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_executable_and_strict(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


def test_shellcheck_finds_nothing() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed: apt install shellcheck")
    done = call("shellcheck", *SCRIPTS)
    assert done.returncode == 0, done.stdout


def test_readme_names_the_two_commands() -> None:
    commands = re.findall(r"^scripts/\S+", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["scripts/run", "scripts/test"]


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    assert 'exec scripts/test "$@"' in (ROOT / ".ci/run").read_text()


def test_provision_explains_itself_and_refuses_what_it_does_not_know() -> None:
    told = call("scripts/provision.sh", "--help")
    assert told.returncode == 0
    assert told.stdout.startswith("Make a Debian or Ubuntu machine ready")
    assert "set -euo" not in told.stdout
    refused = call("scripts/provision.sh", "--frob")
    assert refused.returncode == 2
    assert "unknown option --frob" in refused.stderr


def test_no_script_names_a_host_to_download_from() -> None:
    for script in SCRIPTS:
        assert not re.search(r"https?://", (ROOT / script).read_text()), script


def test_vagrantfile_is_valid(tmp_path: Path) -> None:
    if not shutil.which("vagrant"):
        pytest.skip(
            "vagrant is not installed: apt install vagrant (Ubuntu 24.04 has no such package)"
        )
    done = call(
        "vagrant",
        "validate",
        "--ignore-provider",
        VAGRANT_HOME=str(tmp_path),
        VAGRANT_DOTFILE_PATH=str(tmp_path / "dot"),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_vagrant_provisions_with_the_same_script() -> None:
    assert "/vagrant/scripts/provision.sh --without-guest" in (ROOT / "Vagrantfile").read_text()


@pytest.mark.guest
def test_a_second_provisioning_installs_nothing() -> None:
    stamp = ROOT / ".venv" / "tcpexp-stamp"
    if not stamp.is_file():
        pytest.skip("this environment was not made by scripts/provision.sh: run scripts/test")
    before = stamp.stat().st_mtime_ns
    done = call("scripts/provision.sh")
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stderr
    assert "making" not in done.stderr
    assert stamp.stat().st_mtime_ns == before
