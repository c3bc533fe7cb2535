"""Delivered bytes against what the programs themselves say: iperf3's report, curl's count, and the
size of the file that a server has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tcpexp.analysis.comparison import CrossCheck
from tcpexp.analysis.machine import clock_of
from tcpexp.analysis.pathsteps import offered_to
from tcpexp.ingest.damage import corrupts
from tcpexp.ingest.iperf3 import last_second, load_iperf3, received_bytes, server_port, side_of
from tcpexp.ingest.subflows import with_places
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan, Spawn
from tcpexp.store.rundata import RunData

#: iperf3's client begins each data connection with 37 bytes that name the test; they are no data of
#: the test.
COOKIE_BYTES = 37
#: How far the end of a process, as the engine noted it, may lie from iperf3's last look at its
#: sockets.
NOTED_NS = {"virtual": 5_000_000, "real": 50_000_000}
#: So long after its capture a receiver has taken what it will take.
_TAKEN_NS = 1_000_000
_CURL = re.compile(r"^status=(\d+) bytes=(\d+) .*\blocal_port=(\d+) header_bytes=(\d+)$", re.M)


@dataclass(frozen=True)
class _Report:
    """One iperf3 report: the ports of each connection on which its writer received, how many bytes,
    and from when to when its account may have ended.
    """

    received: dict[tuple[int, int], int]
    low_ns: int
    high_ns: int


def check_iperf3(run: RunData) -> Iterator[CrossCheck]:
    """Compare the bytes that arrived in order at each iperf3 flow's receiver with what iperf3 says
    it received.

    iperf3 counts until it is told that the sender is done, or is interrupted: what arrives behind
    that is not in its account. What arrived is counted up to the same moment, so the range is that
    of the moment. What may have arrived damaged may be missing too (:func:`_perhaps_damaged`).
    Where the receiver was not captured there is nothing to compare.
    """
    for flow in run.plan.flows:
        if flow.application != "iperf3":
            continue
        receiver = flow.server if flow.sender == flow.client else flow.client
        for report in _reports(run, flow, receiver):
            data = _arrived(run, flow, receiver, report)
            cookies = COOKIE_BYTES * len(report.received) if flow.sender == flow.client else 0
            low, high, end = (
                sum(_in_order(part, at) for part in data.values()) - cookies
                for at in (report.low_ns, report.high_ns, run.end_ns)
            )
            hidden = _perhaps_damaged(run, receiver, report, data)
            reported = sum(report.received.values())
            high += _after_the_end(run, flow, receiver, report.high_ns, reported - high)
            why = (
                f"iperf3 ended its account between {report.low_ns / 1e9:.3f} s and"
                f" {report.high_ns / 1e9:.3f} s, while {high - low:,} bytes arrived in order; by"
                f" the end of the experiment {max(end - high, 0):,} more"
                if high > low
                else ""
            )
            if hidden:
                unknown = (
                    f"{hidden:,} bytes had arrived that {receiver} did not acknowledge: they may"
                    " have been damaged, which a capture does not always show"
                )
                why = f"{why}; {unknown}" if why else unknown
            yield CrossCheck(
                "delivered bytes",
                flow.name,
                end,
                "the receiver's capture, in order",
                reported,
                "iperf3's own report",
                end - high,
                end - low + hidden,
                why,
                _not_captured(run, receiver),
            )


def _not_captured(run: RunData, node: str) -> str:
    """Return that no packet was captured at a node, empty when one was."""
    own = run.table("packets").filter(pl.col("node") == node)
    return f"{node} was not captured" if own.is_empty() else ""


def _after_the_end(run: RunData, flow: FlowPlan, receiver: str, until_ns: int, unknown: int) -> int:
    """Return how many bytes may have arrived between the end of the experiment, where the tables
    end, and a later look of iperf3 at its sockets.

    At most what the slowest link on the way offers in that time; where none has a rate,
    ``unknown``: what is missing cannot be held against iperf3.
    """
    if until_ns <= run.end_ns:
        return 0
    offered = offered_to(run, flow, run.end_ns, until_ns)
    return max(unknown, 0) if offered is None else round(offered / 8)


def _reports(run: RunData, flow: FlowPlan, receiver: str) -> Iterator[_Report]:
    side = "server" if receiver == flow.server else "client"
    slack = NOTED_NS[clock_of(run)]
    for path in sorted((run.path / "raw" / "logs").glob("*.out")):
        report = load_iperf3(path.read_text(errors="replace"))
        if report is None or side_of(report) != side or server_port(report) != flow.port:
            continue
        received = received_bytes(report)
        if not received:
            continue
        stopped, ended = _end_of(run, path.stem)
        if str(report.get("error", "")).startswith("interrupt"):
            yield _Report(received, stopped - slack, ended + slack)
        else:
            begin: Any = (
                run.table("connections").filter(pl.col("flow") == flow.name)["established_ns"].min()
            )
            yield _Report(
                received, int(begin or 0) + round(last_second(report) * 1e9) - slack, ended + slack
            )


def _end_of(run: RunData, step: str) -> tuple[int, int]:
    """Return when a process was told to end, and when it had ended.

    The end of the run where nothing says so.
    """
    ends = run.table("events").filter((pl.col("event") == "end") & (pl.col("step") == step))
    if ends.is_empty():
        return run.end_ns, run.end_ns
    row = ends.row(-1, named=True)
    told = (
        row["planned_ns"]
        if row["planned_ns"] is not None
        else min(int(row["t_ns"]), run.plan.duration_ns)
    )
    return min(int(told), int(row["t_ns"])), int(row["t_ns"])


def _arrived(
    run: RunData, flow: FlowPlan, receiver: str, report: _Report
) -> dict[tuple[int, int], pl.DataFrame]:
    """Return per connection of the report its data packets at the receiver's captures, without
    those that the receiver refused (:func:`_taken`): ``t_ns``, ``begin``, ``end`` in the stream, in
    time order. Of MPTCP, those of all its subflows by their place in the data.
    """
    addresses = [face.address for face in run.plan.network.node(flow.sender).interfaces]
    packets = run.table("packets").filter(
        (pl.col("node") == receiver)
        & (pl.col("protocol") == "tcp")
        & (pl.col("payload_bytes") > 0)
        & pl.col("src").is_in(addresses)
    )
    offloads = any(
        face.offloads
        for node in (flow.sender, receiver)
        for face in run.plan.network.node(node).interfaces
    )
    # with them a checksum is filled in behind the capture, so a wrong one says nothing
    if not offloads:
        packets = packets.filter(~pl.col("checksum_bad").fill_null(False))
    acks = run.table("packets").filter((pl.col("node") == receiver) & (pl.col("protocol") == "tcp"))
    found = {}
    for local, remote in report.received:
        own = packets.filter((pl.col("dst_port") == local) & (pl.col("src_port") == remote)).sort(
            "t_ns"
        )
        joined = subflows_of(run, own)
        if joined:
            mapped = with_places(packets.filter(pl.col("connection").is_in(joined)).sort("t_ns"))
            found[(local, remote)] = mapped.select(
                "t_ns", begin="place", end=pl.col("place") + pl.col("payload_bytes")
            )
            continue
        data = own.select(
            "t_ns", "ts_val", begin="seq_rel", end=pl.col("seq_rel") + pl.col("payload_bytes")
        )
        back = acks.filter((pl.col("src_port") == local) & (pl.col("dst_port") == remote))
        found[(local, remote)] = _taken(data, back)
    return found


def subflows_of(run: RunData, packets: pl.DataFrame) -> list[int]:
    """Return all subflows of the MPTCP connection whose first subflow the packets are of.

    None when they are plain TCP's.
    """
    first = packets["connection"].drop_nulls().unique()
    rows = run.table("subflows").filter(pl.col("mptcp").is_in(first.implode()))
    return rows["connection"].to_list()


def _taken(data: pl.DataFrame, acks: pl.DataFrame) -> pl.DataFrame:
    """Return the packets without those of which the receiver still asked for a byte afterwards.

    It refused them although they arrived: they were damaged where the capture does not show it, or
    so late that their time stamp was too old (PAWS, RFC 7323 section 5). Of the last packets no ACK
    tells, but their time stamps do.
    """
    data = _without_old(data, acks)
    asked = (
        acks.filter(pl.col("ack_rel").is_not_null())
        .group_by(asked="ack_rel")
        .agg(until=pl.col("t_ns").max())
        .sort("asked")
    )
    return (
        data.sort("begin", maintain_order=True)
        .join_asof(asked, left_on="begin", right_on="asked", strategy="forward")
        .filter(
            pl.col("asked").is_null()
            | (pl.col("asked") >= pl.col("end"))
            | (pl.col("until") <= pl.col("t_ns") + _TAKEN_NS)
        )
        .select("t_ns", "begin", "end")
        .sort("t_ns", maintain_order=True)
    )


def _without_old(data: pl.DataFrame, acks: pl.DataFrame) -> pl.DataFrame:
    """Return the packets, of those that were never acknowledged only the ones whose time stamps are
    not older than what the receiver had taken by then (RFC 7323 section 5.3, R1).
    """
    highest = acks["ack_rel"].max()
    if highest is None or data["ts_val"].null_count() == data.height:
        return data
    stamp = (pl.col("ts_val") - pl.col("ts_val").drop_nulls().first() + 2**31) % 2**32 - 2**31
    taken = pl.when(pl.col("begin") < highest).then(stamp)
    old = (pl.col("begin") >= highest) & (stamp < taken.cum_max().forward_fill().shift())
    ordered = data.sort("t_ns", maintain_order=True)
    return ordered.filter(~old.fill_null(False))


def _perhaps_damaged(
    run: RunData, receiver: str, report: _Report, data: dict[tuple[int, int], pl.DataFrame]
) -> int:
    """Return how many bytes had arrived in order at the earliest end of the account without being
    acknowledged, where a link damages packets.

    The receiver drops a damaged packet. A capture that cut it does not show the damage, and no
    checksum covers its Ethernet header: only the missing acknowledgment can tell. That may also
    just be delayed, so that these bytes may or may not be in the account.
    """
    if not corrupts(run.plan):
        return 0
    acks = run.table("packets").filter(
        (pl.col("node") == receiver)
        & (pl.col("protocol") == "tcp")
        & (pl.col("t_ns") <= report.low_ns)
    )
    hidden = 0
    for (local, remote), part in data.items():
        own = acks.filter((pl.col("src_port") == local) & (pl.col("dst_port") == remote))
        # the first byte is number 1, and the number acknowledged is that of the next one
        acknowledged = int(own.select(pl.col("ack_rel").max().fill_null(1)).item()) - 1
        hidden += max(_in_order(part, report.low_ns) - max(acknowledged, 0), 0)
    return hidden


def _in_order(data: pl.DataFrame, until_ns: int) -> int:
    """Return how many bytes of a stream had arrived without a hole by then.

    The first byte is number 1.
    """
    rows = data.filter(pl.col("t_ns") <= until_ns).sort("begin")
    reached = rows["end"].cum_max()
    holes = rows["begin"] > reached.shift().fill_null(1)
    whole = reached.filter(holes.cum_sum() == 0)
    return int(whole[-1]) - 1 if whole.len() else 0


def check_downloads(run: RunData) -> Iterator[CrossCheck]:
    """Compare what downloads delivered by their packets, by curl and by the server's file.

    The payload of the connections is compared with curl's count of headers and content, and the
    content with the file that the server has.
    """
    sizes = _served(run)
    for flow in run.plan.flows:
        if flow.application != "http":
            continue
        log = run.path / "raw" / "logs" / f"{flow.step}.out"
        lines = [
            tuple(int(number) for number in count)
            for count in _CURL.findall(log.read_text(errors="replace") if log.is_file() else "")
        ]
        closed = run.table("connections").filter(
            (pl.col("client") == flow.client)
            & pl.col("end_ns").is_not_null()
            & pl.col("reset_by").is_null()
        )
        arrived = dict(
            closed.filter(pl.col("server_port") == flow.port)
            .select("client_port", "bytes_to_client")
            .iter_rows()
        )
        done = [
            (status, content, port, head)
            for status, content, port, head in lines
            if port in arrived
        ]
        if done:
            measured, reported = (
                sum(arrived[port] for _, _, port, _ in done),
                sum(content + head for _, content, _, head in done),
            )
            yield CrossCheck(
                "delivered bytes",
                flow.name,
                measured,
                "payload of its connections",
                reported,
                "curl: headers and content",
            )
        size = sizes.get((flow.server, flow.port, _path_of(run, flow)))
        whole = [content for status, content, _, _ in done if status == 200]
        if size is not None and whole:
            yield CrossCheck(
                "downloaded content",
                flow.name,
                sum(whole),
                f"curl, {len(whole)} times",
                size * len(whole),
                "the size of the server's file",
            )


def _path_of(run: RunData, flow: FlowPlan) -> str:
    """Return the path of the URL that a flow's step downloads."""
    step = next((step for step in run.plan.steps if step.id == flow.step), None)
    url = step.do.argv[-1] if step is not None and isinstance(step.do, Spawn) else ""
    return "/" + url.partition("://")[2].partition("/")[2]


def _served(run: RunData) -> dict[tuple[str, int, str], int]:
    """Return the size of every file that an ``http_server`` of the run named in its log, by node,
    port and path.
    """
    found: dict[tuple[str, int, str], int] = {}
    for step in (*run.plan.setup, *run.plan.steps):
        log = run.path / "raw" / "logs" / f"{step.id}.out"
        if (
            not isinstance(step.do, Spawn)
            or not log.is_file()
            or not any("http_server" in argument for argument in step.do.argv)
        ):
            continue
        files: dict[str, int] = {}
        for event in _events(log.read_text(errors="replace")):
            if event.get("event") == "file":
                files[str(event["path"])] = int(event["bytes"])
            elif event.get("event") == "listening":
                found |= {
                    (step.do.node, int(event["port"]), path): size for path, size in files.items()
                }
    return found


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
