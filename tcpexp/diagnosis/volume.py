"""Findings about how much was sent, how fast, and how long a way there and back took."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.lanes import Lane, Row, many, summed
from tcpexp.late import polars as pl
from tcpexp.words.measured import rate_words, size_words, time_words

#: So many samples make a minimum that is worth trusting.
_SOME = 5
#: So many segments make a rate: of fewer, the first one's share is too large, for it takes no time.
_FEWEST = 10


def find_volumes(summary: pl.DataFrame) -> Iterator[Finding]:
    """Yield what each end sent, from the table ``summary``."""
    for row in summary.iter_rows(named=True):
        lane = summed(row)
        if not row["data_packets"]:
            continue
        sentence = (
            f"The {lane.by} sent {size_words(row['unique_bytes'])} in"
            f" {many(row['data_packets'], 'segment')}"
        )
        rate = _rate(row)
        because = "payload, each byte once"
        if rate is not None:
            sentence += f", {rate} over {time_words(row['transmit_ns'])}"
            because += "; the rate is that of the time from the first to the last segment with data"
        elif row["transmit_ns"] and row["transmit_ns"] > 0:
            sentence += f" within {time_words(row['transmit_ns'])}"
        yield lane.say("volume", sentence + ".", because=because)
        if row["missed_bytes"] is not None and row["missed_bytes"] > 0 and not row["probe_bytes"]:
            yield lane.say(
                "not_captured",
                f"{size_words(row['missed_bytes'])} that the {lane.by} sent are not in the"
                " capture: SYN and FIN are further apart.",
                because="the capture lost them, or they went another way",
                source="RFC 9293 section 3.4",
            )


def _rate(row: Row) -> str | None:
    if not row["transmit_ns"] or row["transmit_ns"] <= 0 or row["data_packets"] < _FEWEST:
        return None
    return rate_words(row["unique_bytes"] * 8e9 / row["transmit_ns"])


def find_round_trips(summary: pl.DataFrame) -> Iterator[Finding]:
    """Yield the times from the capture to each end and back."""
    for row in summary.iter_rows(named=True):
        lane = summed(row)
        if row["rtt_samples"]:
            yield _round_trip(row, lane)


def _round_trip(row: Row, lane: Lane) -> Finding:
    few = row["rtt_samples"] < _SOME
    sentence = (
        f"From the capture to the {lane.other} and back: {time_words(row['rtt_min_ns'])} at"
        f" least, {time_words(row['rtt_mean_ns'])} on average, {time_words(row['rtt_max_ns'])} at"
        f" most, by {many(row['rtt_samples'], 'ACK')}"
    )
    if row["stamp_rtt_samples"]:
        sentence += (
            f"; {time_words(row['stamp_rtt_min_ns'])} at least by"
            f" {many(row['stamp_rtt_samples'], 'time stamp')}"
        )
    because = (
        "few ACKs, of which each may have been delayed by its sender"
        if few
        else "an ACK may wait for a second segment or for a timer; the least is nearest to the"
        " path's own time"
    )
    return lane.say(
        "round_trip",
        sentence + ".",
        sure="unsure" if few else "likely",
        because=because,
        source="RFC 6298 section 3 (Karn's algorithm), RFC 7323 section 4.1",
    )


def find_vantage(summary: pl.DataFrame) -> Iterator[Finding]:
    """Yield at which end a connection was captured: the way to it and back takes no time."""
    for (_,), part in summary.group_by(["connection"], maintain_order=True):
        rows = {row["sender"]: row for row in part.iter_rows(named=True)}
        if len(rows) < 2:
            continue
        to_server = rows["client"]["rtt_min_ns"]
        to_client = rows["server"]["rtt_min_ns"]
        if to_server is None or to_client is None:
            continue
        near, far = min(to_server, to_client), max(to_server, to_client)
        if far < _FAR_TIMES * max(near, 1):
            continue
        end = "client" if to_client < to_server else "server"
        other = "server" if end == "client" else "client"
        lane = summed(rows[end])
        yield lane.say(
            "vantage",
            f"The capture was made at the {end}, or near it: it answers within"
            f" {time_words(near)}, the {other} within {time_words(far)}.",
            sure="likely",
            because="the fastest answers of both ends; an end that waits before it answers would"
            " look far away",
        )


#: One end is near where the other takes this many times as long.
_FAR_TIMES = 10
