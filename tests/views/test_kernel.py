"""Which kernel made a run, in words."""

from __future__ import annotations

from pathlib import Path

from tcpexp.store.rundata import RunData
from tcpexp.views.kernel import kernel_hash, kernel_name, kernel_words
from tests.support.fake_run import make_plan, write_run

MANIFEST = {
    "kernel_sha256": "864f5ef895186cc4" * 4,
    "versions": {"kernel": "7.3.4-tcpexp"},
    "host": {"kernel_name": "debian-7.3"},
}


def run_with(folder: Path, **manifest: object) -> RunData:
    return write_run(folder, make_plan(), {}, manifest={"run_id": "x", **manifest})


def test_a_kernel_of_ours_has_name_version_and_hash(tmp_path: Path) -> None:
    run = run_with(tmp_path, **MANIFEST)
    assert kernel_words(run) == "debian-7.3 (Linux 7.3.4-tcpexp, 864f5ef89518)"
    assert (kernel_name(run), kernel_hash(run)) == ("debian-7.3", MANIFEST["kernel_sha256"])


def test_records_of_earlier_versions_have_the_name_elsewhere(tmp_path: Path) -> None:
    versions = {"kernel": "6.1.192-tcpexp", "kernel_name": "debian-6.1"}
    assert kernel_name(run_with(tmp_path, versions=versions)) == "debian-6.1"


def test_the_machines_own_kernel_has_its_version(tmp_path: Path) -> None:
    run = run_with(tmp_path, versions={"kernel": "6.18.1"})
    assert (kernel_words(run), kernel_name(run), kernel_hash(run)) == (
        "Linux 6.18.1",
        "6.18.1",
        None,
    )
