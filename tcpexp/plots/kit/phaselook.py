"""How phases of congestion control and congestion states look, in figures and in panels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PhaseLook:
    """``color`` and ``hatch`` are a figure's: pale, so that curves stay readable over it; the hatch
    tells phases apart without colour. ``variable`` is the colour of the page's style sheet, with
    which a panel draws its strip.
    """

    color: str
    hatch: str
    variable: str


PHASES: dict[str, PhaseLook] = {
    "slow_start": PhaseLook("#cfe8d5", "", "--phase-start"),
    "congestion_avoidance": PhaseLook("#e4e9f2", "", "--phase-steady"),
    "fast_recovery": PhaseLook("#f6c9a8", "////", "--phase-recovery"),
    "rto_recovery": PhaseLook("#e8a3a0", "xxxx", "--phase-loss"),
    "cwr": PhaseLook("#f2dc93", "....", "--phase-reduced"),
    "startup": PhaseLook("#cfe8d5", "", "--phase-start"),
    "drain": PhaseLook("#f2dc93", "....", "--phase-reduced"),
    "probe_bw": PhaseLook("#e4e9f2", "", "--phase-steady"),
    "probe_rtt": PhaseLook("#d9c9e8", "----", "--phase-probe"),
}
#: The kernel's congestion states (include/net/inet_connection_sock.h, enum tcp_ca_state): in
#: figures they look as the phases that they are.
STATES: dict[str, PhaseLook] = {
    "Open": PhaseLook("#e4e9f2", "", "--phase-steady"),
    "Disorder": PhaseLook("#fbf0c4", "", "--phase-disorder"),
    "CWR": PhaseLook("#f2dc93", "....", "--phase-reduced"),
    "Recovery": PhaseLook("#f6c9a8", "////", "--phase-recovery"),
    "Loss": PhaseLook("#e8a3a0", "xxxx", "--phase-loss"),
}
