import os
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tcpexp.errors import RunError
from tcpexp.store.rundir import RunDirectory, run_id, sync_tree, without_sync, write_atomic

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_run_id_is_in_utc():
    assert run_id(NOW, 7, "guest") == "20260102T030405Z-s7-guest"
    assert (
        run_id(NOW.astimezone(timezone(timedelta(hours=5))), 7, "host")
        == "20260102T030405Z-s7-host"
    )


def test_two_runs_of_one_second_get_different_folders(tmp_path):
    made = [RunDirectory.create(tmp_path, "x", 7, "guest", NOW).id for _ in range(3)]
    assert made == [
        "20260102T030405Z-s7-guest",
        "20260102T030405Z-s7-guest-2",
        "20260102T030405Z-s7-guest-3",
    ]
    assert (tmp_path / "x" / made[1] / "raw").is_dir()


def test_write_replaces_whole_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "deep" / "a.json"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_says_what_to_do():
    with pytest.raises(RunError) as caught:
        write_atomic_to_full()
    assert "No space left" in caught.value.message
    assert "--out" in (caught.value.hint or "")


def write_atomic_to_full():
    """/dev/full answers every write with ENOSPC, like a full disk."""
    from tcpexp.store.rundir import disk_errors

    with disk_errors("/dev/full"), open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")


def test_a_results_folder_that_is_a_file(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(RunError) as caught:
        RunDirectory.create(tmp_path / "results", "x", 1, "host", NOW)
    assert "cannot write" in caught.value.message


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_under_sudo_everything_belongs_to_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "12346")
    run = RunDirectory.create(tmp_path / "results", "x", 1, "host", NOW)
    written = run.write_json("metrics.json", {"a": 1})
    (run.raw / "late").write_text("made by root")
    run.hand_over()
    for path in (tmp_path / "results", run.path, run.raw, written, run.raw / "late"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_scratch_files_are_written_without_syncing_and_what_is_kept_is_synced(
    tmp_path, monkeypatch
):
    synced: list[str] = []
    monkeypatch.setattr(
        "os.fsync",
        lambda handle: synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))),
    )
    with without_sync():
        write_atomic(tmp_path / "kept" / "a.txt", "a")
    assert synced == []
    sync_tree(tmp_path / "kept")
    assert sorted(synced) == ["a.txt", "kept"]
    write_atomic(tmp_path / "kept" / "b.txt", "b")
    assert len(synced) == 4
