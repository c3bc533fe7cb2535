"""The congestion controls that come with this package, in one place, and a way to add one."""

from __future__ import annotations

import difflib

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.base import CongestionControl
from tcpexp.tcp.core.congestion.bbr import Bbr
from tcpexp.tcp.core.congestion.cubic import Cubic
from tcpexp.tcp.core.congestion.fixed import FixedWindow, StopAndWait
from tcpexp.tcp.core.congestion.reno import NewReno, Reno, Tahoe

CONTROLS: dict[str, type[CongestionControl]] = {
    control.name: control
    for control in (StopAndWait, FixedWindow, Tahoe, Reno, NewReno, Cubic, Bbr)
}


def add_control(control: type[CongestionControl]) -> type[CongestionControl]:
    """Make a control known by its ``name``; usable as a decorator. RFC 5681 section 3.

    Raises: ValueError for a name that is taken or empty.
    """
    if not control.name or control.name in CONTROLS:
        raise ValueError(
            f"congestion control {control.name!r}: the name is"
            f" {'taken' if control.name else 'empty'}"
        )
    CONTROLS[control.name] = control
    return control


def make_control(smss: int, config: Config) -> CongestionControl:
    """Return a new instance of the control that ``config`` names. RFC 5681 section 3.

    Raises: ValueError for an unknown name, with the nearest known ones.
    """
    control = CONTROLS.get(config.congestion_control)
    if control is None:
        near = difflib.get_close_matches(config.congestion_control, CONTROLS) or sorted(CONTROLS)
        raise ValueError(
            f"no congestion control {config.congestion_control!r}; did you mean {', '.join(near)}?"
        )
    return control(smss, config)
