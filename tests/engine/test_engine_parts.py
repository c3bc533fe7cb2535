"""The engine's small parts that need no root: clock, parsers, paths, waiting."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tcpexp.engine import captures, conditions, paths, probes, processes, sampler, timeline, trace
from tcpexp.engine.clock import Clock, round_up
from tcpexp.engine.journal import JsonLines
from tcpexp.engine.main import write_files
from tcpexp.engine.waiting import Interrupted, Waiter
from tcpexp.errors import RunError
from tcpexp.plan.types import (
    DirectionPlan,
    LinkEnd,
    LinkPlan,
    Mark,
    NetworkPlan,
    NodePlan,
    PlanFile,
)
from tcpexp.recorders.cpu.guest import parse_ticks
from tests.support import engine_plans as plans


def test_lines_before_zero_wait_for_it(tmp_path: Path) -> None:
    clock = Clock()
    lines = JsonLines(tmp_path / "lines.jsonl", clock)
    now = Clock.monotonic_ns()
    lines.write({"n": 1}, now)
    assert (tmp_path / "lines.jsonl").read_text() == ""
    zero = clock.set_zero()
    lines.write({"n": 2}, zero + 5)
    lines.close()
    rows = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert rows == [{"t_ns": now - zero, "n": 1}, {"t_ns": 5, "n": 2}]


def test_zero_is_a_round_instant_ahead() -> None:
    zero = Clock().set_zero(headroom_ns=1_000_000)
    assert zero % 500_000_000 == 0
    assert round_up(7, 5) == 10
    assert round_up(10, 5) == 10


def test_tcpdump_counts() -> None:
    text = (
        "listening on h1-eth0\n4245 packets captured\n4250 packets received by filter\n3 packets"
        " dropped by kernel\n"
    )
    assert captures.parse_statistics(text) == {"captured": 4245, "dropped": 3}
    assert captures.parse_statistics("1 packet captured") == {"captured": 1, "dropped": None}
    assert captures.capture_name("h1", "h1-eth0") == "h1-eth0"
    assert captures.capture_name("r", "up0") == "r-up0"


def test_proc_tcp() -> None:
    text = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout"
        " inode\n   0: 00000000:1451 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0 "
        "       0 28 1 0 100 0 0 10 0\n   1: 0100000A:9C40 0200000A:1451 01 00000000:00000000"
        " 00:00000000 00000000     0        0 30 1 0 20 4 30 10 -1\n"
    )
    assert conditions.parse_proc_tcp(text) == [
        conditions.SocketRow(5201, 0, "listen"),
        conditions.SocketRow(40000, 5201, "estab"),
    ]


def test_cpu_line() -> None:
    assert parse_ticks(b"cpu  10 1 5 80 3 0 1 0 0 0") == (17, 100)


def test_ring_buffer_overrun() -> None:
    text = (
        "entries: 12\noverrun: 5\ncommit overrun: 0\nbytes: 100\ndropped events: 2\nread"
        " events: 7\n"
    )
    assert trace.parse_overrun(text) == 7


def test_trace_without_tracefs_names_what_is_missing(tmp_path: Path) -> None:
    recording = trace.Trace(tmp_path, "tcpexp-test", ["tcp:tcp_probe"], tracefs=tmp_path / "no")
    recording.start()
    recording.stop()
    assert recording.close() is not None
    assert json.loads((tmp_path / "trace" / "trace.json").read_text())["missing"] == [
        "tcp:tcp_probe"
    ]


def test_path_through_a_router() -> None:
    network = plans.line(
        tuple(
            plans.shaped(rate, 50, delay_ns=delay)
            for rate, delay in ((10**7, 1), (10**7, 2), (2 * 10**7, 4), (10**7, 8))
        )
    )
    ways = paths.Paths(network)
    hops = ways.between("h1", "h2")
    assert hops is not None
    assert [hop.towards for hop in hops] == ["r1", "h2"]
    assert ways.asked_rtt_ns("h1", "h2") == 15
    by_direction = ways.pairs_by_direction()
    assert by_direction["h1-r1", "r1"] == ("h1", "h2")
    assert ("r1-h2", "h2") not in by_direction  # hidden behind the slower first link
    assert paths.Paths(plans.network()).between("h1", "h1") == ()


def test_in_a_large_network_few_pairs_cross_every_link(tmp_path: Path) -> None:
    ways = paths.Paths(plans.compiled(tmp_path, "{name: dumbbell, params: {pairs: 20}}"))
    flows = [(f"a{number}", f"b{number}") for number in range(1, 4)]
    pairs = ways.covering_pairs([*flows, ("b1", "a1")])
    assert pairs[:3] == flows
    crossed = {hop.link.name for pair in pairs for hop in ways.between(*pair) or ()}
    assert crossed == {link.name for link in ways.network.links}
    assert len(pairs) <= 25 < len(ways.host_pairs()) == 780


def test_the_rings_of_many_captures_fit_into_memory() -> None:
    assert captures.buffer_kib(2) == captures.buffer_kib(8) == 16_384
    assert captures.buffer_kib(32) == 4_096
    assert captures.buffer_kib(400) == 2_048


def test_checksum() -> None:
    # RFC 1071 section 3
    assert probes.internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


def test_waiter_stops_when_asked_and_serves_what_happens() -> None:
    reader, writer = os.pipe()
    seen: list[bytes] = []
    waiter = Waiter(lambda: bool(seen))
    waiter.watch(reader, lambda: seen.append(os.read(reader, 1)))
    os.write(writer, b"x")
    assert waiter.wait_for(lambda: bool(seen), Clock.monotonic_ns() + 10**10, 10**10)
    with pytest.raises(Interrupted):
        waiter.check()
    os.close(reader)
    os.close(writer)


def test_grid_skips_what_is_past() -> None:
    sample = sampler.Sample("ss", 100, lambda t_ns: None)
    sample.advance(20)
    assert sample.next_ns == 100
    sample.advance(350)
    assert sample.next_ns == 400


def test_files_of_the_plan_stay_in_their_folder(tmp_path: Path) -> None:
    write_files(
        (PlanFile("a/b.txt", "text"), PlanFile("c", "AAE=", binary=True)), tmp_path / "files"
    )
    assert (tmp_path / "files" / "a" / "b.txt").read_text() == "text"
    assert (tmp_path / "files" / "c").read_bytes() == b"\0\1"
    with pytest.raises(RunError, match="outside"):
        write_files((PlanFile("../x", ""),), tmp_path / "files")


def test_processes_at_whose_instant_more_is_due_are_prepared() -> None:
    steps = (
        plans.spawn("a", "h1", "true", at=0),
        plans.spawn("b", "h2", "true", at=0),
        plans.step("mark", Mark("m"), at=0),
        plans.spawn("c", "h1", "true", at=0),
        plans.spawn("d", "h1", "true", at=1),
        plans.spawn("with_input", "h1", "cat", at=1, stdin="text"),
        plans.spawn("e", "h1", "true", at=2),
        plans.spawn("f", "h1", "true", at=2),
        plans.spawn("alone_before_a_step", "h1", "true", at=2.5),
        plans.step("rule", Mark("m"), at=2.5),
        plans.spawn("too_late", "h1", "true", at=5),
        plans.spawn("too_late2", "h1", "true", at=5),
    )
    groups = timeline.simultaneous_spawns(plans.plan(seconds=3, steps=steps))
    assert [[step.id for step in group] for group in groups] == [
        ["a", "b"],
        ["d"],
        ["e", "f"],
        ["alone_before_a_step"],
    ]


def test_signal_names() -> None:
    assert processes.signal_number("term") == processes.signal_number("SIGTERM") == 15
    with pytest.raises(RunError, match="no such signal"):
        processes.signal_number("NOPE")


def test_unshaped_direction_needs_no_netem() -> None:
    assert not DirectionPlan(rate_bps=1).has_faults_or_delay


def test_of_many_equal_links_one_rate_is_measured() -> None:
    shaped, port = plans.shaped(10**7, 50), plans.shaped(10**7, 20)
    ends = [(f"s{number}", "r1") for number in range(1, 31)] + [("r1", "c1")]
    nodes = tuple(
        NodePlan(name, "router" if name == "r1" else "host", ())
        for name in dict.fromkeys(end for pair in ends for end in pair)
    )
    links = tuple(
        LinkPlan(
            f"{a}-{b}",
            LinkEnd(a, ""),
            LinkEnd(b, ""),
            *(2 * [port if b == "c1" else shaped]),
            True,
            True,
            False,
            0,
        )
        for a, b in ends
    )
    chosen = probes.chosen_rates(NetworkPlan("star", nodes, links, ()))
    assert [(link.name, towards) for link, towards, _ in chosen] == [
        ("s1-r1", "r1"),
        ("r1-c1", "c1"),
    ]
    few = probes.chosen_rates(NetworkPlan("star", nodes, (*links[:3], links[-1]), ()))
    assert len(few) == 8
