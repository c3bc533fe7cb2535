"""What the engine writes into the kernel's trace about the processes that it starts."""

import os
from pathlib import Path

import pytest

from tcpexp.engine import trace

STATES = "sock:inet_sock_set_state"


@pytest.fixture
def tracefs(tmp_path: Path) -> Path:
    """A folder that looks like tracefs with two tracepoints, one processor and nothing in its
    buffers.
    """
    root = tmp_path / "tracing"
    for event in (STATES, trace.FORKS, trace.MARKS):
        folder = root / "events" / event.replace(":", "/")
        folder.mkdir(parents=True)
        (folder / "format").write_text(f"name: {event}\n")
        (folder / "enable").write_text("0")
    (root / "events" / "header_page").write_text("")
    (root / "per_cpu" / "cpu0").mkdir(parents=True)
    for name in (
        "trace_clock",
        "buffer_size_kb",
        "tracing_on",
        "trace_marker",
        "per_cpu/cpu0/trace_pipe_raw",
        "per_cpu/cpu0/stats",
    ):
        (root / name).write_text("")
    return root


def recording(tracefs: Path, raw: Path, *events: str) -> trace.Trace:
    raw.mkdir()
    return trace.Trace(raw, None, list(events), tracefs=tracefs)


def test_a_mark_per_process_and_the_forks_beside_the_openings(
    tracefs: Path, tmp_path: Path
) -> None:
    made = recording(tracefs, tmp_path / "raw", STATES)
    made.mark_process("too-early")
    made.start()
    made.mark_process("get")
    made.stop()
    made.mark_process("too-late")
    assert (tracefs / "trace_marker").read_text() == "tcpexp process get\n"
    assert made.events == [STATES, trace.FORKS]
    assert (tracefs / "events/sched/sched_process_fork/enable").read_text() == "1"
    assert (tracefs / "events/ftrace/print/enable").read_text() == "0"
    assert sorted(path.name for path in (tmp_path / "raw/trace/formats").iterdir()) == [
        "ftrace.print.format",
        "sched.sched_process_fork.format",
        "sock.inet_sock_set_state.format",
    ]
    made.close()


def test_forks_are_recorded_only_beside_the_openings_of_sockets(
    tracefs: Path, tmp_path: Path
) -> None:
    made = recording(tracefs, tmp_path / "raw", "tcp:tcp_probe")
    made.start()
    made.mark_process("get")
    assert made.events == [] and made.missing == ["tcp:tcp_probe"]
    assert (tracefs / "trace_marker").read_text() == ""
    made.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not on this machine: /dev/full")
def test_a_run_goes_on_where_nothing_can_be_written(tracefs: Path, tmp_path: Path) -> None:
    (tracefs / "trace_marker").unlink()
    os.symlink("/dev/full", tracefs / "trace_marker")
    made = recording(tracefs, tmp_path / "raw", STATES)
    made.start()
    made.mark_process("get")
    made.close()


def test_a_kernel_without_a_marker(tracefs: Path, tmp_path: Path) -> None:
    (tracefs / "trace_marker").unlink()
    made = recording(tracefs, tmp_path / "raw", STATES)
    made.start()
    made.mark_process("get")
    made.close()
