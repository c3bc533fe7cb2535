"""What captures and trace say against the kernel's own counters, per node: between the first and
the last sample of the counters.

What each counter counts (net/ipv4, Linux 6.1 and 7.3): ``Tcp.RetransSegs`` every segment that is
sent again, a SYN, SYN-ACK or FIN too, before it is handed to the interface;
``TcpExt.TCPRetransFail`` those of them that did not get there; ``TcpExt.TCPTimeouts`` each timer
that ran out (:mod:`tcpexp.analysis.timeouts`); ``TcpExt.TCPSackRecovery`` and ``TCPRenoRecovery``
each entry into Recovery; ``TcpExt.TCPFastRetrans`` what is sent again because an ACK said so,
outside of Loss, ``TcpExt.TCPSlowStartRetrans`` the same in Loss; ``TcpExt.TCPLossProbes`` each tail
loss probe, of which those with new data repeat nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tcpexp.analysis.comparison import CrossCheck
from tcpexp.analysis.machine import clock_of
from tcpexp.analysis.mechanisms import TRACEPOINT, traced
from tcpexp.analysis.samples import sample_times
from tcpexp.ingest.captures import read_capture
from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData

#: Reading the counters takes a moment after the sample's time; segments of that moment may be in or
#: not.
READING_NS = {"virtual": 1_000_000, "real": 5_000_000}
_ENDS = ["node", "src", "src_port", "dst", "dst_port"]
_SEGMENT = ["src", "src_port", "dst", "dst_port", "seq"]
CAPTURE = "the sender's capture"


@dataclass(frozen=True)
class Sampled:
    """A node's counters: when the first and the last sample was taken, by how much each grew
    between them, and how long reading may have taken.

    ``after``: so many segments were sent again behind the end of the experiment, where the tables
    end, before the last sample had been read.
    """

    node: str
    from_ns: int
    to_ns: int
    grew: dict[str, int]
    reading_ns: int
    after: int = 0

    def count(self, rows: pl.DataFrame) -> tuple[int, int, int]:
        """Return how many segments (or rows) lie between the samples, and how many in the moments
        in which the first and the last were read.
        """
        weighed = rows if "segments" in rows.columns else rows.with_columns(segments=1)
        spans = (
            (self.from_ns + 1, self.to_ns),
            (self.from_ns + 1, self.from_ns + self.reading_ns),
            (self.to_ns + 1, self.to_ns + self.reading_ns),
        )
        inside, early, late = (
            int(weighed.filter(pl.col("t_ns").is_between(*span))["segments"].sum())
            for span in spans
        )
        return inside, early, late + self.after

    def growth(self, *names: str) -> int:
        """Return by how much counters grew together; 0 for one that the kernel does not have."""
        return sum(self.grew.get(name, 0) for name in names)


def sampled_nodes(run: RunData) -> list[Sampled]:
    """Return the nodes whose counters were sampled at least twice."""
    counters = run.table("counters")
    found = []
    for (node,), rows in counters.sort("t_ns", maintain_order=True).group_by(
        "node", maintain_order=True
    ):
        times = sample_times(run, str(node), rows)
        if len(times) > 1:
            deltas = rows.group_by("counter").agg(
                grew=pl.col("value").last() - pl.col("value").first()
            )
            grew = dict(deltas.iter_rows())
            found.append(Sampled(str(node), times[0], times[-1], grew, READING_NS[clock_of(run)]))
    return sorted(found, key=lambda sampled: sampled.node)


def check_counters(run: RunData) -> Iterator[CrossCheck]:
    """Compare what every node's TCP did with its counters; nodes without TCP have no rows."""
    resent, timeouts = (
        _of_the_kernel(run, run.table("resent")),
        _of_the_kernel(run, run.table("timeouts")),
    )
    entered = _of_the_kernel(run, run.table("ca_states").filter(pl.col("ca_state") == "Recovery"))
    speaking = set(
        run.table("packets").filter(pl.col("protocol") == "tcp")["node"].unique().to_list()
    )
    for sampled in sampled_nodes(run):
        if sampled.node not in speaking or "Tcp.RetransSegs" not in sampled.grew:
            continue
        own = _Own(
            *(rows.filter(pl.col("node") == sampled.node) for rows in (resent, timeouts, entered))
        )
        checks = list(_checks_of(run, sampled, own))
        if any(check.verdict == "differs" for check in checks):
            late = replace(sampled, after=_sent_again_after_end(run, sampled))
            checks = list(_checks_of(run, late, own))
        yield from checks


