"""Small plans written by hand, for tests of the engine and of places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import (
    DirectionPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    Needs,
    NetworkPlan,
    NodePlan,
    QueuePlan,
    Recorder,
    RoutePlan,
    RunPlan,
    Spawn,
    Step,
)

MS = 1_000_000
SECOND = 1_000_000_000
CAPTURES = (
    Recorder("capture", "h1", "h1-eth0", None, {"snaplen": 128}),
    Recorder("capture", "h2", "h2-eth0", None, {}),
)


def network(
    forward: DirectionPlan | None = None,
    backward: DirectionPlan | None = None,
    wire_netem: bool = False,
    **changes: Any,
) -> NetworkPlan:
    """Two hosts and one link; a wire when a direction is given."""
    wire = forward is not None or backward is not None
    forward, backward = forward or DirectionPlan(), backward or DirectionPlan()
    link = LinkPlan(
        name="h1-h2",
        a=LinkEnd("h1", "h1-eth0"),
        b=LinkEnd("h2", "h2-eth0"),
        forward=forward,
        backward=backward,
        wire=wire,
        wire_queue=wire and bool(forward.rate_bps or backward.rate_bps),
        wire_netem=wire_netem,
        base_rtt_ns=forward.delay_ns + backward.delay_ns,
    )
    nodes = tuple(
        NodePlan(
            f"h{number}",
            "host",
            (InterfacePlan(f"h{number}-eth0", f"02:00:00:00:00:0{number}", f"10.0.0.{number}/24"),),
            sysctls={"net.ipv4.tcp_congestion_control": "reno"},
        )
        for number in (1, 2)
    )
    made = NetworkPlan("two_host", nodes, (replace(link, **changes),), ("10.0.0.0/24",))
    return made


def shaped(rate_bps: int, packets: int, **more: Any) -> DirectionPlan:
    """A bottleneck with a queue of ``packets``."""
    return DirectionPlan(rate_bps=rate_bps, queue=QueuePlan("pfifo", packets, None), **more)


def plan(
    net: NetworkPlan | None = None,
    *,
    seconds: float = 1.0,
    setup: tuple[Step, ...] = (),
    steps: tuple[Step, ...] = (),
    recorders: tuple[Recorder, ...] = (),
    **more: Any,
) -> RunPlan:
    """A run of ``seconds`` on ``net``, by default two hosts on a plain link."""
    return RunPlan(
        name="test",
        title="A test",
        description="",
        references=(),
        seed=1,
        duration_ns=round(seconds * SECOND),
        network=net or network(),
        setup=setup,
        steps=steps,
        recorders=recorders,
        flows=(),
        expect=(),
        plots=(),
        explain="",
        files=more.pop("files", ()),
        needs=more.pop("needs", Needs()),
        **more,
    )


def spawn(
    step_id: str,
    node: str,
    *argv: str,
    at: float | None = None,
    until: float | None = None,
    **more: Any,
) -> Step:
    """A step that starts a process."""
    return step(step_id, Spawn(node, argv, **more), at=at, until=until)


def step(
    step_id: str,
    do: Any,
    *,
    at: float | None = None,
    until: float | None = None,
    every: float | None = None,
) -> Step:
    """A step, times in seconds."""

    def ns(value: float | None) -> int | None:
        return None if value is None else round(value * SECOND)

    return Step(step_id, 0, ns(at), do, f"do {step_id}", ns(until), ns(every))


def line(directions: tuple[DirectionPlan, ...], wire_netem: bool = False) -> NetworkPlan:
    """h1, router r1, h2; ``directions`` are h1 to r1, r1 to h1, r1 to h2, h2 to r1."""
    r1 = NodePlan(
        "r1",
        "router",
        (
            InterfacePlan("r1-eth0", "02:00:00:00:01:01", "10.0.1.254/24"),
            InterfacePlan("r1-eth1", "02:00:00:00:01:02", "10.0.2.254/24"),
        ),
    )
    hosts = tuple(
        NodePlan(
            f"h{number}",
            "host",
            (InterfacePlan(f"h{number}-eth0", f"02:00:00:00:00:0{number}", f"10.0.{number}.1/24"),),
            (RoutePlan("default", f"10.0.{number}.254"),),
        )
        for number in (1, 2)
    )
    links = tuple(
        LinkPlan(
            name=f"h{number}-r1",
            a=LinkEnd(f"h{number}", f"h{number}-eth0"),
            b=LinkEnd("r1", f"r1-eth{number - 1}"),
            forward=directions[(0, 3)[number - 1]],
            backward=directions[(1, 2)[number - 1]],
            wire=True,
            wire_queue=any(direction.rate_bps for direction in directions),
            wire_netem=wire_netem,
            base_rtt_ns=sum(direction.delay_ns for direction in directions),
        )
        for number in (1, 2)
    )
    return NetworkPlan("line", (*hosts, r1), links, ("10.0.1.0/24", "10.0.2.0/24"))


def compiled(folder: Path, topology: str) -> NetworkPlan:
    """Return the network of a topology, with its addresses and routes, as a spec has it."""
    (folder / "mine.yaml").write_text(f"name: mine\ntopology: {topology}\nduration: 5s\n")
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(folder / "mine.yaml", catalogue), catalogue).network
