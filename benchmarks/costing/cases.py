"""The experiments whose cost is measured: spec files made from a rate, a number of flows, a network and a duration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

#: One-way delay of the bottleneck; the base RTT is twice that.
DELAY_MS = 20
#: The values along which the cost is shown; the middle of each axis is the case that all have in common.
RATES = (1, 10, 100)
FLOWS = (1, 4, 16)
NODES = (2, 4, 8)


@dataclass(frozen=True)
class Case:
    """One spec: its text, files that lie beside it, options of ``tcpexp run``, and where it stands on which axis."""

    name: str
    text: str
    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("--on", "guest")
    axes: dict[str, float] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the spec and its files into ``folder`` and return the spec's path."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        spec = folder / "spec.yaml"
        spec.write_text(self.text)
        return spec


def handshake(seconds: int) -> Case:
    """Return one short connection at 0 s, and then nothing to the end: what a run costs when hardly a packet is sent."""
    text = f"""\
name: cost_handshake
title: One short connection
topology: two_host
links:
  h1-h2: {{delay: 10ms}}
seed: 1
duration: {seconds}s
actions:
  - {{do: http_server, id: web, host: h2, files: {{index.html: "Hello from h2."}}}}
  - {{at: 0s, do: http_get, id: get, from: h1, to: h2}}
"""
    return Case(f"handshake, {seconds} s", text, axes={"idle seconds": seconds})


def bulk(rate_mbit: float, flows: int, seconds: int, *, nodes: int = 2, mss: int | None = None, tag: str = "cost") -> Case:
    """Return ``flows`` CUBIC flows from the first host to the last one through a bottleneck of ``rate_mbit``, 20 + 20 ms, one BDP of queue."""
    link = f"{{rate: {rate_mbit:g}mbit, delay: {DELAY_MS}ms, queue: 1bdp}}"
    network, files, last = _network(nodes, link)
    segment = "" if mss is None else f", mss: {mss}"
    lines = [
        f"  - {{at: 0s, do: iperf3, from: h1, to: {last}, flow: f{number}, congestion_control: cubic, until: {seconds}s{segment}}}"
        for number in range(1, flows + 1)
    ]
    text = "\n".join([f"name: {tag}_{nodes}_nodes", "title: Bulk transfer", network, "seed: 1", f"duration: {seconds}s", "actions:", *lines, ""])
    name = f"{rate_mbit:g} Mbit/s, {flows} flow{'s' * (flows > 1)}, {nodes} nodes, {seconds} s" + ("" if mss is None else f", MSS {mss}")
    return Case(name, text, files)


def _network(nodes: int, link: str) -> tuple[str, dict[str, str], str]:
    """Return the spec's lines on the network, the topology file beside it, and the receiving host."""
    if nodes == 2:
        return f"topology: two_host\nlinks:\n  h1-h2: {link}", {}, "h2"
    if nodes == 4:
        kinds = {"h1": "host", "r1": "router", "r2": "router", "h2": "host"}
        links = [("h1", "r1", ""), ("r1", "r2", link), ("r2", "h2", "")]
        name, last = "chain", "h2"
    else:
        last = f"h{nodes - 1}"
        kinds = {f"h{number}": "host" for number in range(1, nodes - 1)} | {"r1": "router", last: "host"}
        links = [(f"h{number}", "r1", "") for number in range(1, nodes - 1)] + [("r1", last, link)]
        name = "star"
    described = ", ".join(f"{node}: {kind}" for node, kind in kinds.items())
    lines = [f"  - [{', '.join(part for part in each if part)}]" for each in links]
    topology = "\n".join(["description: Hosts and routers; one link is the bottleneck.", f"nodes: {{{described}}}", "links:", *lines, ""])
    return f"topology: {name}", {f"{name}.yaml": topology}, last


def growth_cases(seconds: int) -> list[Case]:
    """Return the cases along the axes rate, flows, nodes and duration, each once, with where they stand on each axis."""
    points: dict[tuple[int, int, int, int], dict[str, float]] = {}

    def add(axis: str, value: int, rate: int = 10, flows: int = 1, nodes: int = 2, length: int = seconds) -> None:
        points.setdefault((rate, flows, nodes, length), {})[axis] = value

    for rate in RATES:
        add("rate", rate, rate=rate)
    for flows in FLOWS:
        add("flows", flows, flows=flows)
    for nodes in NODES:
        add("nodes", nodes, nodes=nodes)
    for times in (1, 2, 4):
        add("busy seconds", times * seconds, length=times * seconds)
    cases = []
    for (rate, flows, nodes, length), axes in points.items():
        case = bulk(rate, flows, length, nodes=nodes)
        cases.append(Case(case.name, case.text, case.files, case.arguments, axes))
    return cases
