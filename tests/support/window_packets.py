"""Packets of an upload whose receiver advertises windows."""

from tcpexp.plan.types import FlowPlan
from tests.support.fake_run import SECOND

UPLOAD = FlowPlan("upload", "h1", "h2", 5000, "h1", "python", "a00", "all", None, 0, None)


def row(number, flags, **more):
    """A packet at h2; without ``payload_bytes`` it comes from h2."""
    own = not more.get("payload_bytes") and flags != "S"
    ends = {"src": "10.0.0.2", "dst": "10.0.0.1"} if own else {"src": "10.0.0.1", "dst": "10.0.0.2"}
    base = {
        "capture": "h2-eth0",
        "node": "h2",
        "number": number,
        "t_ns": number * SECOND,
        "protocol": "tcp",
        "flow": "upload",
        "stream": 0,
    }
    return {**base, **ends, "flags": flags, "payload_bytes": 0, "labels": [], **more}


def acks(scale):
    return [
        row(1, "S", window=64240, window_bytes=64240, wscale=7, seq_rel=0),
        row(2, "SA", window=65160, window_bytes=65160, wscale=scale, ack_rel=1),
        row(3, "PA", window=502, window_bytes=64256, payload_bytes=200, seq_rel=1),
        row(4, "A", window=500, window_bytes=64000 if scale else 500, ack_rel=201),
        row(5, "A", window=500, window_bytes=64000 if scale else 500, ack_rel=201),
        row(6, "A", window=0, window_bytes=0, ack_rel=401),
    ]
