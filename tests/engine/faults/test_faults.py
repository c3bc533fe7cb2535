"""Faults on chosen segments: rules as bytes, the program's object beside its source, and what it
does between two real kernels' sockets.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tcpexp.engine.faults import rules as layout
from tcpexp.engine.faults.rules import ALL, Rule, rules_of
from tcpexp.engine.faults.segments import OBJECT
from tcpexp.errors import RunError
from tcpexp.places.host.needs import fault_program_complaint
from tcpexp.plan.types import DirectionPlan, RunPlan, SegmentFault, WaitFor
from tests.support import engine_plans as plans
from tests.support.engine_runs import Ran, run
from tests.support.folders import ROOT

SERVER = """
import socket
server = socket.create_server(('', 80))
while True:
    connection, _ = server.accept()
    received = 0
    while data := connection.recv(65536):
        received += len(data)
    print(received, flush=True)
"""
CLIENT = """
import socket, time
connection = socket.create_connection(('10.0.0.2', 80))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(60):
    connection.send(b'x' * 1000)
    time.sleep(0.005)
connection.close()
"""


def fault(
    segment: str = "data", effect: str = "drop", *, source: str = "h1", **given: Any
) -> SegmentFault:
    towards = "h2" if source == "h1" else "h1"
    settled: dict[str, Any] = {
        "nth": (1,),
        "first": None,
        "every": None,
        "bytes": (),
        "transmissions": (1,),
        "delay_ns": 0,
        "skip_connections": 0,
    }
    settled |= given
    return SegmentFault(
        "h1-h2",
        towards,
        source,
        None,
        source_port=None,
        target_port=None,
        either_port=80,
        segment=segment,
        effect=effect,
        **settled,  # type: ignore[arg-type]
    )


# ------------------------------------------------------------------------------------------------
# rules and lines


@pytest.mark.parametrize(
    ("given", "series"),
    [
        ({"nth": (20, 22)}, [(20, 20, 1), (22, 22, 1)]),
        ({"nth": (), "every": 100, "first": 50}, [(50, ALL, 100)]),
        ({"nth": (), "bytes": (10, 20)}, [(10, 20, 1)]),
    ],
)
def test_a_fault_becomes_rules(given: dict[str, Any], series: list[tuple[int, int, int]]) -> None:
    assert [
        (rule.first, rule.last, rule.every) for rule in rules_of("lose", fault(**given))
    ] == series


def test_transmissions_are_bits() -> None:
    assert [layout.transmission_mask(transmissions) for transmissions in ((1,), (1, 3), ())] == [
        1,
        5,
        ALL,
    ]
    with pytest.raises(RunError, match="from 1 to 63"):
        layout.transmission_mask((64,))


def test_a_rule_has_the_layout_of_the_program() -> None:
    packed = Rule(
        "lose", fault("syn-ack", source="h2", transmissions=(2,)), 1, 1, detour=7, active=True
    ).pack({"h1": 1, "h2": 2})
    assert len(packed) == 72
    assert struct.unpack("=IIIIHHHHIIQQQQII", packed) == (
        1,
        1,
        2,
        0,
        0,
        0,
        80,
        0,
        2,
        0,
        1,
        1,
        1,
        2,
        1,
        7,
    )


def test_a_line_of_the_log_becomes_a_row() -> None:
    addresses = (
        socket.inet_aton("10.0.0.1").ljust(16, b"\0"),
        socket.inet_aton("10.0.0.2").ljust(16, b"\0"),
    )
    line = layout.LINE.pack(5_000, *addresses, 40000, 80, 4, 1000, 2, 0, 4, 123, 500, 1, 1)
    row = layout.unpack_line(line, 2_000, [Rule("lose", fault(nth=(2,)), 2, 2)])
    assert (
        row["t_ns"],
        row["step"],
        row["src"],
        row["dst_port"],
        row["offset"],
        row["number"],
    ) == (3_000, "lose", "10.0.0.1", 80, 1000, 2)
    assert layout.address_text(socket.inet_pton(socket.AF_INET6, "fd00::2"), 6) == "fd00::2"


# ------------------------------------------------------------------------------------------------
# source and object


def test_the_object_was_built_from_the_source_beside_it() -> None:
    record = json.loads(OBJECT.with_suffix(".json").read_text())
    for key, name in (("source_sha256", "segments.bpf.c"), ("object_sha256", "segments.bpf.o")):
        assert record[key] == hashlib.sha256((OBJECT.parent / name).read_bytes()).hexdigest(), (
            f"{name} changed: run scripts/build-bpf"
        )


@pytest.mark.full
def test_building_again_gives_the_same_object(tmp_path: Path) -> None:
    if not shutil.which("clang"):
        pytest.skip("clang is not installed: apt install clang llvm libbpf-dev")
    done = subprocess.run(
        [str(ROOT / "scripts" / "build-bpf"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, after = (
        json.loads((folder / "segments.bpf.json").read_text())
        for folder in (OBJECT.parent, tmp_path)
    )
    if before["compiler"] != after["compiler"]:
        pytest.skip(f"the object was built by {before['compiler']}, here is {after['compiler']}")
    assert after == before


# ------------------------------------------------------------------------------------------------
# between sockets


def run_with(
    folder: Path, faults: dict[str, SegmentFault], shaped: bool, seconds: float = 4.0
) -> Ran:
    if complaint := fault_program_complaint():
        pytest.skip(f"this kernel lacks what faults need: {complaint.splitlines()[0]}")
    direction = plans.shaped(10_000_000, 100) if shaped else DirectionPlan()
    server = (
        plans.spawn("server", "h2", sys.executable, "-c", SERVER),
        plans.step("ready", WaitFor("h2", "port", "80", 10 * plans.SECOND)),
    )
    setup = (*server, *(plans.step(name, what) for name, what in faults.items()))
    client = plans.spawn("client", "h1", sys.executable, "-c", CLIENT, at=0.1)
    plan: RunPlan = plans.plan(
        plans.network(direction, direction),
        seconds=seconds,
        setup=setup,
        steps=(client,),
        recorders=plans.CAPTURES,
    )
    return run(plan, folder)


def lines_of(ran: Ran) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for point in json.loads((ran.raw / "faults.json").read_text())["points"]:
        assert [
            point[key] for key in ("lines_lost", "untracked_flows", "untracked_segments", "failed")
        ] == [0, 0, 0, 0]
        for line in point["lines"]:
            found.setdefault(line["step"], []).append(line)
    return found


@pytest.mark.root
@pytest.mark.parametrize("shaped", [True, False])
def test_each_fault_touches_what_it_names_and_tcp_repairs_it(tmp_path: Path, shaped: bool) -> None:
    faults = {
        "fifth": fault(nth=(5,), transmissions=(1, 2)),
        "bytes": fault("data", "corrupt", nth=(), bytes=(20_500, 20_500)),
        "acks": fault("pure-ack", "duplicate", source="h2", nth=(), every=10, first=10),
        "fin": fault("fin"),
        "never": fault(nth=(5_000,)),
    }
    ran = run_with(tmp_path, faults, shaped)
    assert (ran.status, ran.engine["problems"]) == (0, [])
    lines = lines_of(ran)
    assert [(line["number"], line["transmission"], line["offset"]) for line in lines["fifth"]] == [
        (5, 1, 4000),
        (5, 2, 4000),
    ]
    (damaged,) = lines["bytes"]
    assert damaged["offset"] <= 20_500 < damaged["offset"] + damaged["payload_bytes"]
    assert [line["number"] for line in lines["acks"]] == list(
        range(10, 10 * len(lines["acks"]) + 1, 10)
    )
    assert [(line["segment"], line["transmission"]) for line in lines["fin"]] == [("fin", 1)]
    assert "never" not in lines and ran.of("never", "end")["text"] == "acted on 0 segments"
    assert (ran.raw / "logs" / "server.out").read_text().split() == ["60000"], (
        "TCP repaired everything"
    )


@pytest.mark.root
def test_the_handshake_can_be_lost_too(tmp_path: Path) -> None:
    faults = {"syn": fault("syn"), "synack": fault("syn-ack", source="h2")}
    lines = lines_of(run_with(tmp_path, faults, True, 7.0))
    assert [line["transmission"] for line in (*lines["syn"], *lines["synack"])] == [1, 1]
    assert lines["synack"][0]["t_ns"] - lines["syn"][0]["t_ns"] > 900_000_000, (
        "the first SYN never reached h2"
    )
