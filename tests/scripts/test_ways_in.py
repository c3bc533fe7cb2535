"""The one-click ways in: the container file, the development container, the GitHub Action.

Where there is no builder, as here, they are read as a builder reads them: every stage, path, option
and command that they name exists. ``.github/workflows/ways-in.yml`` builds them.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tcpexp.cli.main import cli
from tests.support.folders import ROOT
from tests.support.short import SHORT

#: What a Containerfile may say (the reference of Dockerfiles).
INSTRUCTIONS = {
    "ARG",
    "FROM",
    "WORKDIR",
    "RUN",
    "COPY",
    "ENV",
    "USER",
    "ENTRYPOINT",
    "CMD",
    "EXPOSE",
}
REPOSITORY = ["Containerfile", ".dockerignore", "action.yml", ".devcontainer/devcontainer.json"]


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, continued lines joined."""
    text = (ROOT / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest)
        for line in joined.splitlines()
        if line.strip()
        for word, _, rest in [line.partition(" ")]
    ]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for word, rest in instructions():
        if word == "FROM":
            current = found.setdefault(rest.split(" AS ")[1], [])
        current.append((word, rest))
    return found


def said_in_help(command: str, option: str) -> bool:
    told = subprocess.run([ROOT / command, "--help"], capture_output=True, text=True, check=True)
    return option in told.stdout


def option_names(command: list[str]) -> set[str]:
    """Return the options of a command of tcpexp."""
    found = cli.get_command(click.Context(cli), command[1])
    assert found is not None, command
    return {name for parameter in found.params for name in parameter.opts}


def check_commands(line: str) -> int:
    """Assert that the scripts and commands of ours in a shell line exist; return how many."""
    seen = 0
    words = shlex.split(line.replace(";", " ; ").replace("&&", " && "))
    for index, word in enumerate(words):
        command = words[
            index : next(
                (at for at in range(index, len(words)) if words[at] in (";", "&&", "||")),
                len(words),
            )
        ]
        if word.startswith("scripts/"):
            seen += 1
            assert (ROOT / word).is_file(), word
            assert os.access(ROOT / word, os.X_OK)
            for option in (part for part in command[1:] if part.startswith("--")):
                assert said_in_help(word, option), (word, option)
        if word == "tcpexp" and command[1:] and command[1] in cli.list_commands(click.Context(cli)):
            seen += 1
            known = option_names(command)
            for option in (part for part in command[2:] if part.startswith("--")):
                assert option in known, command
    return seen


def test_the_containerfile_says_only_what_there_is():
    assert {word for word, _ in instructions()} <= INSTRUCTIONS
    assert sum(check_commands(rest) for word, rest in instructions() if word == "RUN") >= 5


def test_stages_come_from_the_base_or_from_one_before():
    known = {"${BASE}"}
    for word, rest in instructions():
        if word == "FROM":
            origin, _, name = rest.partition(" AS ")
            assert origin in known
            known.add(name)
        for stage in re.findall(r"--from=(\S+)", rest) if word == "COPY" else ():
            assert stage in known
    assert list(stages()) == ["build", "tcpexp", "notebook", "default"]


def test_what_runs_experiments_is_no_root_and_starts_nothing_by_itself():
    stage = stages()["tcpexp"]
    assert [rest for word, rest in stage if word == "USER"] == ["tcpexp"]
    assert ("ENTRYPOINT", '["tcpexp"]') in stage
    assert ("EXPOSE", "8888") in stages()["notebook"]
    assert (ROOT / "docs" / "notebooks").is_dir()
    assert [rest for word, rest in stages()["notebook"] if word == "USER"][-1] == "tcpexp"
    assert stages()["default"] == [("FROM", "tcpexp AS default")]


def test_packages_of_the_image_are_those_that_are_provisioned():
    """By the names that scripts/provision.sh knows, so that one list does not forget the other."""
    known = (ROOT / "scripts" / "provision.sh").read_text()
    (line,) = [rest for word, rest in stages()["tcpexp"] if word == "RUN" and "apt-get" in rest]
    packages = re.search(r"--no-install-recommends\s+(.+?)\s+&&", line)
    assert packages
    unknown = [
        name for name in packages[1].split() if not re.search(rf"(?<![\w-]){name}(?![\w-])", known)
    ]
    assert unknown == ["ca-certificates"]


def test_what_is_ignored_is_nothing_that_is_built_from():
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    needed = ("tcpexp/api.py", "scripts/provision.sh", "experiments", "docs", "pyproject.toml")
    needed += ("requirements-dev.txt", "tools/build_package.py", "topologies", "setup.py")
    for path in needed:
        assert (ROOT / path).exists()
        assert not any(fnmatch.fnmatch(path, pattern) for pattern in patterns), path
    assert {".git", ".venv", "results/*"} <= set(patterns)


