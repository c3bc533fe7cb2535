"""A public fake: a small run directory of two hosts, written from hand-made rows, for the tests of
checks.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.checks import BUILTIN
from tcpexp.checks.base import Verdict
from tcpexp.checks.run import build_check
from tcpexp.plan.types import (
    DirectionPlan,
    Firewall,
    FlowPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    Needs,
    NetworkPlan,
    NodePlan,
    QueuePlan,
    Recorder,
    RunPlan,
    Spawn,
    Step,
    to_json,
)
from tcpexp.registry import Registry
from tcpexp.store.frames import conform, schema_of, write_table
from tcpexp.store.rundata import RunData
from tests.support.numbered import numbered

S = 1_000_000_000
MS = 1_000_000
H1, H2 = "10.0.0.1", "10.0.0.2"
ADDRESS = {"h1": H1, "h2": H2}
EVENTS = [
    "tcp:tcp_probe",
    "sock:inet_sock_set_state",
    "tcp:tcp_retransmit_skb",
    "tcp:tcp_cong_state_set",
]
ONE_WAY = DirectionPlan(rate_bps=10_000_000, queue=QueuePlan("pfifo", 100, None), delay_ns=20 * MS)


def two_hosts() -> NetworkPlan:
    nodes = tuple(
        NodePlan(
            name,
            "host",
            (InterfacePlan(f"{name}-eth0", f"02:00:00:00:00:0{index}", f"{ADDRESS[name]}/24"),),
        )
        for index, name in enumerate(("h1", "h2"), start=1)
    )
    link = LinkPlan(
        "h1-h2",
        LinkEnd("h1", "h1-eth0"),
        LinkEnd("h2", "h2-eth0"),
        ONE_WAY,
        ONE_WAY,
        True,
        True,
        True,
        40 * MS,
    )
    return NetworkPlan("two_host", nodes, (link,), ("10.0.0.0/24",))


def flow(name: str, port: int) -> FlowPlan:
    return FlowPlan(name, "h1", "h2", port, "h1", "iperf3", f"step_{name}", "all", None, 0, None)


def plan(duration_ns: int = 10 * S, ss_ns: int = S, snaplen: int = 0) -> RunPlan:
    """Two flows ``one`` and ``two`` from h1 to h2, a download ``get``, a web server, a firewall
    rule; everything recorded.
    """
    steps = (
        Step("get", 0, 1 * S, Spawn("h1", ("curl",)), "curl"),
        Step("wall", 1, 0, Firewall("h1", "INPUT", ("-j", "DROP")), "firewall", until_ns=5 * S),
    )
    recorders = (
        *(
            Recorder("capture", host, f"{host}-eth0", None, {"snaplen": snaplen})
            for host in ADDRESS
        ),
        *(Recorder("ss", host, None, ss_ns) for host in ADDRESS),
        *(Recorder("counters", host, None, S) for host in ADDRESS),
        Recorder("qdisc", None, None, S),
        Recorder("trace", None, None, None, {"events": EVENTS}),
    )
    return RunPlan(
        name="fake",
        title="Fake",
        description="",
        references=(),
        seed=1,
        duration_ns=duration_ns,
        network=two_hosts(),
        setup=(Step("server", 2, None, Spawn("h2", ("python3",)), "web server"),),
        steps=steps,
        recorders=recorders,
        flows=(flow("one", 5201), flow("two", 5202)),
        expect=(),
        plots=(),
        explain="",
        files=(),
        needs=Needs(),
    )


class CheckedRun:
    """A run directory that a test fills and asks."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.path = path
        self.plan = dataclasses.replace(plan(), **changes)
        self.engine: dict[str, Any] = {
            "status": "complete",
            "end_ns": self.plan.duration_ns,
            "captures": {f"{host}-eth0": {"captured": 1000, "dropped": 0} for host in ADDRESS},
            "trace": {"events": EVENTS, "missing": [], "overrun": 0},
        }
        (path / "raw" / "logs").mkdir(parents=True)
        self.write()

    def write(self) -> None:
        (self.path / "plan.json").write_text(to_json(self.plan))
        (self.path / "raw" / "engine.json").write_text(json.dumps(self.engine))

    def says(self, **engine: Any) -> CheckedRun:
        """Change what the engine said at its end."""
        self.engine |= engine
        self.write()
        return self

    def fill(self, table: str, rows: list[dict[str, Any]]) -> CheckedRun:
        """Write a table of the run; columns that a row lacks are null."""
        schema = schema_of(table)
        frame = pl.DataFrame(
            [{name: row.get(name) for name in schema} for row in rows], schema=schema
        )
        write_table(self.path, table, conform(numbered(frame), table))
        return self

    def log(self, name: str, text: str) -> CheckedRun:
        (self.path / "raw" / "logs" / name).write_text(text)
        return self

    def snapshots(self, host: str, times: list[int]) -> CheckedRun:
        """Say when ss was asked, also where it showed nothing."""
        folder = self.path / "raw" / "ss"
        folder.mkdir(exist_ok=True)
        (folder / f"{host}.txt").write_text("".join(f"# t_ns={t_ns}\n" for t_ns in times))
        return self

    def metrics(self, values: dict[str, Any]) -> CheckedRun:
        (self.path / "metrics.json").write_text(json.dumps(values))
        return self

    def data(self) -> RunData:
        return RunData(self.path)

    def ask(self, check: str, **given: Any) -> Verdict:
        """Return the verdict of a check.

        ``from_`` stands for the parameter ``from``, ``is_`` for ``is``.
        """
        registry: Registry[Any] = Registry("check")
        for name, model in BUILTIN.items():
            registry.add(name, model)
        return build_check(
            registry, check, {key.rstrip("_"): value for key, value in given.items()}
        ).judge(self.data())


