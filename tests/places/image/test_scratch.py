"""Folders of running guests: those of runners that are gone are removed, on this machine only.

And paths longer than a socket's address.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from tcpexp.places.image.scratch import clean_leftovers, scratch_dir, scratch_prefix
from tcpexp.places.qemu.monitor import Monitor


def test_only_what_this_machine_s_ended_runners_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    gone = 2**22 + 1  # above the largest process id
    here = scratch_prefix().split("-", 1)[1]
    names = {
        "mine": f"{os.getpid()}-{here}abc",
        "ended": f"{gone}-{here}abc",
        "elsewhere": f"{gone}-another-machine-abc",
        "older": f"{gone}-abcd_123",
    }
    for name in names.values():
        (scratch_dir() / name).mkdir()
    assert len(clean_leftovers()) == 2
    assert sorted(path.name for path in scratch_dir().iterdir()) == sorted(
        [names["mine"], names["elsewhere"]]
    )


def test_a_monitor_in_a_folder_with_a_long_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("monitor")
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"(qemu) ")
                connection.recv(100)
                connection.sendall(b"info status\r\nVM status: running\r\n(qemu) ")

        thread = threading.Thread(target=answer)
        thread.start()
        with Monitor(folder / "monitor") as monitor:
            assert "running" in monitor.command("info status")
        thread.join()
