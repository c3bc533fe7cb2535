"""What disciplines count of themselves (``struct tc_*_xstats`` in linux/pkt_sched.h), by name and
in plain units: pure functions on bytes.

Probabilities are 0 to 1, delays ns, the rest packets or bytes as its name says. Counts grow from
when the queue was made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

#: What each name means, for the table's documentation.
STATISTICS: Mapping[str, str] = {
    "probability": "probability of a drop or mark now; of dualpi2 its base probability p'",
    "delay": "delay in the queue as PIE reckons it now, ns",
    "classic_delay": "dualpi2: how long the first packet of the classic queue has waited, ns",
    "l4s_delay": "dualpi2: how long the first packet of the low-latency queue has waited, ns",
    "packets_in": "packets that came in",
    "classic_packets": "dualpi2: packets that came into the classic queue",
    "l4s_packets": "dualpi2: packets that came into the low-latency queue",
    "most_packets": "the most packets that waited so far",
    "early_drops": "dropped by the algorithm before the queue was full",
    "full_drops": "dropped because the queue was full",
    "matched_drops": "choke: met a packet of their own flow; both were dropped",
    "marks": "marked with CE",
    "step_marks": "dualpi2: marked because it waited in the low-latency queue for longer than step",
    "coupled_marks": "dualpi2: marked by probability, in either queue",
    "credit": "dualpi2: whose turn it is, bytes (0 and below: the low-latency queue's)",
    "memory": "memory that the packets take, bytes",
    "new_flows": "how often a flow was new",
    "flows": "fq: flows that are known",
    "throttled_flows": "fq: flows whose next packet is not due yet",
    "throttled": "fq: how often a flow had to wait until its packet was due",
    "flow_full_drops": "fq: dropped because a flow's own queue was full",
    "horizon_drops": "fq: dropped because they were due too far ahead",
}
#: All bits of a probability set, as dualpi2 (32 bits) and PIE (64 bits, net/sched/sch_pie.c shifts
#: its 56 bits up) mean 1.
_ONE32, _ONE64 = 2**32 - 1, 2**64 - 1


def decode_statistics(kind: str, data: bytes) -> dict[str, float]:
    """Return what a discipline of that kind counts; empty for one that is not known or a message
    that is too short.
    """
    decode = _DECODERS.get(kind)
    try:
        return decode(data) if decode is not None and data else {}
    except struct.error:
        return {}


def _pie(data: bytes) -> dict[str, float]:
    (probability, delay_us, _rate, _estimating, packets, dropped, full, most, marks) = (
        struct.unpack_from("=Q8I", data)
    )
    return {
        "probability": probability / _ONE64,
        "delay": delay_us * 1e3,
        "packets_in": packets,
        "early_drops": dropped,
        "full_drops": full,
        "most_packets": most,
        "marks": marks,
    }


def _fq_pie(data: bytes) -> dict[str, float]:
    packets, dropped, full, over_memory, marks, new, _new_len, _old_len, memory = (
        struct.unpack_from("=9I", data)
    )
    return {
        "packets_in": packets,
        "early_drops": dropped,
        "full_drops": full + over_memory,
        "marks": marks,
        "new_flows": new,
        "memory": memory,
    }


def _choke(data: bytes) -> dict[str, float]:
    early, full, _other, marks, matched = struct.unpack_from("=5I", data)
    return {
        "early_drops": early,
        "full_drops": full,
        "marks": marks,
        "matched_drops": matched,
    }


def _fq(data: bytes) -> dict[str, float]:
    throttled, flow_full = struct.unpack_from("=24xQQ", data)
    flows, _inactive, throttled_flows = struct.unpack_from("=3I", data, 64)
    found: dict[str, float] = {
        "throttled": throttled,
        "flow_full_drops": flow_full,
        "flows": flows,
        "throttled_flows": throttled_flows,
    }
    if len(data) >= 96:
        marks, horizon = struct.unpack_from("=QQ", data, 80)
        found |= {"marks": marks, "horizon_drops": horizon}
    return found


def _dualpi2(data: bytes) -> dict[str, float]:
    (
        probability,
        classic_us,
        l4s_us,
        classic,
        l4s,
        most,
        marks,
        step,
        credit,
        memory,
    ) = struct.unpack_from("=8IiI", data)
    return {
        "probability": probability / _ONE32,
        "classic_delay": classic_us * 1e3,
        "l4s_delay": l4s_us * 1e3,
        "classic_packets": classic,
        "l4s_packets": l4s,
        "most_packets": most,
        "marks": marks,
        "step_marks": step,
        # dualpi2_mark() counts both kinds, and one by step is counted as one of them
        "coupled_marks": marks - step,
        "credit": credit,
        "memory": memory,
    }


_DECODERS: dict[str, Callable[[bytes], dict[str, float]]] = {
    "pie": _pie,
    "fq_pie": _fq_pie,
    "choke": _choke,
    "fq": _fq,
    "dualpi2": _dualpi2,
}
