"""A TCP in pure Python that can be read beside the RFCs: a core without input or output, and a
simulator for it.

Begin with :mod:`tcpexp.tcp.connection`; docs/concepts/tcp.md describes the interface. Nothing here
imports another part of tcpexp.
"""

from tcpexp.tcp.config import Config
from tcpexp.tcp.connection import CallError, Connection
from tcpexp.tcp.isn import Endpoint, fixed_isn, hashed_isn
from tcpexp.tcp.options import Options, SegmentError
from tcpexp.tcp.segment import Segment, decode_segment, encode_segment
from tcpexp.tcp.states import State

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
