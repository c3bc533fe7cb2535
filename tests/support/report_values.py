"""What the tests of the report, the comparison and the hand-in show: verdicts, metrics, a
certificate, a manifest; and a page read back.
"""

import json
import re
from html.parser import HTMLParser

from tcpexp.checks.base import Evidence, Verdict

VERDICTS = [
    Verdict(
        "share",
        "share of flow bbr",
        "PASS",
        "65.0 %",
        "at least 50.0 %",
        "bbr delivered 35 of 54 MB.",
        "BBRv1 does not back off on loss",
    ),
    Verdict(
        "goodput",
        "goodput of flow cubic",
        "FAIL",
        "8.1 Mbit/s",
        "at least 8.5 Mbit/s",
        "Too slow.",
        None,
        (
            Evidence("first data", "h1-eth0", tuple(range(5, 45)), 10**9, 2 * 10**9),
            Evidence("timers", rows=(("n", "gap"), ("1", "1.01 s"))),
        ),
    ),
    Verdict("rtt", "RTT", "INCONCLUSIVE", "not measured", "", "There are no samples."),
    Verdict("trace", "states", "UNSUPPORTED", "not measured", "", "No tracepoint."),
]


METRICS = {
    "jain_index": 0.91,
    "flows": {
        "cubic": {
            "goodput_active_bps": 3.4e6,
            "share": 0.35,
            "packets_sent": 1000,
            "retransmissions": 12,
            "retransmission_share": 0.012,
            "rtt": {"p50_ms": 61.2, "p95_ms": 80.0, "p99_ms": 81.5},
            "goodput_bytes": 2_500_000,
            "start_ns": 0,
            "end_ns": 20 * 10**9,
        }
    },
    "labels": {
        "zero_window": {
            "count": 3,
            "captures": {"h1-eth0": 3},
            "examples": [{"capture": "h1-eth0", "number": 77, "t_ns": 10**9}],
        },
        "rto": {"count": 0, "captures": {}, "examples": []},
    },
}


CERTIFICATE = {
    "verdict": "SUSPECT",
    "reasons": ["base RTT h1 to h2: off by 3 ms"],
    "items": [
        {"name": "run", "asked": "complete", "measured": "complete", "verdict": "ok", "why": ""},
        {
            "name": "base RTT h1 to h2",
            "asked": "40.000 ms",
            "measured": "43.1 ms",
            "verdict": "suspect",
            "why": "off by 3 ms",
        },
    ],
}


MANIFEST = {
    "run_id": "20260102T030405Z-s7-guest",
    "status": "complete",
    "where": "guest",
    "clock": "virtual",
    "wall_s": 31.5,
    "virtual_s": 60.0,
    "image_sha256": "ab" * 32,
    "versions": {"tcpexp": "0.1.0", "kernel": "6.1.0-44"},
    "host": {"cpus": 2, "memory_bytes": 4_000_000_000},
    "command": ["tcpexp", "run", "a b.yaml"],
    "files": {"plan.json": "cd" * 32},
}


def panels_of(html: str) -> list[dict]:
    """What the page's script is told of each panel."""
    found = re.search(
        r'<script type="application/json" id="panel-info">(.*?)</script>', html, re.DOTALL
    )
    return json.loads(found.group(1))["panels"] if found else []


class Page(HTMLParser):
    """The text, tags and attributes of a page.

    Raises when an element is closed that is not open.
    """

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.text = ""
        self.panels = panels_of(html)
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


EVIL = '<script>alert("x")</script>&amp;"\'><img src=x onerror=alert(1)>'
