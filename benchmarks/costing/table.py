"""The table: a line for each thing measured, what it must reach, a column for each place."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Value = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One line: what is measured, what it must reach, the digits that are shown."""

    title: str
    must: str = ""
    digits: int = 2


#: In the order of the table. Seconds of wall time unless the title says otherwise.
LINES = {
    "first_packet": Line("command to first packet of the experiment, s", "1.0"),
    "handshake_teardown": Line("`handshake_teardown` (65 s), whole command with report, s", "2.5"),
    "dead_host": Line("`dead_host` (135 s), whole command, s", "3"),
    "bbr_vs_cubic_alone": Line("`bbr_vs_cubic` (60 s), run alone, s", "3.5"),
    "bbr_vs_cubic": Line("`bbr_vs_cubic` (60 s), whole command, s", "8"),
    "impaired_download": Line("`impaired_download` (100 MB, 670 s), whole command, s", "25", 1),
    "flow_10": Line("one flow, 10 Mbit/s, run alone, s per virtual s", "0.04", 3),
    "flow_100": Line("one flow, 100 Mbit/s, run alone, s per virtual s", "0.5", 3),
    "flow_1000": Line("one flow, 1000 Mbit/s, run alone, s per virtual s", "3", 3),
    "flows_16": Line("16 flows, 10 Mbit/s, run alone, s per virtual s", digits=3),
    "nodes_8": Line("8 nodes, one flow, 10 Mbit/s, run alone, s per virtual s", digits=3),
    "sweep": Line("sweep: runs per minute, two at a time over one at a time", "1.9"),
    "all_experiments": Line("`tcpexp run experiments/ --jobs 2`, s", "180", 0),
    "memory": Line("memory of a run (10 Mbit/s, 60 s), GiB", "0.4"),
}
LINE_KEYS = frozenset(LINES)
NOTES = (
    (
        "A cell is the median of the rounds and, in parentheses, the least and the most. "
        "A whole command is from its start to its exit, report written."
    ),
    (
        "The first packet is the SYN of a connection that begins at the experiment's zero. tcpdump"
        " writes in blocks, so the run is made once more, to end 2 ms of its time after the SYN;"
        " what counts is when that guest begins to stop."
    ),
    (
        "`run alone` of a shipped experiment is the guest from its start to its end; per virtual"
        " second, it is the phase `run`, without the building of the network. Everything is"
        " recorded as usual: captures at both ends, sockets, trace, counters, queues."
    ),
    (
        "One flow is CUBIC over 20 + 20 ms with a queue of one bandwidth-delay product; at "
        "1000 Mbit/s 5 + 5 ms, so that the receive buffer of Linux lets it fill the path."
    ),
    "TCLink runs on the real clock: a virtual second takes one there, whatever is sent.",
    "Memory is the sum of PSS of all processes of the command at its largest moment.",
    (
        "Reading captures has a benchmark of its own, `benchmarks/ingest.py` (300,000 packets a"
        " second and core without labels, 40,000 with); equal captures have"
        " `benchmarks/repeatability.py`."
    ),
)


def place_order(values: Iterable[Value]) -> list[str]:
    """Return the places that were measured, in the order of their first value."""
    return list(dict.fromkeys(value["place"] for value in values))


def main_table(values: list[Value]) -> list[list[str]]:
    """Return headings and lines: what, must, a cell per place, load of the machine."""
    places = place_order(values)
    rows = [["", "must", *places, "load"]]
    for key, line in LINES.items():
        of_line = [value for value in values if value["line"] == key]
        if of_line:
            cells = [cell([e for e in of_line if e["place"] == place], line) for place in places]
            rows.append([line.title, line.must, *cells, loads(of_line)])
    return rows


def cell(values: list[Value], line: Line) -> str:
    """Return median and range; what failed is said, a failed check is marked."""
    if not values:
        return "-"
    numbers = [value["value"] for value in values if value["value"] is not None]
    failed = len(values) - len(numbers)
    words = [f"{failed} FAILED"] if failed else []
    if numbers:
        text = f"{statistics.median(numbers):.{line.digits}f}"
        if len(numbers) > 1:
            text += f" ({min(numbers):.{line.digits}f} to {max(numbers):.{line.digits}f})"
        words.insert(0, text)
    if any(value.get("checks_failed") for value in values):
        words.append("(a check failed)")
    return " ".join(words)


def loads(values: list[Value]) -> str:
    """Return between what the machine's load average lay."""
    found = [load for value in values for load in value["load"]]
    return f"{min(found):.1f} to {max(found):.1f}"


def phase_table(values: list[Value], line: str) -> list[list[str]]:
    """Return where the wall time of a shipped experiment goes: a column of medians per place."""
    of_line = [value for value in values if value["line"] == line and value.get("phases")]
    places = place_order(of_line)
    if not places:
        return []
    names = list(dict.fromkeys(name for value in of_line for name in value["phases"]))
    rows = [["phase, s", *places]]
    for name in names:
        cells = []
        for place in places:
            found = [e["phases"].get(name) for e in of_line if e["place"] == place]
            known = [value for value in found if value is not None]
            cells.append(f"{statistics.median(known):.3f}" if known else "-")
        rows.append([name, *cells])
    return rows


def packet_table(values: list[Value]) -> list[list[str]]:
    """Return packets (of the busiest capture) per wall second of the phase ``run``."""
    flows = [value for value in values if value.get("packets") and value.get("run_s")]
    places = place_order(flows)
    rows = [["packets per wall s, goodput in Mbit/s, certificate", *places]]
    for key in dict.fromkeys(flow["line"] for flow in flows):
        cells = []
        for place in places:
            found = [e for e in flows if e["place"] == place and e["line"] == key]
            cells.append(flow_words(found))
        rows.append([LINES[key].title.partition(", run alone")[0], *cells])
    return rows if places else []


def flow_words(values: list[Value]) -> str:
    """Return packets per wall second (median), goodput, and the certificates' words."""
    if not values:
        return "-"
    rate = statistics.median(value["packets"] / value["run_s"] for value in values)
    goodput = values[0].get("goodput_mbps") or (values[0].get("goodput_bps") or 0) / 1e6
    verdicts = sorted({value["certificate"] for value in values if value.get("certificate")})
    return ", ".join([f"{rate:,.0f}", f"{goodput:.1f}", *verdicts])
