"""User-Mode Linux as a place: what it sees of this machine, programs that spin, ends that are not
its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import RunError
from tcpexp.places.kernel.kernel import Kernel
from tcpexp.places.uml import machine, spinning
from tcpexp.places.uml.place import PANIC, SPUN, UmlPlace
from tcpexp.places.uml.processor import busy_ticks, claim_processor
from tcpexp.plan.compile import compile_plan

SPEC = """
name: place
title: A place
topology: two_host
links: {h1-h2: {rate: 10mbit, delay: 5ms, loss: 1%}}
duration: DURATION
actions:
  - {do: http_server, host: h2, port: 80, files: {file.bin: {size: 50kB, seed: 1}}}
  - {at: 500ms, do: http_get, id: get, from: h1, to: h2, path: /file.bin}
MORE
"""


def plan_of(folder: Path, more: str = "", duration: str = "2s"):
    path = folder / "place.yaml"
    path.write_text(SPEC.replace("MORE", more).replace("DURATION", duration))
    catalogue = load_catalogue()
    return compile_plan(load_spec(path, catalogue), catalogue)


def run(place: UmlPlace, plan, folder: Path, stop=lambda: False):
    return place.run(plan, folder, lambda phase, t: None, stop)


def kernel(mode: str) -> Kernel:
    return Kernel("k", "7.3", "1", "0" * 64, mode, Path("/kernels/k"), "r", 1, "c", "gcc")


# --------------------------------------------------------------------------------- the command line


def test_the_command_line_names_no_folder_of_this_machine():
    argv = machine.kernel_argv(kernel("seccomp"))
    assert argv[0] == "/kernels/k/linux"
    assert not [word for word in argv[1:] if "/kernels" in word or str(Path.cwd()) in word]


def test_what_is_not_trusted_is_followed_by_ptrace():
    assert "seccomp=on" in machine.kernel_argv(kernel("seccomp"))
    assert "seccomp=on" not in machine.kernel_argv(kernel("seccomp"), trusted=False)
    assert "seccomp=on" not in machine.kernel_argv(kernel("ptrace"))


def test_both_ways_are_one_machine_to_a_capture():
    assert machine.machine_hash(kernel("seccomp")) == machine.machine_hash(kernel("ptrace"))


def test_nothing_of_our_environment_gets_in(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert set(machine.kernel_environment(kernel("seccomp"))) == {"HOME", "PATH"}


def test_a_shell_has_a_real_clock_and_a_console():
    argv = machine.shell_argv(kernel("seccomp"))
    assert "con0=fd:0,fd:1" in argv
    assert not [word for word in argv if word.startswith(("time-travel", "uml_"))]


# ----------------------------------------------------------------------------------- the processor


def test_busy_ticks_are_those_of_each_processor_without_idle_and_iowait():
    text = (
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 100 50 4 5 6 0 0\ncpu3 1 0 0 7 0 0 0 0 0 0\nintr 1\n"
    )
    assert busy_ticks(text) == {0: 21, 3: 1}


def test_runners_hold_processors_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one processor")
    allowed = os.sched_getaffinity(0)
    with claim_processor() as one, claim_processor() as other:
        assert one != other
        assert {one, other} <= allowed
    with claim_processor() as again:
        assert again in allowed


# ------------------------------------------------------------------------------- programs that spin


def test_a_child_that_computes_while_its_parent_sleeps_is_ended():
    """The parent stands for the kernel process, its child for a program."""
    script = "import subprocess,sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    parent = subprocess.Popen(["python3", "-c", script])
    watch = spinning.SpinWatch(parent.pid, limit_s=0.5)
    try:
        deadline = time.monotonic() + 60
        while not watch.ended and time.monotonic() < deadline:
            time.sleep(0.2)
            watch.look()
        assert watch.ended == 1
        assert parent.wait(20) == 0
    finally:
        parent.kill()


def test_a_child_that_sleeps_is_left_alone():
    parent = subprocess.Popen(["sh", "-c", "sleep 30 & wait"])
    watch = spinning.SpinWatch(parent.pid, limit_s=0.0, _looked=0.0)
    try:
        time.sleep(0.3)
        watch.look()
        watch._looked = 0.0
        time.sleep(0.3)
        before = spinning.children_seconds(parent.pid)
        assert list(before.values()) == [0.0]
    finally:
        for pid in spinning.children_seconds(parent.pid):
            os.kill(pid, signal.SIGKILL)
        parent.kill()


def test_the_console_says_who_was_ended_and_why_the_kernel_gave_up():
    console = (
        "tcpexp: signal 4 from the host ends my prog (pid 38)\nKernel panic - not syncing:"
        " Attempted to kill init!\n"
    )
    assert SPUN.findall(console) == [("my prog", "38")]
    assert PANIC.search(console)[1] == "Attempted to kill init!"


@pytest.mark.guest
def test_a_program_that_spins_is_ended_at_the_instant_at_which_it_began(tmp_path, monkeypatch):
    monkeypatch.setattr(spinning.SpinWatch, "__init__", _impatient(spinning.SpinWatch.__init__))
    more = (
        '  - {at: 1s, do: command, host: h1, shell: "while :; do :; done", id: loop, until: 1500ms}'
    )
    said: list[str] = []
    result = run(UmlPlace(said.append), plan_of(tmp_path, more), tmp_path / "run")
    assert result.status == "complete"
    assert "sh (process" in result.facts["ended_for_spinning"]
    assert any("computed without end" in words for words in said)
    events = (tmp_path / "run" / "events.jsonl").read_text()
    (end,) = [line for line in events.splitlines() if '"loop"' in line and '"end"' in line]
    assert '"status": -4' in end
    assert '"t_ns": 100' in end  # one second and less than ten milliseconds


def _impatient(init):
    def patched(self, pid):
        init(self, pid, limit_s=1.0)

    return patched


# ------------------------------------------------------------------------ what it sees, and its end


@pytest.mark.guest
def test_a_program_sees_no_other_folder_and_cannot_change_the_tree(tmp_path):
    shell = "; ".join(
        [
            "mkdir -p /tmp/m",
            "busybox mount -t hostfs none /tmp/m -o /etc && echo SEEN",
            "busybox mount -t hostfs none /tmp/m -o /proc/self/cwd/run && echo SEEN",
            "busybox mount -o remount,rw / && echo CHANGED",
            "touch /usr/bin/x && echo CHANGED",
            "busybox mount -o remount,rw /opt/tcpexp/engine && echo CHANGED",
            "touch /opt/tcpexp/engine/x && echo CHANGED",
            "echo DONE",
        ]
    )
    more = f'  - {{at: 1s, do: command, host: h1, id: try, shell: "{shell}"}}'
    run(UmlPlace(), plan_of(tmp_path, more), tmp_path / "run")
    output = (tmp_path / "run" / "raw" / "logs" / "try.out").read_text()
    assert "DONE" in output
    assert "SEEN" not in output
    assert "CHANGED" not in output


@pytest.mark.guest
def test_both_ways_to_follow_programs_give_the_same_packets(tmp_path):
    plan = plan_of(tmp_path)
    for name, trusted in (("fast", True), ("safe", False)):
        run(UmlPlace(trusted=trusted), plan, tmp_path / name)
    fast, safe = (
        (tmp_path / name / "raw" / "h1-eth0.pcap").read_bytes() for name in ("fast", "safe")
    )
    assert fast == safe


@pytest.mark.guest
def test_a_kernel_process_that_is_killed_is_named_and_the_record_is_kept(tmp_path):
    def killed() -> bool:
        recorded = (tmp_path / "run" / "raw" / "ss").exists()
        for folder in Path("/proc").iterdir() if recorded else ():
            if folder.name.isdigit() and owned_by(folder, tmp_path):
                os.kill(int(folder.name), signal.SIGKILL)
        return False

    plan = plan_of(tmp_path, duration="2000s")
    with pytest.raises(RunError, match=r"the guest ended in phase '.*' after .* s \(SIGKILL\)"):
        run(UmlPlace(), plan, tmp_path / "run", killed)
    assert (tmp_path / "run" / "raw" / "probes.json").stat().st_size > 0


def owned_by(process: Path, folder: Path) -> bool:
    """Whether a process works in a run of ``folder``."""
    try:
        return str(folder) in str((process / "cwd" / "out").resolve())
    except OSError:
        return False
