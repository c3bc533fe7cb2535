"""Congestion controls are listed and described."""

from click.testing import CliRunner

from tcpexp.cli.main import cli
from tcpexp.spec.congestion import CONGESTION_CONTROLS


def test_list_and_describe():
    listed = CliRunner().invoke(cli, ["list", "congestion_controls"])
    assert listed.exit_code == 0
    assert all(f"  {name} " in listed.output for name in CONGESTION_CONTROLS)
    described = CliRunner().invoke(cli, ["describe", "dctcp"])
    assert "tcp_dctcp" in described.output and "mark_at" in described.output
