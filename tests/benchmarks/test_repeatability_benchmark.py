"""The benchmark of repeatability: how runs are divided and digests are counted."""

from __future__ import annotations

import collections
import os
from pathlib import Path

import pytest
import repeatability
from repeatability import Tally

PLACE = Path("/nowhere")


def tally(kernel: str, variant: str, *digests: str) -> Tally:
    return Tally(kernel, variant, collections.Counter(digests))


def test_runs_are_divided() -> None:
    assert repeatability.split(20, 7) == [3, 3, 3, 3, 3, 3, 2]
    assert repeatability.split(1, 2) == [1]


def test_one_digest_for_each_kernel() -> None:
    same = [tally("7.3", "as usual", "a", "a"), tally("7.3", "ptrace", "a"), tally("6.1", "x", "b")]
    assert repeatability.same_everywhere(same)
    assert not repeatability.same_everywhere([*same, tally("6.1", "ptrace", "a")])
    assert not repeatability.same_everywhere([tally("6.1", "x", "a", "b")])


def test_a_row_counts_runs_and_digests() -> None:
    row = tally("7.3", "as usual", "a" * 64, "a" * 64, "b" * 64).row()
    assert row[:4] == ["7.3", "as usual", "3", "2"]
    assert len(row) == len(repeatability.HEADINGS)


def test_digests_are_told_from_other_words() -> None:
    said = f"unpacking the guest image (once)\n{repeatability.SAID}abc\n"
    assert repeatability.digests_in(said) == ["abc"]


def test_a_run_without_captures_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no capture"):
        repeatability.digest_of(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "h1-eth0.pcap").write_bytes(b"x")
    assert len(repeatability.digest_of(tmp_path)) == 64


def test_what_is_shared_with_another_user_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("x")
    (tmp_path / "shut").write_text("x")
    os.chmod(tmp_path / "open", 0o644)
    os.chmod(tmp_path / "shut", 0o600)
    for name in ("open", "shut"):
        repeatability.link_or_copy(str(tmp_path / name), str(tmp_path / f"{name}-2"))
    assert (tmp_path / "open-2").stat().st_ino == (tmp_path / "open").stat().st_ino
    assert (tmp_path / "shut-2").stat().st_mode & 0o004


@pytest.mark.parametrize(
    "name", [name for name in repeatability.VARIANTS if name != "another user"]
)
def test_every_variant_starts_a_command(name: str, tmp_path: Path) -> None:
    with repeatability.VARIANTS[name](tmp_path) as way:
        assert way.at_once >= 1
        assert way.cwd is None or way.cwd.is_dir()