@dataclass(frozen=True)
class _Own:
    """What one node sent again, its timers that ran out, and when it entered Recovery."""

    resent: pl.DataFrame
    timeouts: pl.DataFrame
    entered: pl.DataFrame


def _checks_of(run: RunData, sampled: Sampled, own: _Own) -> Iterator[CrossCheck]:
    silent = own.timeouts.filter(pl.col("number").is_null() & ~pl.col("gave_up")).height
    yield _segments(run, sampled, own.resent, silent)
    yield _timeouts(run, sampled, own.timeouts)
    for check in _mechanisms(run, sampled, own.resent, own.entered):
        if check.measured or check.reported:
            yield check


def _sent_again_after_end(run: RunData, sampled: Sampled) -> int:
    """Return how many segments the node's captures show it to have sent again behind the end of the
    experiment, before its counters had been read for the last time.

    The last sample is taken a little after the end, at which the tables stop: timers that run out
    right then are in the counters and in no table. Each such segment stands for at most one
    timeout, one Recovery and one retransmission.
    """
    until_ns = sampled.to_ns + sampled.reading_ns
    t0 = run.engine.get("t0_realtime_ns")
    if until_ns < run.end_ns or t0 is None:
        return 0
    addresses = [face.address for face in run.plan.network.node(sampled.node).interfaces]
    again = 0
    for name in _captures_of(run, sampled.node):
        path = run.path / "raw" / f"{name}.pcap"
        if not path.is_file():
            continue
        filled = (pl.col("payload_bytes") > 0) | pl.col("flags").str.contains("[SF]")
        sent = read_capture(path, int(t0)).filter((pl.col("protocol") == "tcp") & filled)
        sent = sent.filter(pl.col("src").is_in(addresses))
        before = sent.filter(pl.col("t_ns") < run.end_ns).select(*_SEGMENT).unique()
        after = sent.filter(pl.col("t_ns").is_between(run.end_ns, until_ns))
        again += after.join(before, on=_SEGMENT, how="semi").height
    return again


def _captures_of(run: RunData, node: str) -> Iterator[str]:
    """Yield the names of the captures of a node's interfaces."""
    for face in run.plan.network.node(node).interfaces:
        yield face.name if face.name.startswith(f"{node}-") else f"{node}-{face.name}"


