"""What a qdisc's settings are, out of the kernel's own message: pure functions on bytes, in the
words and units of ``tc -j qdisc show``.

So the same comparison reads what tc printed and what a sampler kept unparsed. The disciplines of
:mod:`tcpexp.record.disciplines` are in the names and units of that table instead. The layouts are
those of linux/pkt_sched.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tcpexp.record.rtnetlink import attributes

#: Ticks of the packet scheduler's clock are 64 ns (PSCHED_SHIFT).
TICK_NS = 64
_WHOLE = 0xFFFFFFFF
RED_ECN, RED_NODROP = 1, 8
_U32, _U64, _S64 = struct.Struct("=I"), struct.Struct("=Q"), struct.Struct("=q")


def decode_options(kind: str, data: bytes) -> dict[str, Any]:
    """Return the settings of a qdisc of that kind.

    Empty for a kind that is not known or a message that is too short.
    """
    decode = _DECODERS.get(kind)
    try:
        return decode(data) if decode is not None and data else {}
    except (struct.error, KeyError):
        return {}


def _number(found: dict[int, bytes], kind: int) -> int | None:
    return _U32.unpack_from(found[kind])[0] if kind in found else None


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _tbf(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    rate, limit, ticks = struct.unpack_from("=8xI12xII", found[1]) if 1 in found else (0, 0, 0)
    if 4 in found:  # TCA_TBF_RATE64
        rate = _U64.unpack_from(found[4])[0]
    return {"rate": rate, "burst": rate * ticks * TICK_NS // 10**9, "limit": limit}


def _fifo(data: bytes) -> dict[str, Any]:
    return {"limit": _U32.unpack_from(data)[0]}


def _red(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    limit, low, high, _wlog, _plog, _scell, flags = struct.unpack_from("=IIIBBBB", found[1])
    if 4 in found:  # TCA_RED_FLAGS: a bit field's value, then which bits it means
        flags |= _U32.unpack_from(found[4])[0]
    return {
        "limit": limit,
        "min": low,
        "max": high,
        "ecn": bool(flags & RED_ECN),
        "nodrop": bool(flags & RED_NODROP),
    }


def _codel(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    ecn = _number(found, 4)
    return _present(
        {
            "limit": _number(found, 2),
            "target": _number(found, 1),
            "interval": _number(found, 3),
            "ecn": None if ecn is None else bool(ecn),
        }
    )


def _fq_codel(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    return _present(
        {
            **_codel(data),
            "flows": _number(found, 5),
            "quantum": _number(found, 6),
            "memory_limit": _number(found, 9),
        }
    )


def _cake(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    rate = _U64.unpack_from(found[2])[0] if 2 in found else 0
    return _present({"bandwidth": rate or "unlimited", "memlimit": _number(found, 10)})


def _netem(data: bytes) -> dict[str, Any]:
    latency, limit, loss, gap, duplicate, jitter = struct.unpack_from("=6I", data)
    found = attributes(data, 24)
    delay_s = _S64.unpack_from(found[10])[0] / 1e9 if 10 in found else latency * TICK_NS / 1e9
    jitter_s = _S64.unpack_from(found[11])[0] / 1e9 if 11 in found else jitter * TICK_NS / 1e9
    delay_correlation, loss_correlation, duplicate_correlation = struct.unpack_from(
        "=3I", found.get(1, bytes(12))
    )
    reorder, reorder_correlation = struct.unpack_from("=2I", found.get(3, bytes(8)))
    corrupt, corrupt_correlation = struct.unpack_from("=2I", found.get(4, bytes(8)))
    shown: dict[str, Any] = {
        "limit": limit,
        "delay": {"delay": delay_s, "jitter": jitter_s, "correlation": delay_correlation / _WHOLE},
        "duplicate": {
            "duplicate": duplicate / _WHOLE,
            "correlation": duplicate_correlation / _WHOLE,
        },
        "reorder": {"reorder": reorder / _WHOLE, "correlation": reorder_correlation / _WHOLE},
        "corrupt": {"corrupt": corrupt / _WHOLE, "correlation": corrupt_correlation / _WHOLE},
        "gap": gap,
    }
    model = attributes(found.get(5, b""), 0).get(2)  # TCA_NETEM_LOSS, NETEM_LOSS_GE
    if model is None:
        shown["loss-random"] = {"loss": loss / _WHOLE, "correlation": loss_correlation / _WHOLE}
    else:
        p, r, h, k1 = struct.unpack_from("=4I", model)
        shown["loss-gemodel"] = {
            "p": p / _WHOLE,
            "r": r / _WHOLE,
            "1-h": 1 - h / _WHOLE,
            "1-k": k1 / _WHOLE,
        }
    return shown


def _timed(found: dict[int, bytes], kind: int) -> float | None:
    """Return a time of whole microseconds in ns."""
    value = _number(found, kind)
    return None if value is None or value == _WHOLE else value * 1e3


def _pie(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    ecn = _number(found, 6)
    return _present(
        {
            "limit": _number(found, 2),
            "ecn": None if ecn is None else bool(ecn),
            "target": _timed(found, 1),
            "tupdate": _timed(found, 3),
            "alpha": _number(found, 4),
            "beta": _number(found, 5),
            "bytemode": _number(found, 7),
            "dq_rate_estimator": _number(found, 8),
        }
    )


def _fq_pie(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    ecn, percent = _number(found, 10), _number(found, 9)
    return _present(
        {
            "limit": _number(found, 1),
            "ecn": None if ecn is None else bool(ecn),
            "target": _timed(found, 3),
            "tupdate": _timed(found, 4),
            "alpha": _number(found, 5),
            "beta": _number(found, 6),
            "bytemode": _number(found, 11),
            "dq_rate_estimator": _number(found, 12),
            "flows": _number(found, 2),
            "quantum": _number(found, 7),
            "memory_limit": _number(found, 8),
            "ecn_prob": None if percent is None else percent / 100,
        }
    )


def _sfq(data: bytes) -> dict[str, Any]:
    quantum, perturb, limit, divisor, flows, depth = struct.unpack_from("=IiIIII", data)
    return {
        "limit": limit,
        "ecn": False,
        "quantum": quantum,
        "perturb": perturb * 1e9,
        "flows": flows,
        "divisor": divisor,
        "depth": depth,
    }


def _choke(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    limit, low, high, _wlog, _plog, _scell, flags = struct.unpack_from("=IIIBBBB", found[1])
    probability = _number(found, 3)
    return _present(
        {
            "limit": limit,
            "ecn": bool(flags & RED_ECN),
            "min": low,
            "max": high,
            "probability": None if probability is None else probability / _WHOLE,
        }
    )


def _fq(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    rate = _number(found, 7)
    return _present(
        {
            "limit": _number(found, 1),
            "ecn": False,
            "flow_limit": _number(found, 2),
            "quantum": _number(found, 3),
            "initial_quantum": _number(found, 4),
            "pacing": _number(found, 5),
            "maxrate": None if rate is None or rate == _WHOLE else rate * 8,
            "refill_delay": _timed(found, 9),
            "ce_threshold": _timed(found, 12),
            "horizon": _timed(found, 14),
        }
    )


def _dualpi2(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    octets = {kind: value[0] for kind, value in found.items() if value}
    alpha, beta = _number(found, 5), _number(found, 6)
    share = octets.get(13)
    return _present(
        {
            "limit": _number(found, 1),
            "ecn": True,
            "target": _timed(found, 3),
            "tupdate": _timed(found, 4),
            "alpha": None if alpha is None else alpha / 256,
            "beta": None if beta is None else beta / 256,
            "step": _timed(found, 8),
            "min_qlen_step": _number(found, 9),
            "coupling": octets.get(10),
            "overload": octets.get(11),
            "drop_at": octets.get(12),
            "classic_protection": None if share is None else share / 100,
            "l4s": octets.get(14),
            "split_gso": octets.get(15),
        }
    )


def _htb(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    _version, _quantum, rest, _debug, direct = struct.unpack_from("=5I", found.get(2, bytes(20)))
    return _present({"default": rest, "direct_packets": direct, "direct_limit": _number(found, 5)})


def decode_class(data: bytes) -> dict[str, Any]:
    """Return the settings of a class of htb: rates in bit/s, bursts and quantum in bytes.

    Empty for a message that is too short.
    """
    try:
        return _htb_class(data)
    except (struct.error, KeyError):
        return {}


def _htb_class(data: bytes) -> dict[str, Any]:
    found = attributes(data, 0)
    rate, ceil, buffer, cbuffer, quantum, level, prio = struct.unpack_from("=8xI8xI5I", found[1])
    if 6 in found:  # TCA_HTB_RATE64
        rate = _U64.unpack_from(found[6])[0]
    if 7 in found:
        ceil = _U64.unpack_from(found[7])[0]
    return {
        "rate": rate * 8,
        "ceil": ceil * 8,
        "burst": rate * buffer * TICK_NS // 10**9,
        "cburst": ceil * cbuffer * TICK_NS // 10**9,
        "quantum": quantum,
        "level": level,
        "prio": prio,
    }


_DECODERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "tbf": _tbf,
    "pfifo": _fifo,
    "bfifo": _fifo,
    "red": _red,
    "codel": _codel,
    "fq_codel": _fq_codel,
    "cake": _cake,
    "netem": _netem,
    "pie": _pie,
    "fq_pie": _fq_pie,
    "sfq": _sfq,
    "choke": _choke,
    "fq": _fq,
    "dualpi2": _dualpi2,
    "htb": _htb,
    "htb class": _htb_class,
}
