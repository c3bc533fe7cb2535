"""How the limits of a rate look, in figures and in panels."""

from __future__ import annotations

from tcpexp.plots.kit.phaselook import PhaseLook

#: In the order of the legend: the network's, the receiver's, the sender's, and the rest.
LIMITS: dict[str, PhaseLook] = {
    "bottleneck": PhaseLook("#f2dc93", "....", "--limit-bottleneck"),
    "congestion_window": PhaseLook("#cfe8d5", "", "--limit-congestion"),
    "loss": PhaseLook("#e8a3a0", "xxxx", "--limit-loss"),
    "receive_window": PhaseLook("#a9cfe6", "////", "--limit-receiver"),
    "application": PhaseLook("#d9c9e8", "", "--limit-application"),
    "sender_host": PhaseLook("#f6c9a8", "----", "--limit-host"),
    "handshake": PhaseLook("#c3ccd8", "", "--limit-handshake"),
    "idle": PhaseLook("#eef1f5", "", "--limit-idle"),
    "closing": PhaseLook("#dfe4ea", "", "--limit-closing"),
    "unknown": PhaseLook("#ffffff", "||||", "--limit-unknown"),
}
#: What a reader calls them.
WORDS = {name: name.replace("_", " ") for name in LIMITS} | {"sender_host": "sender's own TCP"}
