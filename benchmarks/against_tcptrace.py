"""Do the counts of ``tcpexp explain`` agree with tcptrace's and tshark's?

    python benchmarks/against_tcptrace.py CAPTURE... [--differences] [--json FILE]

Reads each capture with all three: with tcpexp, with ``tcptrace -l -r -n --csv``, and with ``tshark
-T fields``. Prints a line for each count: in how many directions of connections it could be
compared, in how many it is equal, in how many it differs for a reason that is known, and in how
many for none. ``--differences`` shows each that is not equal. Of tshark what is compared are sums
that its fields define: packets, payload, flags. The reasons:

- tcptrace passes over packets whose IP header says length 0, as a card that cuts them (TSO) gets
  them: what it did not trace is not compared.
- Of a connection without SYN tcpexp says neither windows nor the first flight: their scale and
  begin are not known. tcptrace takes the field as it is.
- tcptrace takes the last packet's number for the end of a stream that has a reset.
- tcptrace takes a reset's ACK for a round-trip time as well, and a time of 0 for none.
- tcptrace's longest idle time lasts to the capture's end while a connection is open.
- tcptrace takes packets for copies by IP id and sequence number alone, and none with IP id 0.
- tcptrace has no first flight where the SYN-ACK was captured before the SYN.
- tcptrace takes the times of a copy for those of a repetition, as its manual says; tcpexp's
  counts of repetitions do the same, its findings do not.
- tshark takes the frame's length for the packet's where the frame is shorter.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tcpexp.diagnosis.describe import summarise
from tcpexp.explain.tables import name_packets
from tcpexp.ingest.foreign import read_foreign

Row = dict[str, Any]
_MS = 1e6


@dataclass(frozen=True)
class Compared:
    """One count of one direction of one connection by two programs."""

    capture: str
    direction: str
    count: str
    other: str
    ours: float | None
    theirs: float | None
    equal: bool
    reason: str = ""


#: tcptrace's columns beside ours: its name without the direction, and its last digit.
TCPTRACE: dict[str, tuple[str, float]] = {
    "packets": ("total_packets", 0),
    "resets": ("resets_sent", 0),
    "ack_packets": ("ack_pkts_sent", 0),
    "pure_acks": ("pure_acks_sent", 0),
    "sack_packets": ("sack_pkts_sent", 0),
    "dsack_packets": ("dsack_pkts_sent", 0),
    "most_sack_blocks": ("max_sack_blks/ack", 0),
    "data_packets": ("actual_data_pkts", 0),
    "data_bytes": ("actual_data_bytes", 0),
    "unique_bytes": ("unique_bytes_sent", 0),
    "repeated_packets": ("rexmt_data_pkts", 0),
    "repeated_bytes": ("rexmt_data_bytes", 0),
    "late_packets": ("outoforder_pkts", 0),
    "probe_packets": ("zwnd_probe_pkts", 0),
    "probe_bytes": ("zwnd_probe_bytes", 0),
    "pushed_packets": ("pushed_data_pkts", 0),
    "urgent_packets": ("urgent_data_pkts", 0),
    "mss": ("mss_requested", 0),
    "largest_segment": ("max_segm_size", 0),
    "smallest_segment": ("min_segm_size", 0),
    "largest_window": ("max_win_adv", 0),
    "smallest_window": ("min_win_adv", 0),
    "zero_windows": ("zero_win_adv", 0),
    "first_flight_packets": ("initial_window_pkts", 0),
    "first_flight_bytes": ("initial_window_bytes", 0),
    "stream_bytes": ("ttl_stream_length", 0),
    "transmit_ns": ("data_xmit_time", 1.001e6),
    "longest_idle_ns": ("idletime_max", 0.101e6),
    "copies": ("hardware_dups", 0),
    "rtt_samples": ("RTT_samples", 0),
    "rtt_min_ns": ("RTT_min", 0.101e6),
    "rtt_mean_ns": ("RTT_avg", 0.101e6),
    "rtt_max_ns": ("RTT_max", 0.101e6),
    "ambiguous_acks": ("ambiguous_acks", 0),
    "post_loss_acks": ("post-loss_acks", 0),
    "duplicate_acks": ("duplicate_acks", 0),
    "triple_duplicate_acks": ("triple_dupacks", 0),
}
#: What is not known of a direction without SYN.
_OF_SYNS = ("largest_window", "smallest_window", "first_flight_packets", "first_flight_bytes")
_SECONDS, _MILLISECONDS = {"data_xmit_time"}, {"idletime_max", "RTT_min", "RTT_avg", "RTT_max"}

#: What tshark's fields say about one packet, beside the name that the summary has for the sum.
_FIELDS = ("frame.len", "tcp.len", "tcp.flags", "tcp.options.mss_val", "tcp.options.sack_le")
TSHARK: dict[str, Callable[[Row], int]] = {
    "packets": lambda packet: 1,
    "wire_bytes": lambda packet: packet["frame.len"],
    "data_packets": lambda packet: packet["tcp.len"] > 0,
    "data_bytes": lambda packet: packet["tcp.len"],
    "syns": lambda packet: packet["tcp.flags"] >> 1 & 1,
    "fins": lambda packet: packet["tcp.flags"] & 1,
    "resets": lambda packet: packet["tcp.flags"] >> 2 & 1,
    "ack_packets": lambda packet: packet["tcp.flags"] >> 4 & 1,
    "pure_acks": lambda packet: packet["tcp.flags"] & 0x17 == 0x10 and not packet["tcp.len"],
    "pushed_packets": lambda packet: packet["tcp.flags"] >> 3 & 1 and packet["tcp.len"] > 0,
}


def our_summary(capture: Path) -> list[Row]:
    """Return tcpexp's rows of the capture."""
    named = name_packets(read_foreign([capture]).packets)
    return summarise(named.packets, named.connections).sort("first_ns").to_dicts()


