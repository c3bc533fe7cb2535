"""What the interop tests expect, on this machine and in the guest: answers by case, and which
remarks (tshark's, the kernel's) a path explains.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

USER = {4: "10.9.0.2", 6: "fd00::2"}

#: Flow control, not a fault: a sender fills the window, a slow reader closes it.
WINDOWS = (
    "zero window",
    "zerowindow",
    "window specified by the receiver is now completely full",
    "window full",
)
#: A hole in what this end has sent, or its repair; and the window that is full for a moment, since
#: what lay behind a hole becomes readable at once.
HOLES = ("out-of-order", "not captured", *WINDOWS)

#: Faults on what the user-space TCP sends, on what it gets, and the remarks that these explain; by
#: name.
PATHS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "clean": ("", "", ()),
    "loss1": ("loss=1%,seed=1", "loss=1%,seed=2", HOLES),
    "loss5": ("loss=5%,seed=1", "loss=5%,seed=2", HOLES),
    "reordering": (
        "reorder=2%,reorder_delay=2ms,seed=3",
        "reorder=2%,reorder_delay=2ms,seed=4",
        HOLES,
    ),
    "duplication": ("duplicate=2%,seed=5", "duplicate=2%,seed=6", ("out-of-order",)),
    "everything": (
        "loss=1%,reorder=1%,reorder_delay=2ms,duplicate=1%,seed=7",
        "loss=1%,reorder=1%,reorder_delay=2ms,duplicate=1%,seed=8",
        HOLES,
    ),
}


class Expected(NamedTuple):
    """What a case must have found, and the remarks of tshark that it explains."""

    found: dict[str, Any]
    explained: tuple[str, ...] = ()


_ORDERLY = {"ended": True, "late": "late", "state": True, "closed": True}
RESET = ("connection reset",)
CASES = {
    "refused": Expected(
        {"by_kernel": "ConnectionRefusedError", "by_user": "ConnectionRefusedError"}, RESET
    ),
    "user_opens_user_closes": Expected(_ORDERLY),
    "user_opens_kernel_closes": Expected(_ORDERLY),
    "kernel_opens_user_closes": Expected(_ORDERLY),
    "kernel_opens_kernel_closes": Expected(_ORDERLY),
    "resets": Expected(
        {
            f"{opener}_opened_by_{dropper}": "ConnectionResetError"
            for opener in ("user", "kernel")
            for dropper in ("user", "kernel")
        },
        RESET,
    ),
    "closed_windows": Expected(
        {"kernel_read": 2_000_000, "user_read": 2_000_000, "window_closed": True}, WINDOWS
    ),
    "simultaneous_close": Expected({"state": True, "ended": True, "closed": True}),
    "simultaneous_open": Expected({"state": True, "established": True, "heard": "both"}),
    "keepalives": Expected(
        {"asked_by_kernel": True, "kernel_holds_on": "here", "user_holds_on": True}
    ),
    "cookies": Expected({"kernel": "kernel's", "user": "user's", "cookies_accepted": 1}),
}


def kernel_complaints(found: dict[str, Any], name: str) -> dict[str, int]:
    """Return the kernel's counters of segments that it could not take, without those that the path
    explains.

    A late segment whose retransmission was faster carries an older timestamp than what the kernel
    has (PAWS), and its answers to such are limited in rate.
    """
    explained = (
        {"TcpExt.PAWSEstab", "TcpExt.TCPACKSkippedSeq"}
        if name in ("reordering", "everything")
        else set()
    )
    return {key: value for key, value in found["counters"].items() if key not in explained}


def complaints(capture: Path, ip: int, explained: tuple[str, ...]) -> list[str]:
    """Return what tshark calls malformed, a wrong checksum, or a warning that nothing explains, of
    segments that the user-space TCP sent.

    A reset without ACK is the answer to a segment for a connection that is over (RFC 9293 section
    3.10.7.1), such as an ACK that was overtaken by the last one; in the middle of a transfer it
    would cost the data.
    """
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: apt install tshark")
    bad = (
        f"{'ip' if ip == 4 else 'ipv6'}.src == {USER[ip]} && (_ws.malformed || tcp.checksum.status"
        " == 0 || ip.checksum.status == 0"
    )
    bad += " || _ws.expert.severity >= 6291456) && !(tcp.flags.reset == 1 && tcp.flags.ack == 0)"
    # random octets are no protocol
    words = [
        "-d",
        "tcp.port==1-65535,data",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]
    words += ["-Y", bad, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message"]
    done = subprocess.run(
        ["tshark", "-r", str(capture), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return [
        line
        for line in done.stdout.splitlines()
        if not any(word in line.lower() for word in explained)
    ]
