"""Headers of packets as tshark 4.0 wrote them."""

from tcpexp.ingest.dissect import parse_pdml
from tests.support.folders import RECORDED


def headers(name):
    return {
        header.protocol: header
        for header in parse_pdml((RECORDED / f"tshark-4.0.17-packet-{name}.pdml").read_text())
    }
