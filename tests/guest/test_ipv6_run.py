"""A whole run over IPv6: addresses, quiet captures, verdicts, certificate."""

import json

import polars as pl
import pytest

from tcpexp.paths import find_spec
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("ipv6")]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    options = RunOptions(
        on="guest", overrides=("topology.ip=6",), out=tmp_path_factory.mktemp("ipv6")
    )
    return run_experiment(find_spec("handshake_teardown"), options)


def test_every_check_passes(outcome):
    assert outcome.status == "complete", outcome.problems
    assert [check.result for check in outcome.checks] == ["PASS"] * len(outcome.checks)
    assert len(outcome.checks) > 10


def test_the_network_is_valid(outcome):
    certificate = json.loads((outcome.path / "certificate.json").read_text())
    assert certificate["verdict"] == "VALID", certificate


def test_nothing_but_the_experiment_is_captured(outcome):
    """No link-local address, no neighbour discovery, no group report: the first packet
    is the SYN.
    """
    packets = RunData(outcome.path).table("packets")
    assert packets["protocol"].unique().to_list() == ["tcp"]
    assert packets.select(pl.col("src").unique().sort()).to_series().to_list() == [
        "2001:db8::1",
        "2001:db8::2",
    ]
    assert packets.filter(pl.col("number") == 1)["flags"].to_list() == ["S", "S"]


def test_every_packet_is_joined_with_its_arrival(outcome):
    run = RunData(outcome.path)
    journeys = run.table("journeys")
    assert journeys.height == run.table("packets").height // 2
    assert journeys["copies"].unique().to_list() == [1]
