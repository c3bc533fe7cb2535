"""Modules in the engine: why one is refused, and what of the kernel's log is kept."""

from __future__ import annotations

import errno
import json

import pytest

from tcpexp.engine import kernellog
from tcpexp.engine.clock import Clock
from tcpexp.engine.kernellog import KernelLog
from tcpexp.engine.modules import LoadedModules, explain
from tcpexp.plan.types import ControlModule

MINE = ControlModule("mine", "mine.c", "0" * 64)


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (errno.ENOENT, "mine: Unknown symbol tcp_gone (err -2)", "it uses 'tcp_gone'"),
        (errno.EINVAL, "mine does not implement required ops", "lacks a callback"),
        (errno.EINVAL, "mine: `x' invalid for parameter `beta'", "'x' is no value for"),
        (errno.EEXIST, "mine already registered", "there is one called 'mine' already"),
        (errno.ENOEXEC, "", "compiled for another kernel"),
        (errno.EPERM, "", "modules may not be loaded here"),
        (errno.ENOMEM, "", "Cannot allocate memory"),
    ],
)
def test_a_refusal_is_explained(status, said, words):
    assert words in explain(status, [said], MINE)


def test_lines_have_the_experiments_time_and_marks_are_left_out(tmp_path, monkeypatch):
    device = tmp_path / "kmsg"
    device.write_text("")
    monkeypatch.setattr(kernellog, "DEVICE", str(device))
    clock = Clock()
    log = KernelLog(tmp_path / "kernel_log.jsonl", clock)
    log.open()
    log._take(f"7,1,2000,-;{kernellog.MARK} 5000000")  # the kernel's 2 ms are 5 ms
    log._take("6,2,3000,-;mine: loss 1\n SUBSYSTEM=x")
    log._take("4,3,9000,-;mine: wait")
    assert log.last_words() == ["mine: loss 1", "mine: wait"]
    clock.t0_monotonic_ns = 10_000_000
    log.lost = 3
    log.close()
    rows = [json.loads(line) for line in (tmp_path / "kernel_log.jsonl").read_text().splitlines()]
    assert [(row["t_ns"], row["level"], row["text"]) for row in rows[:2]] == [
        (-4_000_000, "info", "mine: loss 1"),
        (2_000_000, "warning", "mine: wait"),
    ]
    assert "3 lines of the kernel were printed too fast" in rows[2]["text"]


def test_without_modules_nothing_is_loaded_or_unloaded(tmp_path):
    modules = LoadedModules((), tmp_path, KernelLog(tmp_path / "log", Clock()))
    modules.load(own_kernel=False)
    modules.unload()
    assert modules.events == []
