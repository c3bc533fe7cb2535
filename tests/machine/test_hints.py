"""Commands in hints work as they stand: on Debian and on Ubuntu, and where sudo looks elsewhere
than the user.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp.machine import hints


@pytest.mark.parametrize(
    ("names", "release", "words"),
    [
        (("debian",), "6.1.0-57-amd64", "apt install --reinstall linux-image-6.1.0-57-amd64"),
        (("debian",), "6.12.48+deb13-cloud-amd64", "apt install linux-image-amd64, and boot it"),
        (
            ("ubuntu", "debian"),
            "6.8.0-45-generic",
            "apt install linux-modules-extra-6.8.0-45-generic",
        ),
        (
            ("linuxmint", "ubuntu", "debian"),
            "6.8.0-45-generic",
            "apt install linux-modules-extra-6.8.0-45-generic",
        ),
        (
            ("fedora",),
            "6.11.4-301.fc41.x86_64",
            "dnf install kernel-modules-extra-6.11.4-301.fc41.x86_64",
        ),
        (("arch",), "6.11", "install the distribution's package of further kernel modules"),
    ],
)
def test_the_package_is_the_distributions(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], release: str, words: str
) -> None:
    monkeypatch.setattr(hints, "distribution", lambda: names)
    assert hints.modules_words(release) == words


def program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "tcpexp"
    path.write_text(f"#!{sys.executable}\nimport sys; print('started', *sys.argv[1:])\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sudo looks, instead of this machine's own folders."""
    folder = tmp_path / "usr local" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(hints, "SECURE_PATH", str(folder))
    return folder


def start(command: str, path: Path) -> str:
    """Do what sudo does: look for the program in its own path only."""
    argv = shlex.split(command)
    assert argv[0] == "sudo"
    return subprocess.run(
        ["env", "-i", f"PATH={path}:/usr/bin:/bin", *argv[1:]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_a_program_in_the_users_own_folder_is_named_with_its_path(
    tmp_path: Path, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = program(tmp_path / "my home" / ".local" / "bin")
    monkeypatch.setattr(sys, "argv", [str(mine), "run", "x"])
    monkeypatch.setenv("PATH", f"{mine.parent}:{os.environ['PATH']}")
    command = hints.with_sudo("tcpexp run 'a b.yaml' --on host")
    assert command == f"sudo '{mine}' run 'a b.yaml' --on host"
    assert start(command, secure) == "started run a b.yaml --on host"


def test_a_program_that_sudo_finds_is_named_by_its_name(
    tmp_path: Path, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secure / "tcpexp").symlink_to(program(tmp_path / ".venv" / "bin"))
    monkeypatch.setattr(sys, "argv", [str(secure / "tcpexp")])
    command = hints.with_sudo("tcpexp doctor")
    assert command == "sudo tcpexp doctor"
    assert start(command, secure) == "started doctor"


def test_another_program_of_that_name_is_not_started(
    tmp_path: Path, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "other").rename(secure / "tcpexp")
    mine = program(tmp_path / ".venv" / "bin")
    monkeypatch.setattr(sys, "argv", [str(mine)])
    assert hints.with_sudo("tcpexp doctor") == f"sudo {mine} doctor"


def test_a_module_is_started_as_one(
    secure: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path(hints.__file__).parent / "cli" / "main.py")])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hints.with_sudo("main.py run x") == f"sudo {sys.executable} -m tcpexp.cli.main run x"