def _of_the_kernel(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out what a TCP in user space did, which the kernel does not count."""
    events = run.table("tcp_events").filter(pl.col("event") == "connection")
    names = {
        "src": "local_address",
        "src_port": "local_port",
        "dst": "peer_address",
        "dst_port": "peer_port",
    }
    theirs = events.select(
        "node", **{ours: pl.col(other) for ours, other in names.items()}
    ).unique()
    return rows.join(theirs, on=_ENDS, how="anti", maintain_order="left")


def _segments(run: RunData, sampled: Sampled, own: pl.DataFrame, silent: int) -> CrossCheck:
    """Compare what was sent again; ``silent`` timers ran out and no packet left.

    The kernel counts a segment when it hands it on: it may still wait for an answer to ARP that
    never comes (Linux 6.1), or meet a rule of the host's own.
    """
    count, early, late = sampled.count(own)
    failed = sampled.growth("TcpExt.TCPRetransFail")
    cookies = sampled.growth("TcpExt.SyncookiesSent")
    answers = own.filter(pl.col("by") == "answer").height if cookies else 0
    reasons = [
        f"{early + late} in the moments when the counters were read" if early or late else "",
        f"{failed} did not get to the interface (TCPRetransFail)" if failed else "",
        f"up to {silent} that a timer sent did not get there either" if silent else "",
        (
            f"{answers} answers to repeated SYNs, some of which are SYN cookies and no repetitions"
            if answers
            else ""
        ),
    ]
    source = "Tcp.RetransSegs" + (" less TcpExt.TCPRetransFail" if failed else "")
    reported, why = sampled.growth("Tcp.RetransSegs") - failed, ", ".join(filter(None, reasons))
    obstacle = _no_captures(run, sampled.node)
    return CrossCheck(
        "segments sent again",
        sampled.node,
        count,
        CAPTURE,
        reported,
        source,
        -late - failed - silent,
        early + answers,
        why,
        obstacle,
    )


def _timeouts(run: RunData, sampled: Sampled, own: pl.DataFrame) -> CrossCheck:
    count, early, late = sampled.count(own)
    obstacle = _no_trace(run, TRACEPOINT) or _no_captures(run, sampled.node)
    why = f"{early + late} in the moments when the counters were read" if early or late else ""
    return CrossCheck(
        "timeouts",
        sampled.node,
        count,
        "trace and capture",
        sampled.growth("TcpExt.TCPTimeouts"),
        "TcpExt.TCPTimeouts",
        -late,
        early,
        why,
        obstacle,
    )


def _mechanisms(
    run: RunData, sampled: Sampled, own: pl.DataFrame, entered: pl.DataFrame
) -> Iterator[CrossCheck]:
    """Yield the rows that need the congestion states.

    Only those in which something was counted matter.
    """
    no_trace = _no_trace(run, TRACEPOINT)
    obstacle = no_trace or _no_captures(run, sampled.node)
    count, early, late = sampled.count(entered)
    counters = ("TcpExt.TCPSackRecovery", "TcpExt.TCPRenoRecovery")
    why = _moments(early, late)
    yield CrossCheck(
        "recoveries",
        sampled.node,
        count,
        "tracepoint tcp_cong_state_set",
        sampled.growth(*counters),
        " + ".join(counters),
        -late,
        early,
        why,
        no_trace,
    )
    kinds = (
        (
            "fast retransmissions",
            ("fast_retransmit", "lost_retransmission"),
            "TcpExt.TCPFastRetrans",
        ),
        (
            "retransmissions after a timeout",
            ("after_timeout", "path_mtu", "syn_data"),
            "TcpExt.TCPSlowStartRetrans",
        ),
    )
    doubtful = _between_two_answers(run, own)
    for title, by, counter in kinds:
        count, early, late = sampled.count(own.filter(pl.col("by").is_in(by)))
        why = ", ".join(
            filter(
                None,
                [
                    _moments(early, late),
                    (
                        f"{doubtful} were sent in an instant that had both Recovery and Loss"
                        if doubtful
                        else ""
                    ),
                ],
            )
        )
        yield CrossCheck(
            title,
            sampled.node,
            count,
            f"{CAPTURE} and trace",
            sampled.growth(counter),
            counter,
            -late - doubtful,
            early + doubtful,
            why,
            obstacle,
        )
    count, early, late = sampled.count(own.filter(pl.col("by") == "tail_loss_probe"))
    probes = sampled.growth("TcpExt.TCPLossProbes")
    why = "the other probes carried new data"
    yield CrossCheck(
        "tail loss probes",
        sampled.node,
        count,
        f"{CAPTURE} and trace",
        probes,
        "TcpExt.TCPLossProbes",
        -probes - late,
        early,
        why,
        obstacle,
    )


def _between_two_answers(run: RunData, own: pl.DataFrame) -> int:
    """Return how many segments were sent again in an instant in which Loss gave way to Recovery or
    the reverse.

    On a virtual clock all of it has one time.
    """
    states = run.table("ca_states").sort("t_ns", maintain_order=True)
    answer = pl.when(pl.col("ca_state").is_in(["Recovery", "Loss"])).then(pl.col("ca_state"))
    states = states.with_columns(
        answer=answer,
        before=answer.shift().forward_fill().over(_ENDS),
        ended=pl.col("t_ns").shift().over(_ENDS),
    )
    both = states.filter(
        pl.col("answer").is_not_null() & (pl.col("answer") != pl.col("before"))
    ).select(*_ENDS, "t_ns")
    return int(own.join(both, on=[*_ENDS, "t_ns"], how="semi")["segments"].sum())


def _moments(early: int, late: int) -> str:
    return f"{early + late} in the moments when the counters were read" if early or late else ""


def _no_trace(run: RunData, event: str) -> str:
    if not traced(run, event):
        return f"the tracepoint {event} was not recorded"
    trace = run.engine.get("trace") or {}
    return "the trace overran" if int(trace.get("overrun") or 0) else ""


def _no_captures(run: RunData, node: str) -> str:
    """Return what a node's captures lack, empty when they hold every packet that it sent."""
    known = run.engine.get("captures") or {}
    faces = run.plan.network.node(node).interfaces
    for face, name in zip(faces, _captures_of(run, node), strict=True):
        if not (run.path / "raw" / f"{name}.pcap").is_file():
            return f"interface {face.name} was not captured"
        if (known.get(name) or {}).get("dropped"):
            return f"the capture {name} dropped packets"
    return "" if run.status == "complete" or known else "the captures were cut off"
