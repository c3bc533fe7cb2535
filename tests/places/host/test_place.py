"""The host place: isolation, interruption, what is left after a kill, needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tcpexp.errors import HostError
from tcpexp.places import asked
from tcpexp.places.host import journal, needs
from tcpexp.places.host.place import HostPlace
from tcpexp.plan.types import (
    DirectionPlan,
    Firewall,
    Needs,
    RunPlan,
    Spawn,
    Step,
    Sysctl,
    WaitFor,
    to_json,
)
from tests.support import engine_plans as plans

RUNNER = """
import sys
from pathlib import Path
from tcpexp.places.host.place import HostPlace
from tcpexp.plan.types import RunPlan, from_json
plan = from_json(Path(sys.argv[1]).read_text(), RunPlan)
place = HostPlace(Path(sys.argv[3]))
place.run(plan, Path(sys.argv[2]), lambda phase, t: print(phase, flush=True), lambda: False)
"""


def long_plan() -> RunPlan:
    rule = Firewall("h1", "INPUT", ("-p", "tcp", "-j", "DROP"))
    return plans.plan(
        seconds=60,
        steps=(
            plans.spawn("sleeper", "h1", "sleep", "4321", at=0.0),
            plans.step("wall", rule, at=0.0),
            plans.step("sack", Sysctl("h2", "net.ipv4.tcp_sack", "0"), at=0.0),
        ),
        recorders=plans.CAPTURES,
    )


def machine() -> dict[str, str]:
    """Everything of this machine that a run could have changed."""
    commands = {
        "links": "ip -o link | cut -d: -f2 | sort",
        "addresses": "ip -o addr | awk '{print $2,$4}'",
        "qdiscs": "tc qdisc show",
        "rules": "iptables -S 2>&1",
        "sysctls": (
            "cat /proc/sys/net/ipv4/tcp_* /proc/sys/net/ipv4/ip_forward"
            " /proc/sys/net/ipv4/conf/*/rp_filter"
        ),
        "core": "cat /proc/sys/net/core/?mem_* /proc/sys/fs/file-max /proc/sys/kernel/pty/max",
        "mounts": "cut -d' ' -f2,3 /proc/mounts | sort",
    }
    shell = {
        name: subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False).stdout
        for name, text in commands.items()
    }
    return shell


def processes_named(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in text:
            found.append(text)
    return found


def start_runner(folder: Path, plan: RunPlan) -> subprocess.Popen[str]:
    (folder / "given.json").write_text(to_json(plan))
    argv = [
        sys.executable,
        "-c",
        RUNNER,
        str(folder / "given.json"),
        str(folder / "out"),
        str(folder / "state"),
    ]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def wait_until_running(runner: subprocess.Popen[str], folder: Path) -> None:
    assert runner.stdout is not None
    for line in runner.stdout:
        if line.strip() == "run" and "sleeper" in (folder / "out" / "events.jsonl").read_text():
            return
    raise AssertionError("the run never began")


def wait_until_gone(word: str) -> None:
    for _ in range(100):
        if not processes_named(word):
            return
        time.sleep(0.1)
    raise AssertionError(f"still there: {processes_named(word)}")


def engine(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "raw" / "engine.json").read_text()))


@pytest.mark.root
def test_a_run_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    before = machine()
    phases: list[str] = []
    place = HostPlace(tmp_path / "state")
    step = plans.step("wall", Firewall("h1", "INPUT", ("-p", "tcp", "-j", "DROP")), at=0.1)
    plan = plans.plan(
        plans.network(plans.shaped(10_000_000, 20)),
        seconds=0.5,
        steps=(step,),
        recorders=plans.CAPTURES,
    )
    result = place.run(plan, tmp_path / "out", lambda phase, t: phases.append(phase), lambda: False)
    assert (result.status, result.error, result.clock) == ("complete", None, "real")
    assert machine() == before
    assert list(dict.fromkeys(phases)) == ["network", "probes", "recorders", "setup", "run", "stop"]
    assert not [path for path in (tmp_path / "state").iterdir() if not path.name.startswith("slot")]
    assert result.facts["kernel"] == os.uname().release


@pytest.mark.root
def test_no_route_leads_out(tmp_path: Path) -> None:
    out = (
        "import socket\ns = socket.socket()\ns.settimeout(2)\ntry: s.connect(('192.0.2.1',"
        " 80))\nexcept OSError as e: print(e.errno)"
    )
    plan = plans.plan(
        seconds=0.5, steps=(plans.spawn("try", "h1", sys.executable, "-c", out, at=0.0),)
    )
    HostPlace(tmp_path / "state").run(plan, tmp_path / "out", lambda phase, t: None, lambda: False)
    assert (tmp_path / "out" / "raw" / "logs" / "try.out").read_text() == "101\n"  # ENETUNREACH


@pytest.mark.root
def test_stop_interrupts_and_keeps_what_there_is(tmp_path: Path) -> None:
    running: list[float] = []

    def progress(phase: str, t_seconds: float) -> None:
        if phase == "run" and t_seconds > 0.4:
            running.append(t_seconds)

    result = HostPlace(tmp_path / "state").run(
        long_plan(), tmp_path / "out", progress, lambda: bool(running)
    )
    assert result.status == "interrupted"
    found = engine(tmp_path / "out")
    assert found["end_ns"] < 20 * plans.SECOND
    assert found["restored"] is True
    assert found["captures"]["h1-eth0"]["captured"] is not None
    events = [
        json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()
    ]
    assert {line["step"] for line in events if line["event"] == "end"} == {
        "sleeper",
        "wall",
        "sack",
    }


@pytest.mark.root
def test_wall_limit_ends_a_run(tmp_path: Path) -> None:
    plan = plans.plan(seconds=60, wall_limit_s=1.5)
    result = HostPlace(tmp_path / "state").run(
        plan, tmp_path / "out", lambda phase, t: None, lambda: False
    )
    assert (result.status, result.error) == ("interrupted", "the wall limit of 1.5 s is over")


@pytest.mark.root
def test_killed_runner_takes_everything_with_it(tmp_path: Path) -> None:
    before = machine()
    runner = start_runner(tmp_path, long_plan())
    wait_until_running(runner, tmp_path)
    assert processes_named("sleep 4321")
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    wait_until_gone("sleep 4321")
    wait_until_gone("tcpexp.places.host.child")
    assert machine() == before
    assert (tmp_path / "out" / "raw" / "commands.jsonl").exists()
    state = tmp_path / "state"
    assert list(state.glob("run-*.json"))
    assert any("folder" in leftover for leftover in journal.clean_leftovers(state))
    assert not list(state.iterdir())
    assert journal.clean_leftovers(state) == []


@pytest.mark.root
def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    """Both use the same addresses and the same port."""
    server = (
        "import socket,time; s=socket.create_server(('', 80)); c,_=s.accept();"
        " print(c.recv(9).decode(), flush=True); time.sleep(9)"
    )
    children = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        client = f"import socket; s=socket.create_connection(('10.0.0.2', 80)); s.send(b'{name}')"
        plan = plans.plan(
            seconds=2,
            setup=(
                plans.spawn("server", "h2", sys.executable, "-c", server),
                plans.step("ready", WaitFor("h2", "port", "80", 10 * plans.SECOND)),
            ),
            steps=(
                plans.spawn("client", "h1", sys.executable, "-c", client, at=0.5, expect_status=0),
            ),
        )
        children.append((folder, name, start_runner(folder, plan)))
    for folder, name, child in children:
        child.communicate(timeout=60)
        assert engine(folder / "out")["error"] is None
        assert (folder / "out" / "raw" / "logs" / "server.out").read_text().strip() == name


@pytest.mark.root
def test_files_belong_to_who_called_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "23456")
    HostPlace(tmp_path / "state").run(
        plans.plan(seconds=0.2), tmp_path / "out", lambda phase, t: None, lambda: False
    )
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (tmp_path / "out").rglob("*")}
    assert owners == {(12345, 23456)}


@pytest.mark.root
def test_what_is_missing_is_named_before_the_run(tmp_path: Path) -> None:
    wanted = Needs(
        tools=("no-such-tool",),
        qdiscs=("no_such_qdisc", "pfifo"),
        congestion_controls=("no_such_cc",),
    )
    with pytest.raises(HostError) as caught:
        HostPlace(tmp_path / "state").run(
            plans.plan(needs=wanted), tmp_path / "out", lambda phase, t: None, lambda: False
        )
    what = [lack.what for lack in caught.value.missing]
    assert what == ["program no-such-tool", "qdisc no_such_qdisc", "congestion control no_such_cc"]
    assert "apt install no-such-tool" in caught.value.missing[0].remedy
    assert not (tmp_path / "out").exists()


def test_packages_and_options_have_their_own_names() -> None:
    assert needs.qdisc_option("netem") == "CONFIG_NET_SCH_NETEM"
    assert needs.qdisc_option("clsact") == "CONFIG_NET_SCH_INGRESS"
    assert needs.missing_tools(("sh",)) == ()


def test_default_algorithms_come_from_hosts_and_steps() -> None:
    step = Step("cc", 0, 0, Sysctl("h1", asked.CONGESTION_SYSCTL, "bbr"), "bbr")
    assert asked.default_algorithms(plans.plan(steps=(step,))) == ["reno", "bbr"]


def test_only_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    living, dead, foreign = (
        state / name for name in ("files-living", "files-dead", "files-foreign")
    )
    outside = tmp_path / "outside"
    for folder in (living, dead, foreign, outside):
        folder.mkdir(parents=True)
    journal.write_entry(journal.own_entry("living", (living,)), state)
    owner = journal.own_entry("dead", (dead, outside))
    gone = journal.JournalEntry(
        owner.token, owner.pid, owner.start_ticks - 1, owner.boot_id, owner.folders, ("../../etc",)
    )
    journal.write_entry(gone, state)
    (state / "run-broken.json").write_text("{")
    assert journal.clean_leftovers(state) == [f"folder {dead}"]
    assert living.exists()
    assert foreign.exists()
    assert outside.exists()  # a journal names only folders beside itself
    assert sorted(path.name for path in state.glob("run-*")) == [
        "run-broken.json",
        "run-living.json",
    ]


def test_slots_differ_and_come_back(tmp_path: Path) -> None:
    with journal.acquire_slot(tmp_path) as first, journal.acquire_slot(tmp_path) as second:
        assert (first, second) == (0, 1)
    with journal.acquire_slot(tmp_path) as again:
        assert again == 0


def test_plans_of_the_tests_need_no_netem() -> None:
    assert not plans.network(DirectionPlan(rate_bps=1)).links[0].wire_netem
    assert isinstance(long_plan().steps[0].do, Spawn)
