"""What a capture's file holds beyond the table, compared with its bytes."""

import numpy as np
import pytest

from tcpexp.ingest.captures import read_capture
from tcpexp.ingest.pcap import read_records
from tcpexp.report.packets.recorded import read_recorded
from tests.support.folders import RECORDED

LOSSY = RECORDED / "tcpdump-4.99-lossy-h1-eth0.pcap"


@pytest.fixture(scope="module")
def packets():
    return read_capture(LOSSY, 0)


def recorded_of(packets, wanted=None, capture=LOSSY):
    numbers, frames = (packets[name].to_numpy() for name in ("number", "frame_bytes"))
    return read_recorded(capture, numbers, frames, wanted or {})


def test_a_layout_and_the_tables_values_are_the_options(packets):
    recorded = recorded_of(packets)
    (records,) = read_records(LOSSY)
    tcp = packets.with_row_index("row").filter(protocol="tcp")
    for row in tcp.iter_rows(named=True):
        at = int(records.at[row["row"]]) + 34
        size = (int(records.data[at + 12]) >> 4) * 4 - 20
        options = records.data[at + 20 : at + 20 + size].tobytes().hex()
        layout = recorded.layouts[recorded.columns["layout"][row["row"]]]
        assert len(layout) == len(options)
        assert all(ours in (theirs, ".") for ours, theirs in zip(layout, options, strict=True))
        if row["ts_val"] is not None:
            begin = layout.index("080a") + 4
            assert layout[begin : begin + 16] == "." * 16
            assert options[begin : begin + 16] == f"{row['ts_val']:08x}{row['ts_ecr']:08x}"
        else:
            assert "." not in layout


def test_few_layouts_serve_a_capture(packets):
    recorded = recorded_of(packets)
    assert 3 <= len(recorded.layouts) <= 12
    assert {kind for _, _, kind in recorded.links} == {0x0800, 0x0806}
    assert not recorded.columns["ip_sum"].any()  # every IP checksum is right


def test_what_is_neither_tcp_nor_udp_is_kept_as_its_bytes(packets):
    recorded = recorded_of(packets)
    others = packets.filter(~packets["protocol"].is_in(["tcp", "udp"]))["number"].to_list()
    assert sorted(recorded.raw) == others
    (records,) = read_records(LOSSY)
    first = others[0]
    at = int(records.at[first - 1])
    assert recorded.raw[first] == records.data[at : at + len(recorded.raw[first])].tobytes()


def test_payloads_are_as_long_as_they_were_captured(packets):
    data = packets.filter((packets["payload_bytes"] > 100) & (packets["protocol"] == "tcp"))
    number = data["number"][0]
    recorded = recorded_of(packets, {number: 20})
    assert recorded.payloads == {number: b"x" * 20}
    everything = recorded_of(packets, {number: 5000}).payloads[number]
    assert 20 < len(everything) < data["payload_bytes"][0]


def test_a_file_that_is_not_what_the_table_was_made_from_says_nothing(packets, tmp_path):
    assert recorded_of(packets, capture=tmp_path / "none.pcap") is None
    assert recorded_of(packets, capture=RECORDED / "tcpdump-4.99-lossy-h2-eth0.pcap") is None
    longer = packets.with_columns(packets["frame_bytes"] + 1)
    assert recorded_of(longer) is None


def test_a_part_of_the_packets_is_found_by_number(packets):
    few = packets.gather_every(7)
    part, whole = recorded_of(few), recorded_of(packets)
    layouts = [whole.layouts[code] for code in whole.columns["layout"][::7]]
    assert [part.layouts[code] for code in part.columns["layout"]] == layouts
    assert np.array_equal(part.columns["captured"], whole.columns["captured"][::7])
