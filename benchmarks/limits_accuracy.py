"""How often the table ``limits`` is right, held against what the kernel of the sender recorded.

    python benchmarks/limits_accuracy.py results/*/*

For each run, and for the capture at the sender and then for the one at the receiver alone, prints
which part of the time of its flows the packets say the same as the kernel. The kernel's words:
Recovery and Loss (``loss_events``) are ``loss``; a full receive window and a full congestion window
(``flow_states.limited``, from ``tcp_probe``) are ``receive_window`` and ``congestion_window``, and
the latter is ``bottleneck`` while every packet of a round trip waited in the queue (``journeys``,
from both captures); what is short of both windows, or has nothing in flight, is ``application``.
The handshake is left out, where the kernel's record says nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from tcpexp.diagnosis.limits import limits
from tcpexp.store.rundata import RunData

#: The time of a flow is looked at so many times.
LOOKS = 20_000
#: A queue stands while the least waiting time of a round trip is above this, and this share of it.
WAITED_NS, WAITED_SHARE = 200_000, 0.05
#: Flows with fewer bytes, and connections with fewer rows of the kernel's record, are left out.
FEWEST_BYTES, FEWEST_ROWS = 20_000, 5
#: Words of the table that the kernel does not tell apart from others.
SAME = {"idle": "application", "closing": "application", "sender_host": "application"}


def main(folders: list[str]) -> None:
    """Print a row for each flow and capture, and the mean over all of their time."""
    print("| run | flow | at | time | the same | mostly mistaken |")
    print("|---|---|---|---|---|---|")
    total = {"sender": np.zeros(2), "receiver": np.zeros(2)}
    for folder in folders:
        run = RunData(Path(folder))
        if not run.has("flow_states"):
            continue
        for name, flow, at, seconds, share, mistake in flows_of(run):
            total[at] += (share * seconds, seconds)
            print(f"| {name} | {flow} | {at} | {seconds:.2f} s | {share:.1%} | {mistake} |")
    for at, (right, seconds) in total.items():
        if seconds:
            print(f"| all | | {at} | {seconds:.0f} s | {right / seconds:.1%} | |")


def flows_of(run: RunData) -> Iterator[tuple[str, str, str, float, float, str]]:
    """Yield run, flow, capture, seconds, share of time that is the same, and the largest mistake of
    every connection of a flow.
    """
    packets, connections = run.table("packets"), run.table("connections")
    for flow in run.plan.flows:
        receiver = flow.client if flow.sender == flow.server else flow.server
        sender = "server" if flow.sender == flow.server else "client"
        for at, node in (("sender", flow.sender), ("receiver", receiver)):
            seen = packets.filter((pl.col("node") == node) & (pl.col("flow") == flow.name))
            own = connections.filter(pl.col("flow") == flow.name)
            rows = limits(seen, own).filter(pl.col("sender") == sender)
            for (number,), part in rows.partition_by(
                "connection", as_dict=True, maintain_order=True
            ).items():
                part = part.filter(pl.col("limit") != "handshake")  # noqa: PLW2901
                if part["bytes"].sum() < FEWEST_BYTES:
                    continue
                grid = np.linspace(
                    part["from_ns"].min(), part["to_ns"].max(), LOOKS, dtype=np.int64
                )
                told = _at(part["from_ns"].to_numpy(), part["limit"].to_numpy(), grid)
                true = _truth(run, int(number), flow.sender, grid)
                if true is None:
                    continue
                known = true != "unknown"
                said = np.array([SAME.get(word, word) for word in told])[known]
                right = said == true[known]
                seconds = (grid[-1] - grid[0]) / 1e9 * known.mean()
                yield (
                    run.plan.name,
                    flow.name,
                    at,
                    seconds,
                    right.mean(),
                    _worst(said, true[known]),
                )


def _at(begins: np.ndarray, words: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return words[np.maximum(np.searchsorted(begins, grid, side="right") - 1, 0)]


def _worst(said: np.ndarray, true: np.ndarray) -> str:
    wrong = said != true
    if not wrong.any():
        return ""
    pairs, counts = np.unique(
        np.char.add(np.char.add(said[wrong].astype(str), " for "), true[wrong].astype(str)),
        return_counts=True,
    )
    worst = int(np.argmax(counts))
    share = counts[worst] / said.size
    return f"{pairs[worst].replace('_', ' ')}: {share:.1%}" if share >= 0.001 else ""


def _truth(run: RunData, connection: int, sender: str, grid: np.ndarray) -> np.ndarray | None:
    """Return what the kernel says at each time; ``unknown`` outside of its record."""
    states = run.table("flow_states").filter(
        (pl.col("connection") == connection) & (pl.col("source") == "tcp_probe")
    )
    if states.height < FEWEST_ROWS:
        return None
    t = states["t_ns"].to_numpy()
    # a row holds what was so before its segment
    at = np.minimum(np.searchsorted(t, grid, side="left"), t.size - 1)
    words = {
        "cwnd": "congestion_window",
        "pacing": "congestion_window",
        "receiver": "receive_window",
    }
    limited = np.array([words.get(word, "application") for word in states["limited"].to_list()])
    true = limited[at].astype(object)
    full = true == "congestion_window"
    true[full & _queue(run, connection, sender, grid, states)] = "bottleneck"
    true[_nothing_in_flight(run, connection, sender, grid)] = "application"
    events = run.table("loss_events").filter(
        (pl.col("connection") == connection) & (pl.col("noticed_by") != "ecn")
    )
    for begin, end in events.select("noticed_ns", "repaired_ns").iter_rows():
        true[(grid >= begin) & (grid < (t[-1] if end is None else end))] = "loss"
    true[(grid < t[0]) | (grid > t[-1])] = "unknown"
    return true.astype(str)


def _queue(
    run: RunData, connection: int, sender: str, grid: np.ndarray, states: pl.DataFrame
) -> np.ndarray:
    """Return whether all packets that left about each time waited."""
    rows = run.table("journeys").filter(
        (pl.col("connection") == connection)
        & (pl.col("from_node") == sender)
        & (pl.col("payload_bytes") > 500)
        & pl.col("queueing_ns").is_not_null()
    )
    if rows.height < FEWEST_ROWS:
        return np.zeros(grid.size, dtype=bool)
    rows = rows.sort("sent_ns")
    sent, waited = rows["sent_ns"].to_numpy(), rows["queueing_ns"].to_numpy()
    waited = waited - waited.min()
    rtt = int(float(str(states["srtt_us"].median())) * 1000)
    first = np.searchsorted(sent, grid - rtt // 2)
    last = np.searchsorted(sent, grid + rtt // 2)
    bound = max(WAITED_NS, int(WAITED_SHARE * rtt))
    return np.array(
        [b - a >= 3 and waited[a:b].min() > bound for a, b in zip(first, last, strict=True)]
    )


def _nothing_in_flight(run: RunData, connection: int, sender: str, grid: np.ndarray) -> np.ndarray:
    """Return whether all that was sent had been acknowledged at the sender's own capture."""
    own = run.table("packets").filter(
        (pl.col("connection") == connection) & (pl.col("node") == sender)
    )
    out = pl.col("src_port") != pl.col("dst_port")
    ends = own.filter(pl.col("payload_bytes") > 0).sort("t_ns")
    source = (
        ends.group_by("src").agg(pl.col("payload_bytes").sum()).sort("payload_bytes")["src"][-1]
    )
    data = ends.filter(out & (pl.col("src") == source))
    acks = own.filter((pl.col("src") != source) & pl.col("ack_rel").is_not_null()).sort("t_ns")
    top = np.maximum.accumulate((data["seq_rel"] + data["payload_bytes"]).to_numpy())
    una = np.maximum.accumulate(acks["ack_rel"].to_numpy())
    sent = np.searchsorted(data["t_ns"].to_numpy(), grid, side="right") - 1
    acked = np.searchsorted(acks["t_ns"].to_numpy(), grid, side="right") - 1
    return (sent >= 0) & (acked >= 0) & (una[np.maximum(acked, 0)] >= top[np.maximum(sent, 0)])


if __name__ == "__main__":
    main(sys.argv[1:])