def by_tcptrace(capture: Path) -> list[Row]:
    """Return a row for each direction that tcptrace traced, empty where it reads nothing."""
    argv = ["tcptrace", "-l", "-r", "-n", "--csv", str(capture)]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    lines = [line for line in done.stdout.splitlines() if line.count(",") > 50]
    found = []
    for row in csv.DictReader(lines, skipinitialspace=True):
        for own, other, ends in (("a2b", "b2a", "ab"), ("b2a", "a2b", "ba")):
            one = {name: row[f"{theirs}_{own}"].strip() for name, (theirs, _) in TCPTRACE.items()}
            ends_of = [row[f"{what}_{end}"].strip() for end in ends for what in ("host", "port")]
            found.append({"ends": tuple(ends_of), "other": other, **one})
    return found


def _number(name: str, text: str) -> float | None:
    theirs = TCPTRACE[name][0]
    try:
        value = float(text)
    except ValueError:
        return None
    return value * (1e9 if theirs in _SECONDS else _MS if theirs in _MILLISECONDS else 1)


def by_tshark(capture: Path) -> dict[tuple[str, ...], dict[str, int]]:
    """Return sums over the packets of each pair of ends."""
    where = ("ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport")
    argv = ["tshark", "-r", str(capture), "-Y", "tcp", "-T", "fields", "-E", "occurrence=l"]
    argv += [part for field in (*where, *_FIELDS) for part in ("-e", field)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    sums: dict[tuple[str, ...], dict[str, int]] = {}
    for line in done.stdout.splitlines():
        values = dict(zip((*where, *_FIELDS), line.split("\t"), strict=True))
        ends = (
            values["ip.src"] or values["ipv6.src"],
            values["tcp.srcport"],
            values["ip.dst"] or values["ipv6.dst"],
            values["tcp.dstport"],
        )
        packet = {name: int(values[name] or "0", 0) for name in _FIELDS[:3]}
        own = sums.setdefault(ends, dict.fromkeys(TSHARK, 0))
        for name, count in TSHARK.items():
            own[name] += count(packet)
    return sums


def ends_of(row: Row) -> tuple[str, ...]:
    """Return the ends of a direction as texts, its sender first."""
    return (row["src"], str(row["src_port"]), row["dst"], str(row["dst_port"]))


def compare(capture: Path) -> Iterator[Compared]:
    """Yield every count that two programs have of the capture."""
    ours = our_summary(capture)
    theirs: dict[tuple[str, ...], list[Row]] = {}
    for row in by_tcptrace(capture):
        theirs.setdefault(row["ends"], []).append(row)
    pairs: list[tuple[Row, Row]] = []
    for ends, other in theirs.items():
        # connections between the same ends follow each other
        own = [row for row in ours if ends_of(row) == ends]
        if len(own) == len(other):
            pairs += zip(own, other, strict=True)
    untraced = {
        row["connection"]
        for row, other in pairs
        if (_number("packets", other["packets"]) or 0) < row["packets"]
    }
    opened = Counter(row["connection"] for row in ours if row["syns"])
    for row, other in pairs:
        key = row["connection"]
        whole = key not in untraced
        for one in _against_tcptrace(capture.name, row, other, whole):
            half = one.count.endswith("_window") and opened[key] < 2
            yield replace(one, reason="no SYN") if half and not one.equal else one
    sums = by_tshark(capture)
    for ends in sorted({ends_of(row) for row in ours}):
        for name in TSHARK:
            own = sum(row[name] for row in ours if ends_of(row) == ends)
            if ends in sums:
                other = sums[ends][name]
                text = f"{':'.join(ends[:2])} > {':'.join(ends[2:])}"
                # tshark takes no packet for longer than its frame
                reason = "frame" if name == "data_bytes" and own > other else ""
                yield Compared(capture.name, text, name, "tshark", own, other, own == other, reason)


def _against_tcptrace(capture: str, row: Row, other: Row, whole: bool) -> Iterator[Compared]:
    direction = f"{':'.join(ends_of(row)[:2])} > {':'.join(ends_of(row)[2:])}"
    for name, (_, tolerance) in TCPTRACE.items():
        own, their = row[name], _number(name, other[name])
        equal = abs((own or 0) - (their or 0)) <= tolerance
        reason = "" if equal else _reason(name, row, their) if whole else "not traced"
        yield Compared(capture, direction, name, "tcptrace", own, their, equal, reason)


def _reason(name: str, row: Row, theirs: float | None) -> str:
    """Return why tcptrace's number is another one, empty where no reason is known."""
    own = row[name]
    if name in _OF_SYNS and own is None:
        return "no SYN"
    if name == "stream_bytes" and theirs is not None:
        return "reset"
    if name == "longest_idle_ns" and (own or 0) < (theirs or 0):
        return "to the end"
    if name == "copies":
        return "ids"
    if name == "rtt_min_ns" and own == 0:
        return "no time passed"
    if name.startswith("rtt_") and own is None:
        return "reset"
    if name.startswith("first_flight") and not theirs:
        return "order"
    return ""


def main() -> int:
    """Compare the captures and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE")
    parser.add_argument("--differences", action="store_true", help="show each difference")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was compared")
    given = parser.parse_args()
    found = [one for capture in given.captures for one in compare(capture)]
    for other in ("tcptrace", "tshark"):
        print(f"{other:24}{'compared':>10}{'equal':>10}{'explained':>11}{'differ':>8}")
        for name in dict.fromkeys(one.count for one in found if one.other == other):
            few = [one for one in found if one.other == other and one.count == name]
            equal = sum(one.equal for one in few)
            known = sum(bool(one.reason) for one in few)
            print(f"{name:24}{len(few):10}{equal:10}{known:11}{len(few) - equal - known:8}")
            if given.differences:
                for one in few:
                    if not one.equal:
                        numbers = f"{one.ours} / {one.theirs} {one.reason}"
                        print(f"    {one.capture} {one.direction}: {numbers}")
        print()
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
