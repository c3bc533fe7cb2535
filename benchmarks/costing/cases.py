"""Experiments whose cost is measured beside the shipped ones, made from a rate, a number of flows,
a network and a duration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

#: One-way delay of the bottleneck; the base RTT is twice that.
DELAY_MS = 20


@dataclass(frozen=True)
class Case:
    """One spec: its text, and files that lie beside it."""

    name: str
    text: str
    files: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the spec and its files into ``folder`` and return the spec's path."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        spec = folder / "spec.yaml"
        spec.write_text(self.text)
        return spec


def handshake(milliseconds: int) -> Case:
    """Return one short connection at 0 s, and then nothing to the end."""
    text = f"""\
name: cost_handshake
title: One short connection
topology: two_host
links:
  h1-h2: {{delay: 10ms}}
seed: 1
duration: {milliseconds}ms
actions:
  - {{do: http_server, id: web, host: h2, files: {{index.html: "Hello from h2."}}}}
  - {{at: 0s, do: http_get, id: get, from: h1, to: h2}}
"""
    return Case(f"handshake, {milliseconds / 1e3:g} s", text)


def bulk(
    rate_mbit: int, seconds: int, *, flows: int = 1, nodes: int = 2, delay_ms: int = DELAY_MS
) -> Case:
    """Return CUBIC flows from the first host to the last through one bottleneck, a BDP of queue."""
    link = f"{{rate: {rate_mbit}mbit, delay: {delay_ms}ms, queue: 1bdp}}"
    network, files, last = _network(nodes, link)
    common = f"do: iperf3, from: h1, to: {last}, congestion_control: cubic, until: {seconds}s"
    text = "\n".join(
        [
            f"name: cost_{rate_mbit}_mbit_{nodes}_nodes",
            "title: Bulk transfer",
            network,
            "seed: 1",
            f"duration: {seconds}s",
            "actions:",
            *(f"  - {{at: 0s, flow: f{number}, {common}}}" for number in range(1, flows + 1)),
            "",
        ]
    )
    words = f"{rate_mbit} Mbit/s, {flows} flow{'s' * (flows > 1)}, {nodes} nodes, {seconds} s"
    return Case(words, text, files)


def _network(nodes: int, link: str) -> tuple[str, dict[str, str], str]:
    """Return the spec's lines on the network, the topology file, and the receiving host."""
    if nodes == 2:
        return f"topology: two_host\nlinks:\n  h1-h2: {link}", {}, "h2"
    senders = [f"h{number}" for number in range(1, nodes - 1)]
    last = f"h{nodes - 1}"
    kinds = {**dict.fromkeys(senders, "host"), "r1": "router", last: "host"}
    links = [*((sender, "r1", "") for sender in senders), ("r1", last, link)]
    described = ", ".join(f"{node}: {kind}" for node, kind in kinds.items())
    lines = [f"  - [{', '.join(part for part in link if part)}]" for link in links]
    named = f"nodes: {{{described}}}"
    about = "description: Hosts at a router; one link is the bottleneck."
    topology = "\n".join([about, named, "links:", *lines, ""])
    return "topology: star", {"star.yaml": topology}, last
