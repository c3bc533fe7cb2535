"""A TCP in pure Python that can be read beside the RFCs: a core without input or output, and a
simulator for it.

Begin with :mod:`tcpexp.tcp.core.connection`; docs/concepts/tcp.md describes the interface. Nothing
here imports another part of tcpexp.
"""

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import CallError, Connection
from tcpexp.tcp.core.isn import Endpoint, fixed_isn, hashed_isn
from tcpexp.tcp.core.options import Options, SegmentError
from tcpexp.tcp.core.segment import Segment, decode_segment, encode_segment
from tcpexp.tcp.core.states import State

__all__ = [
    "CallError",
    "Config",
    "Connection",
    "Endpoint",
    "Options",
    "Segment",
    "SegmentError",
    "State",
    "decode_segment",
    "encode_segment",
    "fixed_isn",
    "hashed_isn",
]
