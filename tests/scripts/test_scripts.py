"""The shell scripts: they pass shellcheck, agree with the README, and a second provisioning finds
nothing to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: In bash.
SCRIPTS = [
    "scripts/action",
    "scripts/build-bpf",
    "scripts/lock",
    "scripts/provision.sh",
    "scripts/run",
    "scripts/stock-vm",
    "scripts/test",
    ".ci/run",
]
#: In Python.
PROGRAMS = ["scripts/make-cellular-trace", "scripts/sysctl-names"]


def call(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def script_text(name: str) -> str:
    return (ROOT / "scripts" / name).read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_executable_and_strict(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


def test_no_script_is_forgotten() -> None:
    """A new script stands in one of the lists, and so has the tests below."""
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "scripts").iterdir() if path.is_file()}
    assert found == {name for name in (*SCRIPTS, *PROGRAMS) if name.startswith("scripts/")}


@pytest.mark.parametrize(
    "script", ["scripts/action", "scripts/build-bpf", "scripts/lock", "scripts/run", *PROGRAMS]
)
def test_a_script_explains_itself_and_does_nothing_else(script: str) -> None:
    told = call(script, "--help")
    assert told.returncode == 0, told.stderr
    assert script in told.stdout
    assert "set -euo" not in told.stdout
    assert told.stderr == ""


def test_shellcheck_finds_nothing() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed: apt install shellcheck")
    done = call("shellcheck", *SCRIPTS)
    assert done.returncode == 0, done.stdout


def test_readme_names_the_two_commands() -> None:
    commands = re.findall(r"^scripts/\S+", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["scripts/run", "scripts/test"]


def test_the_tests_script_explains_itself_before_it_sets_anything_up() -> None:
    told = call("scripts/test", "--help")
    assert told.returncode == 0
    assert "--full" in told.stdout
    assert "--unit" in told.stdout
    assert told.stderr == ""


def test_all_bash_scripts_are_checked_by_shellcheck() -> None:
    (line,) = re.findall(r"^check shellcheck shellcheck (.+)$", script_text("test"), re.MULTILINE)
    folder = re.sub(r"scripts/\{(.+)\}", lambda names: names[1].replace(",", " "), line)
    assert {name.removeprefix("scripts/") for name in SCRIPTS} == set(folder.split())


def test_the_tests_script_checks_code_imports_and_pages() -> None:
    checks = re.findall(r"^ *check (\"[^\"]+\"|\S+) ", script_text("test"), re.MULTILINE)
    assert [name.strip('"') for name in checks] == [
        "ruff",
        "ruff format",
        "mypy",
        "mypy of the tests' helpers",
        "lint-imports",
        "mkdocs",
        "shellcheck",
    ]


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


def workflow(name: str) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    return jobs["jobs"]


@pytest.mark.parametrize(
    ("name", "job", "command"),
    [
        ("checks", "unit", "scripts/test --unit"),
        ("checks", "guest", ".ci/run"),
        ("nightly", "full", "scripts/test --full"),
        ("nightly", "stock-vm", "scripts/stock-vm"),
    ],
)
def test_workflows_call_the_scripts_that_everyone_calls(name: str, job: str, command: str) -> None:
    runs = [step["run"] for step in workflow(name)[job]["steps"] if "run" in step]
    assert sum(command in run for run in runs) == 1
    for run in runs:
        assert "pip " not in run, "the scripts install, and no workflow on its own"
        assert "pytest" not in run, "the scripts test"


def test_the_form_for_bugs_asks_for_what_a_maintainer_needs() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text())
    fields = {field["id"]: field for field in form["body"] if "id" in field}
    assert fields["doctor"]["attributes"]["label"] == "tcpexp doctor --json"
    required = {name for name in fields if fields[name].get("validations", {}).get("required")}
    assert {"happened", "expected", "spec", "doctor"} <= required
    assert "run" in fields


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
