"""qlog 0.3 as JSON Schema: the definitions of draft-ietf-quic-qlog-main-schema-05 (CDDL) for a
file, a trace and an event, and those of draft-ietf-quic-qlog-quic-events-04 for the events that we
write. Fields that a definition does not name are allowed by it.
"""

from __future__ import annotations

from typing import Any

UINT = {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
MS = {"type": "number", "minimum": 0}
VANTAGE = {"enum": ["client", "server", "network", "unknown"]}
RAW = {"type": "object", "properties": {"length": UINT, "payload_length": UINT}}


def record(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


HEADER = record(
    ["packet_type"],
    packet_type={"enum": ["initial", "handshake", "0RTT", "1RTT", "retry", "unknown"]},
    packet_number=UINT,
    flags={"type": "integer", "minimum": 0, "maximum": 255},
)
FRAME = {
    "oneOf": [
        record(
            ["frame_type", "stream_id", "offset", "length"],
            frame_type={"const": "stream"},
            stream_id=UINT,
            offset=UINT,
            length=UINT,
            fin={"const": True},
        ),
        record(
            ["frame_type"],
            frame_type={"const": "ack"},
            acked_ranges={
                "type": "array",
                "minItems": 1,
                "items": {"type": "array", "minItems": 1, "maxItems": 2, "items": UINT},
            },
        ),
    ]
}
PACKET = record(["header"], header=HEADER, frames={"type": "array", "items": FRAME}, raw=RAW)
#: What ``data`` is, by the event's name.
EVENTS = {
    "connectivity:connection_started": record(
        ["src_ip", "dst_ip"],
        ip_version={"enum": ["v4", "v6"]},
        src_ip={"type": "string"},
        dst_ip={"type": "string"},
        protocol={"type": "string"},
        src_port={**UINT, "maximum": 65535},
        dst_port={**UINT, "maximum": 65535},
    ),
    "transport:packet_sent": PACKET,
    "transport:packet_received": PACKET,
    "recovery:metrics_updated": record(
        [],
        smoothed_rtt=MS,
        rtt_variance=MS,
        congestion_window=UINT,
        bytes_in_flight=UINT,
        ssthresh=UINT,
        pacing_rate=UINT,
    ),
    "recovery:packet_lost": record(
        [],
        header=HEADER,
        trigger={"enum": ["reordering_threshold", "time_threshold", "pto_expired"]},
    ),
    "recovery:congestion_state_updated": record(
        ["new"], old={"type": "string"}, new={"type": "string"}
    ),
    "recovery:loss_timer_updated": record(
        ["event_type"],
        timer_type={"enum": ["ack", "pto"]},
        event_type={"enum": ["set", "expired", "cancelled"]},
    ),
}
EVENT = {
    "oneOf": [
        record(["time", "name", "data"], time={"type": "number"}, name={"const": name}, data=data)
        for name, data in EVENTS.items()
    ]
}
TRACE = record(
    ["events"],
    title={"type": "string"},
    description={"type": "string"},
    configuration=record(
        ["time_offset", "original_uris"],
        time_offset={"type": "number"},
        original_uris={"type": "array", "items": {"type": "string"}},
    ),
    common_fields=record(
        [],
        time_format={"enum": ["absolute", "delta", "relative"]},
        reference_time={"type": "number"},
        protocol_type={"type": "array", "minItems": 1, "items": {"type": "string"}},
        group_id={"type": "string"},
    ),
    vantage_point=record(["type"], name={"type": "string"}, type=VANTAGE, flow=VANTAGE),
    events={"type": "array", "items": EVENT},
)
ERROR = record(["error_description"], error_description={"type": "string"})
SCHEMA = record(
    ["qlog_version"],
    qlog_version={"const": "0.3"},
    qlog_format={"const": "JSON"},
    title={"type": "string"},
    description={"type": "string"},
    traces={"type": "array", "minItems": 1, "items": {"anyOf": [TRACE, ERROR]}},
)
