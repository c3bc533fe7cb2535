"""The table of a packet's header: which packet, which rows, and what they say."""

import shutil

import polars as pl
import pytest

from tcpexp.errors import SpecError
from tcpexp.plots.header import HeaderTable, chosen_packet, header_part
from tcpexp.views.packets import PacketLink
from tests.support.fake_run import one_connection, write_run
from tests.support.folders import RECORDED
from tests.support.recorded_headers import headers


def rows(header):
    return {row.cells[3]: row for row in header_part(header, "h1-eth0 #1").rows}


def test_a_syn_says_what_its_fields_mean():
    found = rows(headers("syn")["tcp"])
    assert found["Sequence Number"].cells[:2] == ("4-7", "32-63")
    assert "initial sequence number" in found["Sequence Number"].cells[5]
    assert found["Acknowledgment Number"].cells[5] == "without ACK it means nothing"
    assert found["SYN"].shaded and not found["ACK"].shaded
    assert "never scaled" in found["Window"].cells[5]
    assert found["Option 3: Window Scale"].cells[:3] == ("37-39", "296-319", "03 03 07")
    assert found["Data Offset"].cells[4] == "10 (40 bytes)"


def test_a_data_segment_has_absolute_and_relative_numbers_and_a_scaled_window():
    found = rows(headers("data")["tcp"])
    assert found["Sequence Number"].cells[4] == "2826827051"
    assert "relative 1 = 2826827051 - 2826827050" in found["Sequence Number"].cells[5]
    assert found["Window"].cells[4] == "502" and "x 128 = 64,256 bytes" in found["Window"].cells[5]


def options(**given):
    return HeaderTable.resolve(given)


@pytest.mark.parametrize(
    ("packet", "flags"),
    [("syn", "S"), ("syn-ack", "SA"), ("first-data", "PA"), ("fin", "FA"), (None, "S")],
)
def test_a_packet_is_chosen_by_what_it_is(tmp_path, packet, flags):
    assert chosen_packet(one_connection(tmp_path), options(packet=packet))["flags"] == flags


def test_a_reset_is_chosen_by_its_flag(tmp_path):
    run = one_connection(tmp_path)
    assert chosen_packet(run, options(packet="rst")) is None
    refused = pl.when(pl.col("flags") == "SA").then(pl.lit("RA")).otherwise("flags").alias("flags")
    tables = {
        "packets": run.table("packets").with_columns(refused),
        "connections": run.table("connections"),
    }
    assert (
        chosen_packet(write_run(tmp_path / "refused", run.plan, tables), options(packet="rst"))[
            "flags"
        ]
        == "RA"
    )


def test_a_packet_is_chosen_by_its_number_in_a_capture(tmp_path):
    run = one_connection(tmp_path)
    found = chosen_packet(run, options(packet=2, capture="h2-eth0"))
    assert (found["capture"], found["number"]) == ("h2-eth0", 2)
    with pytest.raises(SpecError, match="belongs to a capture"):
        chosen_packet(run, options(packet=2))


def test_no_such_packet_or_no_capture_gives_no_table(tmp_path):
    run = one_connection(tmp_path)
    assert HeaderTable().draw(run, options(packet="syn")) is None, (
        "this run has tables and no captures"
    )
    assert HeaderTable().draw(run, options(packet="syn", connection=5)) is None
    assert HeaderTable().draw(run, options(packet="syn", flow="other")) is None


@pytest.mark.parametrize("packet", ["second", 0, -1, True, 1.5])
def test_a_wrong_packet_is_refused(packet):
    with pytest.raises(SpecError, match="packet cannot be"):
        options(packet=packet)


def test_the_table_comes_from_the_capture(tmp_path):
    run = one_connection(tmp_path)
    shutil.copy(RECORDED / "tcpdump-4.99-lossy-h1-eth0.pcap", tmp_path / "raw" / "h1-eth0.pcap")
    table = HeaderTable().draw(run, options(packet=3, capture="h1-eth0"))
    assert [part.title.split(" of ")[0] for part in table.parts] == ["IP header", "TCP header"]
    assert table.parts[0].packets[0] == PacketLink("h1-eth0", 3)
