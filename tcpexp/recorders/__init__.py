"""What a run records: one model class per recorder; they describe and record nothing themselves.

A recorder that samples is one folder: what a spec says and the table that it fills
(``model.py``), and what runs where the experiment runs (``guest.py``, standard library only).
"""

from __future__ import annotations

from tcpexp.recorders.base import RecorderModel
from tcpexp.registry import Classes

#: The recorders that ship, by the word in ``record:``, in the order in which a plan lists them.
BUILTIN: Classes[RecorderModel] = Classes(
    {
        "capture": "tcpexp.recorders.builtin:Capture",
        "ss": "tcpexp.recorders.builtin:Sockets",
        "qdisc": "tcpexp.recorders.builtin:Queues",
        "counters": "tcpexp.recorders.builtin:Counters",
        "trace": "tcpexp.recorders.builtin:Trace",
        "cpu": "tcpexp.recorders.cpu.model:Processor",
        "command": "tcpexp.recorders.builtin:Command",
    }
)

__all__ = ["BUILTIN", "RecorderModel"]
