"""Rows of the report's table of Wireshark's labels: how often, what each means, and example packets."""

from __future__ import annotations

from typing import Any

from tcpexp.plots.labels import WORDS
from tcpexp.report.words import seconds

#: What a label means, in one sentence for someone who sees it for the first time.
MEANINGS: dict[str, str] = {
    "retransmission": "A segment whose bytes were sent before: the sender takes the first one for lost.",
    "fast_retransmission": "A retransmission soon after duplicate ACKs, without waiting for the timer.",
    "spurious_retransmission": "A retransmission of bytes that the receiver had already acknowledged: it was not needed.",
    "rto": "A retransmission after the retransmission timer ran out.",
    "out_of_order": "A segment that arrived later than one that was sent after it.",
    "duplicate_ack": "The same acknowledgment again: something arrived, but not the next byte that the receiver waits for.",
    "lost_segment": "A gap before this segment: the capture has not seen the bytes in between (lost before here, or still to come).",
    "ack_lost_segment": "An acknowledgment of bytes that this capture has not seen.",
    "zero_window": "The receiver's buffer is full: it advertises a window of 0, and the sender must stop.",
    "zero_window_probe": "The sender asks with one byte whether the window is still closed.",
    "zero_window_probe_ack": "The answer to such a probe.",
    "window_full": "This segment uses the last byte of the window that the receiver advertised.",
    "window_update": "An acknowledgment that only opens the window further.",
    "keep_alive": "A segment with the last acknowledged byte again: a keep-alive, or Linux's probe of a closed window.",
    "keep_alive_ack": "The answer to such a segment.",
    "reused_ports": "A new connection with the same addresses and ports as an earlier one.",
}


def label_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per label that occurred: ``word``, ``meaning``, ``count``, ``captures`` and ``examples``.

    An example has ``capture``, ``number``, ``time`` and ``command`` (which opens the capture at that packet).
    """
    labels: dict[str, Any] = metrics.get("labels") or {}
    order = [name for name in WORDS if name in labels] + sorted(set(labels) - set(WORDS))
    return [_row(name, labels[name]) for name in order if labels[name].get("count")]


def _row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    examples = [
        {
            "capture": each["capture"],
            "number": each["number"],
            "time": seconds(each["t_ns"]),
            "command": f"wireshark -g {each['number']} raw/{each['capture']}.pcap",
        }
        for each in found.get("examples", [])[:3]
    ]
    return {
        "word": WORDS.get(name, name),
        "meaning": MEANINGS.get(name, ""),
        "count": f"{found['count']:,}",
        "captures": ", ".join(f"{capture}: {count:,}" for capture, count in (found.get("captures") or {}).items()),
        "examples": examples,
    }
