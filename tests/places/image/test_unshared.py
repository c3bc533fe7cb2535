"""What a user namespace needs to build the image without root."""

from __future__ import annotations

from pathlib import Path

from tcpexp.places.image.unshared import all_may_pass, has_ids


def test_ids_for_a_user_namespace_are_read_from_the_systems_list(tmp_path: Path) -> None:
    listed = tmp_path / "subuid"
    listed.write_text("alice:100000:65536\nbob:165536:100\n")
    assert has_ids(listed, "alice")
    assert not has_ids(listed, "bob")
    assert not has_ids(listed, "carol")
    assert not has_ids(tmp_path / "none", "alice")


def test_a_folder_below_a_closed_home_is_not_for_everybody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    home.chmod(0o700)
    (home / "tmp").chmod(0o755)
    assert not all_may_pass(home / "tmp")
    assert all_may_pass(Path("/tmp"))
