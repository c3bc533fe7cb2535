"""The page of congestion controls is what the list says."""

from pathlib import Path

from click.testing import CliRunner

from tcpexp.cli.congestion_page import page
from tcpexp.cli.main import cli
from tcpexp.spec.congestion import CONGESTION_CONTROLS

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference"


def test_the_page_is_up_to_date():
    assert (DOCS / "congestion.md").read_text() == page(), (
        "run: python -m tcpexp.cli.congestion_page > docs/reference/congestion.md"
    )


def test_list_and_describe():
    listed = CliRunner().invoke(cli, ["list", "congestion_controls"])
    assert listed.exit_code == 0
    assert all(f"  {name} " in listed.output for name in CONGESTION_CONTROLS)
    described = CliRunner().invoke(cli, ["describe", "dctcp"])
    assert "tcp_dctcp" in described.output and "mark_at" in described.output
