"""What the end of a number's name says about its unit."""

from __future__ import annotations

UNITS = {"_ns": "ns", "_us": "us", "_ms": "ms", "_bytes": "bytes", "_bps": "bit/s"}
