"""From ``raw/`` to the report, on real captures, and again."""

import json
import shutil

import pytest

from tcpexp.cli.main import main
from tcpexp.errors import DataError
from tcpexp.runs.pipeline import process_run, read_outcome
from tcpexp.store.manifest import Manifest, verify, write_manifest
from tests.support.lossy_run import make_lossy_run

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


@pytest.fixture
def run_dir(tmp_path):
    """The run of tests/ingest: 200,000 bytes with six segments lost on the way."""
    return make_lossy_run(tmp_path)


def test_everything_follows_from_raw_and_twice_the_same(run_dir):
    write_manifest(
        run_dir, Manifest("lossy", run_dir.name, "complete", "host", "real", 1, 2.0, 2.0)
    )
    said = []
    outcome = process_run(run_dir, said.append)
    assert (outcome.status, outcome.problems) == ("complete", ())
    assert outcome.metrics["flows"]["bulk"]["goodput_bytes"] == 200_000
    assert outcome.report is not None
    assert outcome.report.stat().st_size > 1000
    assert "reading captures" in said
    before = verify(run_dir).files
    assert {"metrics.json", "certificate.json", "tables/packets.parquet", "report.html"} <= set(
        before
    )
    process_run(run_dir)
    after = verify(run_dir).files
    derived = [name for name in before if name.endswith(".json") or name.startswith("tables/")]
    assert {name: after[name] for name in derived} == {name: before[name] for name in derived}


def test_figures_become_files_when_they_are_asked_for_and_are_made_again_from_then_on(run_dir):
    plan = json.loads((run_dir / "plan.json").read_text())
    (run_dir / "plan.json").write_text(
        json.dumps({**plan, "plots": [{"sequence": {}}, {"throughput": {}}]})
    )
    outcome = process_run(run_dir)
    assert outcome.figures == () and not (run_dir / "figures").exists()
    assert 'id="figure-sequence"' in outcome.report.read_text()
    outcome = process_run(run_dir, figures=True)
    assert [figure.name for figure in outcome.figures] == ["sequence", "throughput"]
    assert 'href="figures/sequence.png"' in outcome.report.read_text()
    png = run_dir / "figures" / "sequence.png"
    png.write_bytes(b"old")
    process_run(run_dir)
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_hand_in_has_figures_though_the_run_had_none(run_dir, tmp_path):
    plan = json.loads((run_dir / "plan.json").read_text())
    (run_dir / "plan.json").write_text(json.dumps({**plan, "plots": [{"sequence": {}}]}))
    assert main(["report", "--quiet", str(run_dir)]) == 0
    assert not (run_dir / "figures").exists()
    assert (
        main(["report", "--quiet", str(run_dir), "--format", "md", "--out", str(tmp_path / "mine")])
        == 0
    )
    assert {path.name for path in (tmp_path / "mine/figures").iterdir()} == {
        "network.svg",
        "sequence.svg",
        "sequence.png",
    }


def test_an_interrupted_run_is_processed_as_far_as_it_goes(run_dir):
    raw = run_dir / "raw"
    engine = json.loads((raw / "engine.json").read_text())
    (raw / "engine.json").write_text(
        json.dumps({**engine, "status": "interrupted", "error": "asked to stop"})
    )
    capture = raw / "h2-eth0.pcap"
    capture.write_bytes(capture.read_bytes()[:9_990])
    outcome = process_run(run_dir)
    assert (outcome.status, outcome.exit_code) == ("interrupted", 4)
    assert outcome.certificate["verdict"] == "SUSPECT"
    assert 0 < outcome.metrics["flows"]["bulk"]["goodput_bytes"] < 200_000
    assert read_outcome(run_dir)["certificate"]["reasons"] == list(outcome.certificate["reasons"])


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(DataError, match=r"plan\.json"):
        process_run(tmp_path)
