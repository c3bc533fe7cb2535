import hashlib

import pytest

from tcpexp.errors import DataError
from tcpexp.store.manifest import Manifest, read_manifest, refresh_manifest, verify, write_manifest


@pytest.fixture
def run(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "h1-eth0.pcap").write_bytes(b"packets")
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "report.html").write_text("old")
    write_manifest(
        tmp_path,
        Manifest("x", "id", "complete", "guest", "virtual", 7, 1.5, 60.0, {"kernel": "6.1"}),
    )
    return tmp_path


def test_it_names_every_file_and_survives_the_way_to_disk(run):
    manifest = verify(run)
    assert set(manifest.files) == {"raw/h1-eth0.pcap", "plan.json", "report.html"}
    assert manifest.files["raw/h1-eth0.pcap"] == hashlib.sha256(b"packets").hexdigest()
    assert (manifest.status, manifest.clock, manifest.virtual_s, manifest.versions["kernel"]) == (
        "complete",
        "virtual",
        60.0,
        "6.1",
    )
    assert "tcpexp" in manifest.versions


def test_a_changed_byte_is_found_and_the_file_named(run):
    (run / "raw" / "h1-eth0.pcap").write_bytes(b"packetz")
    with pytest.raises(DataError, match=r"raw/h1-eth0\.pcap: changed"):
        verify(run)


def test_a_missing_file_is_named(run):
    (run / "plan.json").unlink()
    with pytest.raises(DataError, match=r"plan\.json: missing"):
        verify(run)


def test_refresh_takes_new_reports_but_never_hides_changed_data(run):
    (run / "report.html").write_text("new")
    (run / "metrics.json").write_text("{}")
    refresh_manifest(run)
    assert "metrics.json" in verify(run).files
    (run / "raw" / "h1-eth0.pcap").write_bytes(b"forged")
    refresh_manifest(run)
    with pytest.raises(DataError, match=r"h1-eth0\.pcap"):
        verify(run)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"manifest_schema": 1}', '{"manifest_schema": 99}', '{"odd": 1}']
)
def test_a_damaged_manifest(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_no_manifest(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_manifest(tmp_path)
