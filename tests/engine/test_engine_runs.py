"""Plans run for real, in namespaces of this machine: what the engine promises, seen in what it
leaves behind.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tcpexp.ingest.qdisc import read_queues
from tcpexp.plan.types import (
    Firewall,
    FlowCongestionControl,
    Kill,
    LinkChange,
    LinkState,
    Mark,
    PlanFile,
    Recorder,
    Snapshot,
    Sysctl,
    WaitFor,
    to_json,
)
from tests.support import engine_plans as plans
from tests.support.engine_runs import Ran, run

pytestmark = pytest.mark.root
SECOND = plans.SECOND
LISTENER = "import socket,time; s=socket.create_server(('', 80)); time.sleep(60)"
DIALLER = """
import socket, time
s = socket.create_connection(('10.0.0.2', 80))
print('connected', flush=True)
time.sleep(60)
"""


def tcpdump(path: Path, *words: str) -> list[str]:
    argv = ["tcpdump", "-n", "-tt", "-r", str(path), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def listener(**more: Any) -> tuple[Any, ...]:
    return (
        plans.spawn("server", "h2", sys.executable, "-c", LISTENER, **more),
        plans.step("ready", WaitFor("h2", "port", "80", 10 * SECOND)),
    )


def test_plain_link_runs_to_the_end_with_captures_and_sockets(tmp_path: Path) -> None:
    recorders = (
        *plans.CAPTURES,
        Recorder("ss", "h1", None, 100 * plans.MS),
        Recorder("counters", "h1", None, SECOND),
    )
    ran = run(
        plans.plan(
            seconds=1.5,
            setup=listener(),
            steps=(
                plans.spawn("client", "h1", sys.executable, "-c", DIALLER, at=0.5),
                plans.step("note", Mark("half"), at=0.75),
            ),
            recorders=recorders,
        ),
        tmp_path,
    )
    assert (ran.status, ran.engine["status"], ran.engine["error"]) == (0, "complete", None)
    assert ran.engine["restored"] is True
    assert ran.of("client")["planned_ns"] == SECOND // 2
    assert ran.of("client")["t_ns"] >= SECOND // 2
    assert ran.of("note", "mark")["text"] == "half"
    assert ran.of("client", "end")["status"] == -15  # stopped at the end by its stop signal
    assert ran.of("server")["t_ns"] < 0
    first = tcpdump(ran.raw / "h1-eth0.pcap", "tcp[tcpflags] == tcp-syn")[0]
    seconds = float(first.split()[0]) - ran.engine["t0_realtime_ns"] / 1e9
    assert 0.5 <= seconds < 1.5
    # checksums are real: offloads are off
    assert "incorrect" not in "".join(tcpdump(ran.raw / "h2-eth0.pcap", "-v"))
    # no chatter, no probe in the capture
    assert not tcpdump(ran.raw / "h1-eth0.pcap", "ip6 or arp or udp or icmp")
    ss = (ran.raw / "ss" / "h1.txt").read_text()
    assert ss.startswith("# t_ns=")
    assert "10.0.0.2:80" in ss
    assert ran.engine["samplers"]["ss"]["planned"] == 16
    assert ran.engine["captures"]["h1-eth0"]["captured"] > 0
    assert ran.engine["captures"]["h1-eth0"]["dropped"] == 0
    probes = json.loads((ran.raw / "probes.json").read_text())
    assert len(probes["paths"][0]["rtt_ns"]) == 5


def test_bottleneck_queue_fills_drops_and_delays(tmp_path: Path) -> None:
    """Pitfall 1: with back-pressure the RTT would stay near zero and nothing would be dropped."""
    rate, packets = 10_000_000, 50
    ran = run(
        plans.plan(
            plans.network(plans.shaped(rate, packets), plans.shaped(rate, packets)),
            seconds=5,
            setup=(
                plans.spawn("server", "h2", "iperf3", "-s"),
                plans.step("ready", WaitFor("h2", "port", "5201", 10 * SECOND)),
            ),
            steps=(
                plans.spawn(
                    "client",
                    "h1",
                    "iperf3",
                    "-c",
                    "10.0.0.2",
                    "-t",
                    "4",
                    "-J",
                    at=0.0,
                    expect_status=0,
                ),
            ),
            recorders=(
                Recorder("ss", "h1", None, 50 * plans.MS),
                Recorder("qdisc", None, None, 50 * plans.MS),
            ),
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    rows = read_queues(ran.raw).to_dicts()
    queue = [row for row in rows if row["qdisc"] == "queue" and row["towards"] == "h2"]
    full_ms = packets * 1514 * 8 / rate * 1000
    assert max(row["backlog_packets"] for row in queue) in (packets - 1, packets)
    assert queue[-1]["drops"] > 0
    rtts = [
        float(value)
        for value in re.findall(r" rtt:([\d.]+)/", (ran.raw / "ss" / "h1.txt").read_text())
    ]
    assert 0.85 * full_ms < max(rtts) < 2 * full_ms  # above: a busy machine
    report = json.loads((ran.raw / "logs" / "client.out").read_text())
    assert report["end"]["sum_received"]["bits_per_second"] > 0.8 * rate * 1448 / 1514
    for probe in json.loads((ran.raw / "probes.json").read_text())["rates"]:
        assert 0.8 < probe["measured_bps"] / rate < 1.05  # a busy machine delays


def test_firewall_drops_synacks_until_its_end(tmp_path: Path) -> None:
    rule = ("-p", "tcp", "--tcp-flags", "ALL", "SYN,ACK", "-j", "DROP")
    ran = run(
        plans.plan(
            seconds=4,
            setup=listener(),
            steps=(
                plans.step("wall", Firewall("h1", "INPUT", rule), at=0.0, until=2.0),
                plans.spawn("client", "h1", sys.executable, "-c", DIALLER, at=0.5),
                plans.step(
                    "half", WaitFor("h1", "socket", "syn-sent", 2 * SECOND, port=80), at=0.6
                ),
            ),
            recorders=plans.CAPTURES,
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    assert ran.of("wall")["text"].startswith("-A INPUT -p tcp")
    assert ran.of("wall", "end")["t_ns"] >= 2 * SECOND
    syns = tcpdump(ran.raw / "h1-eth0.pcap", "tcp[tcpflags] == tcp-syn")
    assert len(syns) >= 2  # at 0.5 s and again at 1.5 s; the third, at 3.5 s, is let through
    zero = ran.engine["t0_realtime_ns"] / 1e9
    connected = tcpdump(ran.raw / "h1-eth0.pcap", "src 10.0.0.1 and tcp[tcpflags] == tcp-ack")
    assert float(connected[0].split()[0]) - zero > 2.0


def test_flow_congestion_control_switches_a_live_socket(tmp_path: Path) -> None:
    ran = run(
        plans.plan(
            seconds=2,
            setup=(
                *listener(),
                plans.spawn("client", "h1", "sh", "-c", f'{sys.executable} -c "{DIALLER}"; true'),
            ),
            steps=(plans.step("switch", FlowCongestionControl("h1", "client", 80, "bbr"), at=0.5),),
            recorders=(Recorder("ss", "h1", None, 100 * plans.MS),),
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    assert re.search(r"10\.0\.0\.1:\d+ -> 10\.0\.0\.2:80: reno -> bbr", ran.of("switch")["text"])
    blocks = (ran.raw / "ss" / "h1.txt").read_text().split("# t_ns=")
    assert " reno " in blocks[1]
    assert any(" bbr " in block for block in blocks[-10:])


def test_switch_without_a_socket_fails_the_run_and_says_where(tmp_path: Path) -> None:
    step = plans.step("switch", FlowCongestionControl("h2", "server", 81, "reno"), at=0.1)
    ran = run(plans.plan(seconds=1, setup=listener(), steps=(step,)), tmp_path)
    assert (ran.status, ran.engine["status"]) == (4, "failed")
    assert ran.engine["where"] == "step switch (do switch)"
    assert "no established TCP socket on port 81" in ran.engine["error"]
    assert ran.of("switch", "error")["text"]


def test_link_goes_down_and_comes_back_with_routes_and_neighbours(tmp_path: Path) -> None:
    ran = run(
        plans.plan(
            seconds=2,
            steps=(
                plans.step("cut", LinkState("h1-h2", up=False), at=0.2, until=1.0),
                plans.spawn("dark", "h1", "ping", "-c1", "-W1", "10.0.0.2", at=0.4),
                plans.spawn(
                    "light", "h1", "ping", "-c1", "-W1", "10.0.0.2", at=1.2, expect_status=0
                ),
            ),
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    assert ran.of("dark", "end")["status"] != 0


def test_link_change_keeps_the_queue_and_comes_back(tmp_path: Path) -> None:
    slow, slower = plans.shaped(400_000, 40), plans.shaped(100_000, 30)
    blast = (
        "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor _ in range(40):"
        " s.sendto(bytes(1472), ('10.0.0.2', 9))"
    )
    ran = run(
        plans.plan(
            plans.network(slow, slow),
            seconds=1.5,
            steps=(
                plans.spawn("blast", "h1", sys.executable, "-c", blast, at=0.1, expect_status=0),
                plans.step("sent", WaitFor("h1", "exit", "", 10 * SECOND, step="blast"), at=0.2),
                plans.step("change", LinkChange("h1-h2", "h2", slower), at=0.25, until=1.0),
                plans.step("look", Snapshot(("h1",)), at=0.3),
            ),
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    assert ran.of("change", "end")["text"] == "former parameters"
    assert (ran.raw / "snapshots" / "look" / "h1.ss.txt").exists()
    rows = [
        json.loads(line)
        for line in (ran.raw / "snapshots" / "look" / "qdisc.jsonl").read_text().splitlines()
    ]
    queue = next(row for row in rows if row["qdisc"] == "queue" and row["towards"] == "h2")
    assert queue["backlog_packets"] > 15
    assert queue["drops"] == 1  # the one by which the burst before t0 found the queue's end
    changes = [
        command["stdin"]
        for command in ran.commands
        if command["argv"][:2] == ["tc", "-batch"] and "change" in command["stdin"]
    ]
    assert "pfifo limit 30" in changes[0]
    assert "pfifo limit 40" in changes[1]
    assert "replace" not in "".join(changes)


def test_sysctl_returns_and_processes_obey(tmp_path: Path) -> None:
    key = "net.ipv4.tcp_sack"
    ran = run(
        plans.plan(
            seconds=1.2,
            files=(
                PlanFile(
                    "hello.sh",
                    "#!/bin/sh\necho hello from $WHO; cat; echo kept > $1/kept; sleep 50\n",
                ),
            ),
            steps=(
                plans.step("sack", Sysctl("h1", key, "0"), at=0.1, until=0.5),
                plans.spawn(
                    "shell",
                    "h1",
                    "sh",
                    "{dir}/hello.sh",
                    "{out}",
                    at=0.1,
                    environment={"WHO": "h1"},
                    stdin="and in\n",
                ),
                plans.step("said", WaitFor("h1", "log", "and in", SECOND, step="shell"), at=0.2),
                plans.step("kill", Kill("shell", "KILL"), at=0.6),
                plans.step("gone", WaitFor("h1", "exit", "", SECOND, step="shell"), at=0.7),
            ),
        ),
        tmp_path,
    )
    assert ran.engine["error"] is None
    assert ran.of("sack")["text"] == f"{key}: 1 -> 0"
    assert ran.of("sack", "end")["text"] == f"{key} = 1"
    assert (ran.raw / "logs" / "shell.out").read_text() == "hello from h1\nand in\n"
    assert (ran.raw / "logs" / "shell" / "kept").read_text() == "kept\n"
    assert ran.of("shell", "end")["status"] == -9


def test_unexpected_status_fails_the_run_and_keeps_the_data(tmp_path: Path) -> None:
    step = plans.spawn("bad", "h1", "sh", "-c", "echo oh no >&2; exit 3", at=0.2, expect_status=0)
    ran = run(plans.plan(seconds=30, steps=(step,), recorders=plans.CAPTURES), tmp_path)
    assert ran.status == 4
    assert "ended with status 3, the plan expects 0: oh no" in ran.engine["error"]
    assert ran.engine["end_ns"] < 5 * SECOND
    assert ran.engine["captures"]["h1-eth0"]["captured"] is not None


def test_a_wait_for_a_server_that_has_died_ends_at_once_with_its_words(tmp_path: Path) -> None:
    server = plans.spawn(
        "server", "h2", "sh", "-c", "echo 'error: no such option' >&2; echo bye >&2; exit 2"
    )
    ready = plans.step("ready", WaitFor("h2", "port", "80", 30 * SECOND, step="server"))
    ran = run(plans.plan(seconds=1, setup=(server, ready)), tmp_path)
    assert ran.status == 4
    assert ran.engine["error"] == "server ended with status 2: error: no such option"
    assert ran.engine["engine_seconds"] < 20
    assert not (ran.raw / ".engine.reserve").exists()


def test_a_server_that_leaves_another_process_behind_is_waited_for(tmp_path: Path) -> None:
    listen = "import socket, time; s = socket.create_server(('', 80)); time.sleep(9)"
    script = f'(sleep 0.5; exec {sys.executable} -c "{listen}") & exit 0'
    setup = (
        plans.spawn("server", "h2", "sh", "-c", script),
        plans.step("ready", WaitFor("h2", "port", "80", 20 * SECOND, step="server")),
    )
    assert run(plans.plan(seconds=0.2, setup=setup), tmp_path).engine["error"] is None


def test_who_ended_a_process_is_recorded(tmp_path: Path) -> None:
    steps = (
        plans.spawn("stopped", "h1", "sleep", "60", at=0.1, until=0.5),
        plans.spawn("killed", "h1", "sleep", "60", at=0.1),
        plans.step("kill", Kill("killed", "USR1"), at=0.5),
        plans.spawn("alone", "h1", "sh", "-c", "exit 3", at=0.1),
        plans.spawn("to_the_end", "h1", "sleep", "60", at=0.1),
    )
    ran = run(plans.plan(seconds=1, steps=steps), tmp_path)
    ends = {
        step: (ran.of(step, "end")["status"], ran.of(step, "end")["stopped_by"])
        for step in ("stopped", "killed", "alone", "to_the_end")
    }
    assert ends == {
        "stopped": (-15, "TERM"),
        "killed": (-10, "USR1"),
        "alone": (3, None),
        "to_the_end": (-15, "TERM"),
    }
    assert ran.status == 0


def test_sysctl_that_is_refused_names_both_values(tmp_path: Path) -> None:
    step = plans.step("bad", Sysctl("h1", "net.ipv4.tcp_retries2", "99999"), at=0.1)
    ran = run(plans.plan(seconds=1, steps=(step,)), tmp_path)
    assert ran.engine["status"] == "failed"
    assert "net.ipv4.tcp_retries2" in ran.engine["error"]


def test_repeated_step_runs_on_its_grid(tmp_path: Path) -> None:
    step = plans.step("tick", Mark("tick"), at=0.1, every=0.2, until=0.9)
    ran = run(plans.plan(seconds=1, steps=(step,)), tmp_path)
    assert [event["planned_ns"] // plans.MS for event in ran.events] == [100, 300, 500, 700]


def test_processes_that_are_due_together_start_together(tmp_path: Path) -> None:
    """They wait at a gate.

    Each has its own output, empty input and exit status, and its time is that of the gate.
    """
    clock = "import sys, time; print(time.monotonic_ns(), sys.stdin.read() == '')"
    steps = tuple(
        plans.spawn(f"p{number}", "h1", sys.executable, "-c", clock, at=0.2, expect_status=0)
        for number in range(5)
    )
    late = plans.spawn("late", "h1", "false", at=0.2, expect_status=1)
    never = (plans.spawn("never1", "h2", "true", at=9), plans.spawn("never2", "h2", "true", at=9))
    ran = run(plans.plan(seconds=3, steps=(*steps, late, *never)), tmp_path)
    assert (ran.status, ran.engine["problems"]) == (0, [])
    starts = [ran.of(step.id) for step in (*steps, late)]
    assert len({start["t_ns"] for start in starts}) == 1
    assert starts[0]["argv"] == [sys.executable, "-c", clock]
    assert [(ran.raw / "logs" / f"{step.id}.out").read_text().split()[1] for step in steps] == [
        "True"
    ] * 5
    assert [ran.of(step.id, "end")["status"] for step in (*steps, late)] == [0, 0, 0, 0, 0, 1]


def test_a_process_that_waits_for_its_time_ends_with_a_run_that_fails_before(
    tmp_path: Path,
) -> None:
    two = tuple(plans.spawn(f"sleeper{number}", "h1", "sleep", "4711", at=5) for number in range(2))
    ran = run(
        plans.plan(
            seconds=9, steps=(plans.spawn("fails", "h1", "false", at=0.1, expect_status=0), *two)
        ),
        tmp_path,
    )
    assert ran.status == 4
    assert not any(event["step"].startswith("sleeper") for event in ran.events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_interrupts_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """The sleeper's child has left its group and ignores what ends its parent."""
    own = 8000 + 10 * number  # so that no other test's sleepers are meant
    script = f"trap '' TERM; setsid sleep {own + 5} & sleep {own + 4}"
    step = plans.spawn("sleeper", "h1", "sh", "-c", script, at=0.0)
    (tmp_path / "plan.json").write_text(
        to_json(plans.plan(seconds=60, steps=(step,), recorders=plans.CAPTURES))
    )
    engine = [
        sys.executable,
        "-m",
        "tcpexp.engine.main",
        str(tmp_path / "plan.json"),
        str(tmp_path),
    ]
    process = subprocess.Popen(["unshare", "--net", "--mount", *engine], stderr=subprocess.DEVNULL)
    events = tmp_path / "events.jsonl"
    for _ in range(200):
        if events.exists() and "sleeper" in events.read_text():
            break
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(30) == 130
    ran = Ran(tmp_path, 130)
    assert (ran.engine["status"], ran.engine["error"]) == ("interrupted", number.name)
    assert ran.engine["captures"]["h2-eth0"]["captured"] is not None
    left = subprocess.run(
        ["pgrep", "-f", f"^sleep {own // 10}[45]$"], capture_output=True, check=False
    )
    assert left.stdout == b""
