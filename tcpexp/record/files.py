"""The names of what a run leaves: files below its folder, and those below ``raw/``."""

from __future__ import annotations

EVENTS = "events.jsonl"
RAW = "raw"

# below raw/
ENGINE = "engine.json"
COMMANDS = "commands.jsonl"
PROBES = "probes.json"
READBACK = "readback.jsonl"
FAULTS = "faults.json"
RATES = "rates.jsonl"
KERNEL_LOG = "kernel_log.jsonl"
QDISC_DUMPS = "qdisc.nl"
QDISC_SOURCES = "qdisc_sources.json"
#: Of older runs.
QDISC_ROWS = "qdisc.jsonl"
TRACE = "trace"
TRACE_SUMMARY = "trace.json"
