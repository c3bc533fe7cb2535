"""Faults that know TCP: an eBPF program in a link's wire acts on chosen segments
(docs/guides/faults.md).
"""
