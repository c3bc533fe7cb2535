"""SVG files made fit for one HTML page."""

import re
from xml.etree import ElementTree

from tcpexp.plots.run import plot_run
from tcpexp.report.page.figures import inline_svg
from tests.support.fake_run import shared_bottleneck


def test_identifiers_are_unique_and_references_lead_somewhere(tmp_path):
    figures = plot_run(
        shared_bottleneck(tmp_path, 4, plots=({"queue": {}}, {"rtt": {}}, {"sequence": {}}))
    )
    texts = [inline_svg(tmp_path / figure.svg, figure.title, figure.name) for figure in figures]
    ids = [name for text in texts for name in re.findall(r'\sid="([^"]+)"', text)]
    assert len(ids) == len(set(ids)) > 0
    for text in texts:
        own = set(re.findall(r'\sid="([^"]+)"', text))
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= own
        root = ElementTree.fromstring(text)
        assert (
            root.attrib["role"] == "img" and "width" not in root.attrib and "viewBox" in root.attrib
        )
        assert "<metadata" not in text and "<style" not in text
