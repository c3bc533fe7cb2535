"""What can keep a sender from sending, as packets show it, and what each of these reasons means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Limit = Literal[
    "application",
    "receive_window",
    "congestion_window",
    "loss",
    "handshake",
    "idle",
    "closing",
    "sender_host",
    "bottleneck",
    "unknown",
]
Sure = Literal["certain", "likely", "unsure"]
#: Whose a reason is, seen from the sender.
Whose = Literal["sender", "receiver", "network", "capture", "nobody"]


@dataclass(frozen=True)
class Reason:
    """One reason: the limit that it stands for, how sure that is, and whose it is."""

    limit: Limit
    sure: Sure
    whose: Whose


#: By name. The place in this order is a reason's code.
REASONS: dict[str, Reason] = {
    # both ends agree on numbers before any data may flow
    "opening": Reason("handshake", "certain", "network"),
    # the window was full, and what followed it left with the ACK that opened it
    "window_full": Reason("receive_window", "certain", "receiver"),
    "window_zero": Reason("receive_window", "certain", "receiver"),
    # each ACK let go as much as it acknowledged, and the receive window had room
    "clocked": Reason("congestion_window", "likely", "network"),
    # the same after an ECN mark
    "marked": Reason("congestion_window", "certain", "network"),
    # the same while no round-trip time came near the least one
    "queue": Reason("bottleneck", "likely", "network"),
    # sent evenly at the rate at which a queue stands before and after
    "paced": Reason("bottleneck", "unsure", "network"),
    # at a far capture: full segments come evenly, as from a bottleneck in front of it
    "spaced": Reason("bottleneck", "unsure", "network"),
    # sent again, until all is acknowledged that was under way
    "repair": Reason("loss", "certain", "network"),
    "silence": Reason("loss", "certain", "network"),
    # a segment shorter than full: the sender's queue was empty
    "emptied": Reason("application", "likely", "sender"),
    # an ACK made room, and nothing followed it
    "late": Reason("application", "likely", "sender"),
    # sent at even distances, without an ACK, with room in both windows
    "even": Reason("application", "unsure", "sender"),
    # it was asked, or it was its turn, and all it had sent was acknowledged
    "turn": Reason("application", "certain", "sender"),
    # all had been sent: the last ACKs were on their way, which the network's delay decides
    "sent": Reason("application", "certain", "network"),
    # a short segment left only when all before it was acknowledged
    "nagle": Reason("sender_host", "likely", "sender"),
    # never more in flight than one size, though ACKs came and no window was full
    "buffer": Reason("sender_host", "likely", "sender"),
    # nobody sent anything, or the other end was to speak
    "other": Reason("idle", "certain", "nobody"),
    "pause": Reason("idle", "certain", "nobody"),
    "closing": Reason("closing", "certain", "nobody"),
    # the capture begins in the middle of the connection
    "begun": Reason("unknown", "unsure", "capture"),
    # no ACK was captured
    "one_way": Reason("unknown", "unsure", "capture"),
    # ACKs were captured, but not when they took effect
    "undecided": Reason("unknown", "unsure", "capture"),
}
CODES = {name: code for code, name in enumerate(REASONS)}
NAMES = tuple(REASONS)