def packet(
    number: int, t_ns: int, source: str = "h1", target: str = "h2", flags: str = "A", **more: Any
) -> dict[str, Any]:
    """A row of ``packets`` at the sender's capture."""
    seen_at = more.pop("seen_at", source)
    return {
        "capture": f"{seen_at}-eth0",
        "node": seen_at,
        "number": number,
        "t_ns": t_ns,
        "protocol": "tcp",
        "src": ADDRESS.get(source, source),
        "dst": ADDRESS[target],
        "src_port": 40000 if target == "h2" else 80,
        "dst_port": 80 if target == "h2" else 40000,
        "flags": flags,
        "payload_bytes": 0,
        "labels": [],
        "stream": 0,
        **more,
    }


def throughput(name: str, rate_bps: int, begin_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """Rows of ``throughput`` at a constant rate."""
    size = rate_bps // 80
    return [
        {
            "flow": name,
            "t_ns": t_ns,
            "interval_ns": 100 * MS,
            "packets": 1,
            "goodput_bytes": size,
            "payload_bytes": size,
            "wire_bytes": size,
        }
        for t_ns in range(begin_ns, end_ns, 100 * MS)
    ]


def socket(t_ns: int, host: str, state: str, port: int = 40000, **more: Any) -> dict[str, Any]:
    """A row of ``sockets``: host's socket to the other host's port 80, or of port 80 on h2."""
    here, there = (port, 80) if host == "h1" else (80, port)
    other = "h2" if host == "h1" else "h1"
    return {
        "t_ns": t_ns,
        "node": host,
        "state": state,
        "local_address": ADDRESS[host],
        "local_port": here,
        "peer_address": ADDRESS[other],
        "peer_port": there,
        **more,
    }


def change(t_ns: int, host: str, old: str, new: str, port: int = 40000) -> dict[str, Any]:
    """A row of ``states``."""
    row = socket(t_ns, host, "", port)
    row.pop("state")
    return {**row, "old_state": old, "new_state": new}


def process(
    step: str, begin_ns: int, end_ns: int | None = None, status: int | None = 0
) -> list[dict[str, Any]]:
    """Rows of ``events`` of one process."""
    rows = [{"t_ns": begin_ns, "event": "start", "step": step}]
    return (
        rows
        if end_ns is None
        else [*rows, {"t_ns": end_ns, "event": "end", "step": step, "status": status}]
    )
