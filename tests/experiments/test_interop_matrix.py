"""utcp_interop with 10 MB each way, on a clean path and on four bad ones: the experiment's own
checks, with the hashes of what is sent here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tcpexp.tcp.services.protocols import generate
from tests.support.twins import outcome_of, verdicts

TEN_MEGABYTES = 10_000_000
PIECE, PIECES = 100_000, 100
#: What the link does, by name, and the remarks of tshark about the sender's own segments that this
#: explains.
PATHS = {
    "clean": ("", ()),
    "loss1": ("loss: 1%", ("out-of-order",)),
    "loss5": ("loss: 5%", ("out-of-order",)),
    "reordering": ("reorder: 2%", ("out-of-order",)),
    "duplication": ("duplicate: 2%", ("out-of-order",)),
}


def from_kernel() -> str:
    """Return the hash of what burst_sender.py writes."""
    return hashlib.sha256(
        b"".join(bytes([ord("A") + number % 26]) * PIECE for number in range(PIECES))
    ).hexdigest()


def overrides(fault: str, explained: tuple[str, ...]) -> list[str]:
    """Return the ``--set`` words of a path: a faster link with a queue that never overflows, 10 MB
    each way, and what is expected.
    """
    # an ACK that the last one overtook finds no connection: RFC 9293 section 3.10.7.1 answers with
    # a reset
    late = fault.startswith("reorder")
    sent = hashlib.sha256(generate(TEN_MEGABYTES, 0)).hexdigest()
    expect = [
        {"exit": {"action": "source", "status": 0}},
        {"exit": {"action": "kernel_sender", "status": 0}},
        {
            "output": {
                "action": "sink",
                "contains": f'"bytes": {TEN_MEGABYTES}, "sha256": "{from_kernel()}"',
            }
        },
        {
            "output": {
                "action": "kernel_reader",
                "contains": f'"bytes": {TEN_MEGABYTES}, "sha256": "{sent}"',
            }
        },
        {
            "complaints": {
                "from": "h2",
                "flow": "from_kernel",
                "besides": ["connection reset"] if late else [],
            }
        },
        {"complaints": {"from": "h1", "flow": "from_user_space", "besides": list(explained)}},
        {
            "complaints": {
                "from": "h1",
                "flow": "from_user_space",
                "seen_at": "h2",
                "besides": [*explained, *(["not captured"] if explained else [])],
            }
        },
        {"labels": {"label": "ack_lost_segment", "equals": 0}},
        *(
            {"counter": {"host": host, "name": f"Tcp.{name}", "equals": 0}}
            for host in ("h1", "h2")
            for name in ("InErrs", "InCsumErrors")
        ),
    ]
    if not late:
        expect += [
            {"segments": {"kind": "reset", "port": port, "to": "h1", "count": 0}}
            for port in (7000, 5000)
        ]
    if fault.startswith("loss"):
        expect.append(
            {
                "tcp_event": {
                    "host": "h1",
                    "event": "retransmitted",
                    "flow": "from_user_space",
                    "at_least": 1,
                }
            }
        )
        expect.append({"retransmissions": {"flow": "from_kernel", "at_least": 1}})
    sender = ["--to", "{h2}", "--port", 7000, "--size", PIECE, "--count", PIECES]
    reader = ["--port", 5000, "--read", 65536, "--every", "1ms", "--receive-buffer", 2_000_000]
    return [
        f"links.h1-h2={{rate: 50mbit, delay: 2ms, queue: 2000p{', ' if fault else ''}{fault}}}",
        "duration=90s",
        f"actions[kernel_sender].args={json.dumps(sender)}",
        f"actions[kernel_reader].args={json.dumps(reader)}",
        "actions[source].at=40s",
        f"actions[source].args={json.dumps(['--size', '10MB'])}",
        f"expect={json.dumps(expect)}",
    ]


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("name", PATHS)
def test_ten_megabytes_each_way(name: str, tmp_path: Path) -> None:
    outcome = outcome_of("utcp_interop", tmp_path, *overrides(*PATHS[name]))
    assert [verdict for verdict in verdicts(outcome) if not verdict.startswith("PASS")] == []
