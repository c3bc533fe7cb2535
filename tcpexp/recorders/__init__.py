"""What a run records: one model class per recorder; they describe and record nothing themselves."""

from tcpexp.recorders.base import RecorderModel
from tcpexp.recorders.builtin import Capture, Command, Counters, Processor, Queues, Sockets, Trace

#: The recorders that ship, by the word in ``record:``.
BUILTIN: dict[str, type[RecorderModel]] = {
    recorder.name: recorder
    for recorder in (Capture, Sockets, Queues, Counters, Trace, Processor, Command)
}

__all__ = ["BUILTIN", "RecorderModel"]
