"""Several runs in one table and one figure: what differs, the page, the terminal, the command."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tcpexp.checks.run import write_checks
from tcpexp.cli.main import main
from tcpexp.report.beside.compare import names_of, set_beside, to_json_value
from tcpexp.report.beside.page import looks_of, write_beside_page
from tcpexp.report.beside.terminal import print_beside
from tcpexp.report.page.embed import page_policy
from tcpexp.store.rundata import RunData
from tests.support.fake_run import shared_bottleneck
from tests.support.report_values import CERTIFICATE, MANIFEST, METRICS, VERDICTS, Page

NAMES = ("debian-6.1", "debian-6.12", "debian-7.3")


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "one"
    shared_bottleneck(path, 4, metrics=METRICS, certificate=CERTIFICATE, manifest=MANIFEST)
    write_checks(path, VERDICTS)
    return path


@pytest.fixture
def three(made: Path, tmp_path: Path) -> list[Path]:
    """Return three runs on three kernels; the last has another verdict and another number."""
    for number, name in enumerate(NAMES):
        path = tmp_path / name
        shutil.copytree(made, path)
        facts = {"kernel_sha256": f"{number}" * 64, "host": {"kernel_name": name}, "run_id": name}
        change_json(path / "manifest.json", lambda value, facts=facts: value.update(facts))
    last = tmp_path / NAMES[-1]
    first, *rest = VERDICTS
    other = "FAIL" if first.result == "PASS" else "PASS"
    write_checks(last, [dataclasses.replace(first, result=other), *rest])
    change_json(
        last / "metrics.json",
        lambda value: value["flows"]["cubic"].update(retransmissions=18, extra=0.5),
    )
    return [tmp_path / name for name in NAMES]


def test_the_table_has_a_column_for_each_kernel(three: list[Path]) -> None:
    beside = set_beside([RunData(path) for path in three])
    assert beside.names == NAMES
    assert beside.headline() == (
        f"3 runs on 3 kernels. 1 of {len(VERDICTS)} checks has not the same result."
    )
    assert [row.name for row in beside.checks] == [verdict.title for verdict in VERDICTS]
    (differing,) = [row for row in beside.checks if row.differs]
    assert differing.results[0] == differing.results[1] != differing.results[2]
    flows = {row.name: row for row in beside.flows}
    again = flows["cubic: retransmissions"]
    assert again.differs
    assert again.cells[0] == again.cells[1] != again.cells[2]
    assert again.cells[2].startswith("18")
    assert not flows["cubic: share"].differs
    metrics = {row.name: row.cells for row in beside.metrics}
    assert metrics["flows.cubic.extra"] == ("–", "–", "0.5")
    assert "flows.cubic.goodput_bps" not in metrics
    assert to_json_value(beside)["kernels"][0] == "debian-6.1 (Linux 6.1.0-44, 000000000000)"


def test_runs_of_one_kernel_are_told_apart_otherwise(three: list[Path]) -> None:
    runs = [RunData(path) for path in three]
    facts = {"kernel_sha256": "1" * 64, "host": {"kernel_name": "debian-7.3"}}
    for path in three:
        change_json(path / "manifest.json", lambda value: value.update(facts))
    assert names_of([RunData(path) for path in three]) == NAMES  # their ids
    assert names_of([runs[0], runs[0]]) == ("1", "2")


def test_the_page_holds_it_and_needs_nothing(three: list[Path], tmp_path: Path) -> None:
    beside = set_beside([RunData(path) for path in three])
    path = write_beside_page(beside, tmp_path / "page.html")
    text = path.read_text()
    page = Page(text)
    for words in (*NAMES, beside.headline(), "cubic: retransmissions", "flows.cubic.extra"):
        assert words in text
    drawn = {value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"}
    assert drawn == {"Goodput", "Congestion window", "Round-trip time", "Sequence numbers"}
    assert ("meta", "content", page_policy()) in page.attributes
    assert write_beside_page(beside, tmp_path / "again.html").read_bytes() == path.read_bytes()
    looks = looks_of(NAMES)
    assert len({(look["color"], str(look["linestyle"])) for look in looks.values()}) == 3


def test_the_terminal_shows_what_differs_and_every_flow(three: list[Path]) -> None:
    said = io.StringIO()
    beside = set_beside([RunData(path) for path in three])
    print_beside(beside, Console(file=said, width=160))
    text = said.getvalue()
    assert text.startswith("3 runs on 3 kernels.")
    assert all(name in text.splitlines()[1] for name in NAMES)
    assert VERDICTS[0].title in text
    assert VERDICTS[1].title not in text
    assert "cubic: share" in text


def test_the_command_takes_more_than_two_runs(
    three: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(path) for path in three]
    assert main(["diff", *names]) == 1
    out = capsys.readouterr().out
    page = three[-1].parent / "beside-debian-7.3.html"
    assert f"side by side: {page}" in out
    assert page.is_file()
    assert main(["diff", names[0], names[1], names[0], "--json", "--no-page"]) == 0
    assert json.loads(capsys.readouterr().out)["page"] is None
