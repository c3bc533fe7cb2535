"""What a killed run leaves to root goes to the user who called sudo, and nothing else does."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tcpexp.places.host import journal

USER = (12345, 23456)


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUDO_UID", str(USER[0]))
    monkeypatch.setenv("SUDO_GID", str(USER[1]))
    folder = tmp_path / "results" / "x" / "20260102T030405Z-s7-host"
    (folder / "raw" / "logs").mkdir(parents=True)
    (folder / "raw" / "h1-eth0.pcap").write_bytes(b"cut")
    return folder


def killed(state: Path, run_dir: Path) -> journal.JournalEntry:
    """Write the journal of a run of ``run_dir`` whose process is gone."""
    entry = journal.own_entry("killed", (state / "files-killed",), journal.own_results(run_dir))
    dead = dataclasses.replace(entry, start_ticks=entry.start_ticks - 1)
    journal.write_entry(dead, state)
    return dead


def owners(folder: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in (folder, *folder.rglob("*"))}


@pytest.mark.root
def test_a_killed_runs_files_are_handed_over(tmp_path: Path, run_dir: Path) -> None:
    state = tmp_path / "state"
    (run_dir / "raw" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("somebody else's")
    assert journal.read_entry(journal.write_entry(killed(state, run_dir), state)) == killed(
        state, run_dir
    )
    assert f"root's ownership of {run_dir}" in journal.clean_leftovers(state)
    assert owners(run_dir) == {USER}
    assert (tmp_path / "elsewhere").stat().st_uid == os.getuid()
    assert journal.clean_leftovers(state) == []


@pytest.mark.root
def test_a_folder_that_took_the_place_of_a_runs_is_not_handed_over(
    tmp_path: Path, run_dir: Path
) -> None:
    state = tmp_path / "state"
    killed(state, run_dir)
    run_dir.rename(tmp_path / "moved")
    run_dir.mkdir()
    (run_dir / "secret").write_text("root's")
    assert not any("ownership" in leftover for leftover in journal.clean_leftovers(state))
    assert owners(run_dir) == {(os.getuid(), os.getgid())}


@pytest.mark.root
def test_without_sudo_nobody_is_given_anything(
    tmp_path: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID")
    state = tmp_path / "state"
    assert killed(state, run_dir).results is None
    assert not any("ownership" in leftover for leftover in journal.clean_leftovers(state))


def test_the_second_place_of_the_trace_is_looked_at_only_without_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at /sys/kernel/debug/tracing mounts a file system there, which would stay behind."""
    first, second = tmp_path / "tracing" / "instances", tmp_path / "debug" / "instances"
    monkeypatch.setattr(journal, "TRACE_INSTANCES", (first, second))
    assert journal.trace_instances() == second
    first.mkdir(parents=True)
    assert journal.trace_instances() == first
    (first / "tcpexp-killed").mkdir()
    assert "trace instance tcpexp-killed" in journal.remove_run(
        journal.own_entry("killed", ()), tmp_path / "state"
    )
    assert not (first / "tcpexp-killed").exists()
