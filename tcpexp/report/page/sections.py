"""The page's navigation: a word for each section that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def section_links(page: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield target and word of each section of a page with these values, in its order."""
    if page["explain"]:
        yield "explanation", "Explanation"
    parts = [("figures", "Figures")] if page["figures"] or page["left_out"] else []
    panels = [("panels", "Panels")] if page["panels"] else []
    yield from (parts + panels if page["figures_first"] else panels + parts)
    if page["packets"]:
        yield "packets", "Packets"
    if page["flows"]:
        yield "flows", "Flows"
    yield "network", "Network"
    if page["events"]:
        yield "timeline", "Timeline"
    if page["kernel_lines"]:
        yield "kernel-log", "Kernel"
    if page["labels"]:
        yield "labels", "Labels"
    yield "certificate", "Certificate"
    yield "repeat", "The run"
