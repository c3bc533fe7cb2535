"""A kernel moved by its hash, its recipe with it: the same bytes, verified, whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from tcpexp.errors import DataError, HostError
from tcpexp.places.kernel.archive import export_kernel, import_kernel
from tcpexp.places.kernel.kernel import find_kernel, kernels_dir, list_kernels, verify_kernel
from tests.support.kernel_trees import Spoken
from tests.support.kernels import files_of, make_kernel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tcpexp" / "kernels"


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))


@pytest.mark.parametrize("name", ["kernel.tar", "kernel.tar.gz"])
def test_a_kernel_arrives_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = make_kernel()
    export_kernel(kernel, tmp_path / name)
    export_kernel(kernel, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    elsewhere(monkeypatch, tmp_path)
    arrived = import_kernel(tmp_path / name, Spoken())
    assert arrived == find_kernel()
    assert arrived.sha256 == kernel.sha256
    assert files_of(arrived.path) == files_of(kernel.path)
    for part in files_of(kernel.path):
        assert (arrived.path / part).read_bytes() == (kernel.path / part).read_bytes()
    assert arrived.binary.stat().st_mode & 0o777 == 0o755
    left = {path.name for path in kernels_dir().iterdir()}
    assert left == {arrived.path.name, "chosen.json", "cache.lock"}
    assert import_kernel(tmp_path / name, Spoken()) == arrived  # once more


def test_the_licence_and_the_recipe_go_along(tmp_path: Path) -> None:
    export_kernel(make_kernel(), tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        names = tar.getnames()
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}
    assert names[0] == "kernel.json"
    assert {
        "NOTICE",
        "recipe/COPYING",
        "recipe/recipe.yaml",
        "recipe/patches/0001-a.patch",
        "config",
    } <= set(names)


def test_an_imported_kernel_is_meant_by_its_name_and_the_one_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_kernel(text="first")
    export_kernel(first, tmp_path / "first.tar")
    elsewhere(monkeypatch, tmp_path)
    second = make_kernel(text="second")
    import_kernel(tmp_path / "first.tar", Spoken())
    found = find_kernel()
    assert found is not None
    assert found.sha256 == first.sha256
    assert find_kernel(second.sha256[:8]) == second


def test_a_kernel_of_another_recipe_changes_nothing_for_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = make_kernel(text="stale", recipe="0" * 64)
    export_kernel(stale, tmp_path / "stale.tar")
    elsewhere(monkeypatch, tmp_path)
    mine = make_kernel()
    arrived = import_kernel(tmp_path / "stale.tar", Spoken(), expect=stale.sha256)
    assert find_kernel() == mine
    assert find_kernel(stale.sha256) == arrived
    with pytest.raises(DataError, match="not ffff"):
        import_kernel(tmp_path / "stale.tar", Spoken(), expect="ffff")


def test_a_kernel_for_one_study_is_found_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_kernel(text="first")
    export_kernel(first, tmp_path / "first.tar")
    elsewhere(monkeypatch, tmp_path)
    mine = make_kernel()
    arrived = import_kernel(tmp_path / "first.tar", Spoken(), activate=False)
    assert (find_kernel(), find_kernel(first.sha256)) == (mine, arrived)


def test_a_whole_kernel_is_left_alone_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    kernel = make_kernel()
    export_kernel(kernel, tmp_path / "a.tar")
    before = kernel.binary.stat().st_ino
    import_kernel(tmp_path / "a.tar", Spoken())
    assert kernel.binary.stat().st_ino == before
    kernel.binary.write_text(kernel.binary.read_text().replace("one", "two"))
    verify_kernel(import_kernel(tmp_path / "a.tar", Spoken()))
    assert kernel.binary.stat().st_ino != before


def test_a_damaged_kernel_is_not_handed_on(tmp_path: Path) -> None:
    kernel = make_kernel()
    kernel.binary.write_text(kernel.binary.read_text().replace("one", "two"))
    with pytest.raises(DataError, match="is damaged"):
        export_kernel(kernel, tmp_path / "a.tar")
    assert not list(tmp_path.glob("*tar*"))


def damage(path: Path, how: str) -> Path:
    data = path.read_bytes()
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data = data.replace(b"echo one", b"echo two")
    elif how == "empty":
        data = b""
    elif how == "text":
        data = b"not an archive\n" * 100
    elif how == "cut.gz":
        data = gzip.compress(data)[:200]
    target = path.with_name(f"{how}.tar")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "text", "cut.gz"])
def test_a_damaged_archive_changes_nothing(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_kernel(make_kernel(), tmp_path / "a.tar")
    bad = damage(tmp_path / "a.tar", how)
    elsewhere(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"damaged|cut off"):
        import_kernel(bad, Spoken())
    assert list_kernels() == []
    assert [path.name for path in kernels_dir().iterdir()] == ["cache.lock"]


def write_tar(path: Path, members: list[tuple[str, bytes, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../evil", tarfile.REGTYPE),
        ("/tmp/evil", tarfile.REGTYPE),
        ("linux", tarfile.SYMTYPE),
        ("config", tarfile.LNKTYPE),
        ("more", tarfile.REGTYPE),
    ],
)
def test_only_what_a_kernel_has_is_taken(name: str, kind: bytes, tmp_path: Path) -> None:
    kernel = make_kernel()
    described = (kernel.path / "kernel.json").read_bytes()
    bad = write_tar(
        tmp_path / "bad.tar", [("kernel.json", tarfile.REGTYPE, described), (name, kind, b"xxx")]
    )
    with pytest.raises(DataError, match="no archive of a kernel"):
        import_kernel(bad, Spoken())
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "name", ["../evil", "recipe/../../evil", "/tmp/evil", "recipe/a/b/c/d/e", "chosen.json"]
)
def test_a_description_cannot_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    kernel = make_kernel()
    described = json.loads((kernel.path / "kernel.json").read_text())
    described["files"][name] = "0" * 64
    bad = write_tar(
        tmp_path / "bad.tar", [("kernel.json", tarfile.REGTYPE, json.dumps(described).encode())]
    )
    with pytest.raises(DataError, match=r"kernel\.json: files that no kernel has|leads out"):
        import_kernel(bad, Spoken())


@pytest.mark.parametrize(
    "change", [{"name": "../x"}, {"sha256": "x"}, {"bytes": "many"}, {"files": []}, {"mode": None}]
)
def test_a_description_that_makes_no_sense(change: dict[str, object], tmp_path: Path) -> None:
    kernel = make_kernel()
    described = json.loads((kernel.path / "kernel.json").read_text()) | change
    bad = write_tar(
        tmp_path / "bad.tar", [("kernel.json", tarfile.REGTYPE, json.dumps(described).encode())]
    )
    with pytest.raises(DataError, match=r"is damaged: kernel\.json"):
        import_kernel(bad, Spoken())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="there is no file"):
        import_kernel(tmp_path / "nowhere.tar", Spoken())