def test_the_development_container_names_what_there_is():
    path = ROOT / ".devcontainer" / "devcontainer.json"
    settings = json.loads(path.read_text())
    build = settings["build"]
    assert (path.parent / build["dockerfile"]).resolve() == ROOT / "Containerfile"
    assert (path.parent / build["context"]).resolve() == ROOT
    assert build["target"] in stages()
    assert settings["remoteUser"] == "root", "the stage's cache is root's"
    assert check_commands(settings["postCreateCommand"]) == 1


def test_what_ships_holds_the_ways_in():
    manifest = (ROOT / "MANIFEST.in").read_text()
    for name in REPOSITORY:
        assert (ROOT / name).is_file()
        assert name in manifest or name.split("/")[0] in manifest


def action() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return read


def test_the_action_uses_its_inputs_and_outputs_and_no_others():
    text = (ROOT / "action.yml").read_text()
    asked = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}|inputs\.([\w-]+)", text))
    names = {first or second for first, second in asked}
    assert names == set(action()["inputs"])
    told = set(re.findall(r"steps\.run\.outputs\.([\w-]+)", text))
    script = (ROOT / "scripts" / "action").read_text()
    assert told == set(action()["outputs"]) == set(re.findall(r'f"([\w-]+)=\{', script))
    page = (ROOT / "docs" / "guides" / "github-action.md").read_text()
    assert [name for name in (*names, *told) if f"`{name}`" not in page] == []
    for name, given in action()["inputs"].items():
        assert f"`{given['default']}`" in page or given["default"] == "", name


def test_steps_of_the_action_are_whole():
    steps = action()["runs"]["steps"]
    assert action()["runs"]["using"] == "composite"
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        assert "shell" in step or "uses" in step
        for script in re.findall(r"GITHUB_ACTION_PATH/(\S+?)\"", step.get("run", "")):
            assert os.access(ROOT / script, os.X_OK), script
    (folders,) = re.findall(r"find (.+?) -type", "".join(step.get("run", "") for step in steps))
    assert all((ROOT / folder).is_dir() for folder in folders.split())
    given = {name for step in steps for name in step.get("env", {})}
    told = (ROOT / "scripts" / "action").read_text()
    assert given == {"SPECS", "JOBS", "OPTIONS", "OUT"}
    assert all(f"#   {name} " in told for name in given)


def test_the_workflow_builds_what_there_is():
    read = yaml.safe_load((ROOT / ".github" / "workflows" / "ways-in.yml").read_text())
    runs = [step["run"] for job in read["jobs"].values() for step in job["steps"] if "run" in step]
    targets = re.findall(r"--target (\S+)", "".join(runs))
    assert targets == ["build"]
    assert "Containerfile" in "".join(runs)
    assert {step["uses"] for step in read["jobs"]["action"]["steps"] if "uses" in step} >= {"./"}
    (paths,) = [read[True]["push"]["paths"]]  # YAML 1.1 reads "on" as true
    assert all(list(ROOT.glob(path)) for path in paths)


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A command tcpexp with its Python beside it, as in a virtual environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    command = folder / "tcpexp"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tcpexp.cli.main "$@"\n'
    )
    command.chmod(0o755)
    return command


def act(command: Path, folder: Path, **given: str) -> tuple[int, dict[str, str], str]:
    """Run scripts/action as GitHub does; return its status, its outputs and its summary."""
    done = subprocess.run(
        [ROOT / "scripts" / "action"],
        cwd=folder,
        env={
            **os.environ,
            "TCPEXP": str(command),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **given,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (folder / "output").read_text().splitlines()
    return (
        done.returncode,
        dict(line.split("=", 1) for line in lines),
        (folder / "summary").read_text(),
    )


@pytest.mark.guest
def test_the_actions_script_runs_a_folder_and_sums_up(command: Path, tmp_path: Path):
    specs = tmp_path / "labs"
    specs.mkdir()
    (specs / "short.yaml").write_text(SHORT)
    (specs / "wrong.yaml").write_text(SHORT.replace("5mbit", "5mbti"))
    status, outputs, summary = act(command, tmp_path, SPECS="labs/", OUT="kept", JOBS="2")
    assert status == 2
    assert outputs == {"results": "kept", "exit-code": "2", "passed": "1", "failed": "1"}
    assert "| short | complete | 1 | 1 | VALID | goodput of flow up" in summary
    assert "| wrong | not run | 0 | 0 |  | '5mbti' is not a rate" in summary
    assert list((tmp_path / "kept" / "short").glob("*/report.html"))


def test_the_actions_script_says_when_nothing_was_run(command: Path, tmp_path: Path):
    status, outputs, _ = act(command, tmp_path, SPECS="x", OPTIONS="--frob")
    assert (status, outputs["exit-code"], outputs["passed"]) == (2, "2", "0")
