"""Findings about how an end acknowledges: at once, late, or many segments at a time (RFC 5681
section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.lanes import lanes_with, many, numbers_of, summed
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl
from tcpexp.words.measured import number_words, time_words

#: An ACK that comes this much later than the fastest waited for a timer: Linux's shortest is 40 ms
#: (TCP_DELACK_MIN in include/net/tcp.h), RFC 1122 section 4.2.3.2 allows up to 500 ms.
_WAITED_NS, _LONGEST_NS = 30_000_000, 550_000_000
#: More segments than these for one ACK, on average, are more than delaying explains.
_STRETCHED, _SOME = 3, 10
_DELAYED = "RFC 5681 section 4.2, RFC 1122 section 4.2.3.2"


def find_acks(segments: pl.DataFrame, summary: pl.DataFrame) -> Iterator[Finding]:
    """Yield how each end acknowledges what it gets."""
    yield from _delayed(segments)
    yield from _stretched(segments, summary)


def _delayed(segments: pl.DataFrame) -> Iterator[Finding]:
    timed = segments.select(
        *LANE, "capture", "number", "rtt_ns", "timed", "payload_bytes", "syn", "fin"
    ).filter(pl.col("timed") == "sample")
    fastest = timed.group_by(LANE).agg(least=pl.col("rtt_ns").min())
    samples = timed.filter(pl.col("payload_bytes") == 0, ~pl.col("syn"), ~pl.col("fin"))
    rows = samples.join(fastest, on=list(LANE), maintain_order="left").with_columns(
        waited=pl.col("rtt_ns") - pl.col("least")
    )
    late = pl.col("waited").is_between(_WAITED_NS, _LONGEST_NS) & (pl.col("least") < _WAITED_NS)
    for lane, few in lanes_with(rows, late):
        waits = sorted(row["rtt_ns"] for row in few)
        span = time_words(waits[0])
        if waits[-1] != waits[0]:
            span += f" to {time_words(waits[-1])}"
        yield lane.say(
            "delayed_acks",
            f"{many(len(few), 'ACK')} of the {lane.by} came {span} after the segment, others within"
            f" {time_words(few[0]['least'])}: delayed ACKs.",
            numbers_of(few),
            sure="likely",
            because="a receiver may wait for a second segment until a timer ends; a full queue on"
            " the way looks the same",
            source=_DELAYED,
        )


def _stretched(segments: pl.DataFrame, summary: pl.DataFrame) -> Iterator[Finding]:
    rows = summary.to_dicts()
    higher = pl.col("ack_to") > pl.col("ack_to").cum_max().shift().over(LANE)
    told = segments.select(*LANE, "ack_to")
    advances = told.filter(higher.fill_null(False)).group_by(LANE).agg(pl.len())
    steps = {(key, "client" if end else "server"): many for key, end, many in advances.iter_rows()}
    by = {(row["connection"], row["sender"]): row for row in rows}
    for row in rows:
        other = by.get((row["connection"], "server" if row["sender"] == "client" else "client"))
        count = steps.get((row["connection"], row["sender"]), 0)
        if other is None or other["data_packets"] < _SOME or not count:
            continue
        sent = other["data_packets"] - other["repeated_packets"]
        each = sent / count
        if each > _STRETCHED:
            lane = summed(row)
            yield lane.say(
                "stretched_acks",
                f"The {lane.by} sends one ACK for {number_words(each)} segments on average.",
                sure="certain",
                because="its card or kernel joins segments before it answers (GRO), it thins its"
                " ACKs, something on the way does, or the capture lost some",
                source="RFC 5681 section 4.2, RFC 2525 section 2.13",
            )
