"""What students hand in, friendly or not: folders, archives, links, and archives that want to lead
out or to fill the disk.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tcpexp.errors import DataError, SpecError
from tcpexp.grade import submissions
from tcpexp.grade.submissions import find_submissions, look_through, unpack_zip


def archive(path: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return path


def test_a_folder_or_an_archive_per_student(tmp_path: Path) -> None:
    for name in ("bob", "Alice Ä", ".git", "__MACOSX"):
        (tmp_path / name).mkdir()
    archive(tmp_path / "carol.zip", {"x.yaml": b"name: x"})
    (tmp_path / "readme.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "bob")
    assert [submission.student for submission in find_submissions([tmp_path])] == [
        "Alice Ä",
        "bob",
        "carol",
    ]
    (tmp_path / "bob" / "my.yaml").touch()
    assert [
        submission.student
        for submission in find_submissions([tmp_path / "bob", tmp_path / "carol.zip"])
    ] == ["bob", "carol"]


def test_what_cannot_be_graded(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no submission"):
        find_submissions([tmp_path])
    with pytest.raises(SpecError, match="there is no folder"):
        find_submissions([tmp_path / "nowhere"])
    (tmp_path / "a" / "bob").mkdir(parents=True)
    (tmp_path / "b" / "bob").mkdir(parents=True)
    with pytest.raises(SpecError, match="two submissions of 'bob'"):
        find_submissions([tmp_path / "a", tmp_path / "b"])


def test_runs_specs_and_archives_are_found_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep" / "run" / "raw").mkdir(parents=True)
    (tmp_path / "deep" / "run" / "plan.json").touch()
    (tmp_path / "deep" / "run" / "spec.yaml").write_text("name: of-the-run")
    (tmp_path / "my.yaml").write_text("name: x\ntopology: two_host\n")
    (tmp_path / "net.yaml").write_text("nodes: {h1: host}\n")
    (tmp_path / "more.zip").touch()
    (tmp_path / "etc").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe.yaml")
    found = look_through(tmp_path)
    assert [path.name for path in (*found.runs, *found.specs, *found.archives)] == [
        "run",
        "my.yaml",
        "more.zip",
    ]
    assert found.problems == [
        "pipe.yaml: not a plain file, not looked at",
        "etc: a link, not followed",
    ] or sorted(found.problems) == sorted(
        ["pipe.yaml: not a plain file, not looked at", "etc: a link, not followed"]
    )


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    unpack_zip(
        archive(
            tmp_path / "a.zip",
            {"x/my.yaml": b"name: x", "__MACOSX/._x": b"", "w\\n.yaml": b"name: n"},
        ),
        tmp_path / "out",
    )
    assert sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.yaml")
    ) == ["w/n.yaml", "x/my.yaml"]
    assert not (tmp_path / "out" / "__MACOSX").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../x.yaml",
        "/tmp/x.yaml",
        "a/../../x.yaml",
        "C:\\x.yaml",
        "..\\x.yaml",
        "/".join("d" * 20) + "/x",
        "n" * 300,
    ],
)
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"leads out|nested too deep"):
        unpack_zip(archive(tmp_path / "a.zip", {name: b"x"}), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


def test_links_in_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a link or a special file"):
        unpack_zip(archive(tmp_path / "a.zip", {"etc": b"/etc"}, mode=0o120777), tmp_path / "out")


def test_archives_that_would_fill_the_disk_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MOST_BYTES", 3 << 20)
    bomb = archive(tmp_path / "bomb.zip", {f"{number}.yaml": bytes(1 << 20) for number in range(5)})
    assert bomb.stat().st_size < 20_000
    with pytest.raises(DataError, match="unpacks to more than"):
        unpack_zip(bomb, tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 3 << 20
    monkeypatch.setattr(submissions, "MOST_FILES", 3)
    with pytest.raises(DataError, match="holds 5 files"):
        unpack_zip(bomb, tmp_path / "other")


def test_a_size_that_lies_and_other_damage(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.zip", {"x.yaml": b"name: x" * 1000})
    (tmp_path / "short.zip").write_bytes(whole.read_bytes()[:60])
    (tmp_path / "flipped.zip").write_bytes(
        whole.read_bytes().replace(b"\x1f\x8b", b"\0\0")[:35]
        + b"\xff" * 8
        + whole.read_bytes()[43:]
    )
    (tmp_path / "text.zip").write_text("no archive")
    for name in ("short", "flipped", "text"):
        with pytest.raises(DataError, match="sound zip"):
            unpack_zip(tmp_path / f"{name}.zip", tmp_path / name)
