"""An image moved by its hash: the same bytes each time, verified, whole or not at all."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from tcpexp.errors import DataError, HostError
from tcpexp.places.image.archive import export_image, import_image, kept_images, use_image
from tcpexp.places.image.image import active_folder, find_image, images_dir
from tests.support.images import make_image


def silent(text: str) -> None:
    return None


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))


@pytest.mark.parametrize("name", ["image.tar", "image.tar.gz"])
def test_an_image_arrives_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image()
    export_image(image, tmp_path / name)
    export_image(image, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    assert find_image() == image
    elsewhere(monkeypatch, tmp_path)
    assert find_image() is None
    arrived = import_image(tmp_path / name, silent)
    assert arrived == find_image()
    assert (arrived.sha256, arrived.kernel, arrived.packages) == (
        image.sha256,
        image.kernel,
        image.packages,
    )
    for part in ("root.erofs", "vmlinuz", "initrd.cpio"):
        assert (arrived.path / part).read_bytes() == (image.path / part).read_bytes()
    assert sorted(path.name for path in images_dir().iterdir()) == sorted(
        [active_folder().name, "build.lock"]
    )
    assert import_image(tmp_path / name, silent) == arrived  # once more: nothing to do


def test_the_archive_does_not_depend_on_when_and_where_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_image(make_image(), tmp_path / "a.tar")
    elsewhere(monkeypatch, tmp_path)
    image = make_image()
    (image.path / "image.json").write_text(
        (image.path / "image.json").read_text().replace("12.3", "99.9")
    )
    export_image(image, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_the_image_before_is_kept_and_can_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_image("first")
    export_image(first, tmp_path / "first.tar")
    elsewhere(monkeypatch, tmp_path)
    second = make_image("second")
    import_image(tmp_path / "first.tar", silent)
    assert [image.sha256 for image in (find_image(), *kept_images()) if image] == [
        first.sha256,
        second.sha256,
    ]
    found = find_image(second.sha256)
    assert found is not None
    assert found.path == images_dir() / "kept" / second.sha256[:32]
    assert use_image(second.sha256[:8], silent).sha256 == second.sha256
    assert [image.sha256 for image in (find_image(), *kept_images()) if image] == [
        second.sha256,
        first.sha256,
    ]
    with pytest.raises(HostError, match="there is no image that begins with"):
        use_image("ffffffff", silent)


def test_an_image_for_one_study_leaves_the_one_in_use_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_image("first")
    export_image(first, tmp_path / "first.tar")
    elsewhere(monkeypatch, tmp_path)
    second = make_image("second")
    assert import_image(tmp_path / "first.tar", silent, activate=False).sha256 == first.sha256
    assert [image.sha256 for image in (find_image(), find_image(first.sha256)) if image] == [
        second.sha256,
        first.sha256,
    ]
    with pytest.raises(DataError, match="not ffff"):
        import_image(tmp_path / "first.tar", silent, expect="ffff")


def test_a_damaged_image_is_not_handed_on(tmp_path: Path) -> None:
    image = make_image()
    (image.path / "vmlinuz").write_text("kernel two")
    with pytest.raises(DataError, match="is damaged"):
        export_image(image, tmp_path / "a.tar")
    assert not list(tmp_path.glob("*.tar"))
    assert not list(tmp_path.glob(".*tar*"))


def damage(path: Path, how: str) -> Path:
    data = path.read_bytes()
    target = path.with_name(f"{how}{''.join(path.suffixes)}")
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        middle = data.index(b"kernel one")
        data = data[:middle] + b"K" + data[middle + 1 :]
    elif how == "empty":
        data = b""
    elif how == "text":
        data = b"not an archive\n" * 100
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "text"])
def test_a_damaged_archive_changes_nothing(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_image(make_image(), tmp_path / "a.tar")
    bad = damage(tmp_path / "a.tar", how)
    elsewhere(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"damaged|cut off"):
        import_image(bad, silent)
    assert find_image() is None
    assert [path.name for path in images_dir().iterdir()] == ["build.lock"]


@pytest.mark.parametrize(
    "member",
    [
        ("../../evil", tarfile.REGTYPE),
        ("/tmp/evil", tarfile.REGTYPE),
        ("vmlinuz", tarfile.SYMTYPE),
        ("root.erofs", tarfile.LNKTYPE),
        ("more", tarfile.REGTYPE),
    ],
    ids=["above", "absolute", "symbolic", "hard", "more"],
)
def test_only_the_four_files_are_taken(member: tuple[str, bytes], tmp_path: Path) -> None:
    name, kind = member
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = (
            kind,
            "/etc/passwd",
            3 if kind == tarfile.REGTYPE else 0,
        )
        tar.addfile(info, io.BytesIO(b"xxx"))
    with pytest.raises(DataError, match="no archive of a guest image"):
        import_image(tmp_path / "bad.tar", silent)
    assert not list(tmp_path.rglob("evil"))


def test_an_image_of_another_recipe_or_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image()
    export_image(image, tmp_path / "a.tar")
    monkeypatch.setattr("tcpexp.places.image.recipe.REVISION", 99)
    with pytest.raises(HostError, match="of another recipe"):
        import_image(tmp_path / "a.tar", silent)
    with pytest.raises(HostError, match="there is no file"):
        import_image(tmp_path / "nowhere.tar", silent)


def test_a_run_of_a_record_says_that_its_image_is_another_one(tmp_path: Path) -> None:
    from tcpexp.places.qemu.place import QemuPlace
    from tcpexp.runs.where import differences_from_record
    from tcpexp.store.manifest import Manifest, write_manifest

    image = make_image()
    run = tmp_path / "run"
    run.mkdir()
    (run / "spec.yaml").touch()
    write_manifest(
        run,
        Manifest("x", "r1", "complete", "qemu", "virtual", 1, 1.0, 1.0, image_sha256=image.sha256),
    )
    assert differences_from_record(run / "spec.yaml", QemuPlace()) == []
    shutil.rmtree(image.path)
    other = make_image("other")
    (words,) = differences_from_record(run / "spec.yaml", QemuPlace())
    assert f"made with the image {image.sha256[:12]}, this one uses {other.sha256[:12]}" in words
    assert differences_from_record(run / "other.yaml", QemuPlace()) == []
