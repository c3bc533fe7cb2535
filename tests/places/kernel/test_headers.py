"""Headers: what a module is built with, small, the same bytes each time, unpacked once."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tcpexp.errors import DataError, HostError
from tcpexp.places.kernel.archive import export_kernel, import_kernel
from tcpexp.places.kernel.build import build_kernel, put_kernel
from tcpexp.places.kernel.headers import TOOLS, kernel_headers, pack_headers
from tcpexp.places.kernel.kernel import (
    HEADERS,
    Kernel,
    headers_sha256,
    kernels_dir,
    list_kernels,
    load_kernel,
    verify_kernel,
)
from tests.support.kernel_trees import FakeArchive, Spoken, skip_unless_buildable, write_recipe
from tests.support.kernels import make_kernel

TREE = {
    "Makefile": "modules:\n\tcat scripts/module.lds\n",
    "include/net/tcp.h": '#include <linux/used.h>\n# include "beside.h"\n#include <gone.h>\n',
    "include/net/beside.h": "",
    "include/linux/used.h": "#include <asm/deep.h>\n#include <net/tcp.h>\n",
    "include/linux/unused.h": "",
    "arch/um/include/asm/deep.h": "#include <generated/made.h>\n",
    "drivers/big.h": "",
    "scripts/basic/fixdep.c": "int main(void) { return 0; }\n",
    "scripts/mod/modpost.c": "int other(void);\nint main(void) { return other(); }\n",
    "scripts/mod/file2alias.c": "int other(void) { return 0; }\n",
    "scripts/mod/sumversion.c": '#include "own.h"\n',
    "scripts/mod/own.h": "",
    "scripts/tool.sh": "#!/bin/sh\n",
}
BUILT = {
    "Module.symvers": "0x0\tof_an_earlier_build\tvmlinux\n",
    "vmlinux.symvers": "0x0\ttcp_register_congestion_control\tvmlinux\n",
    "include/config/auto.conf": "CONFIG_MODULES=y\n",
    "include/generated/made.h": "",
    "scripts/module.lds": "made by the build\n",
    "net/tcp.o": "an object",
}
PACKED = (set(TREE) - {"include/linux/unused.h", "drivers/big.h"}) | (
    set(BUILT) - {"net/tcp.o", "vmlinux.symvers"} | {"Module.symvers"}
)


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if (folder / "scripts/tool.sh").exists():
        (folder / "scripts/tool.sh").chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    tree, build = write_tree(tmp_path / "tree", TREE), write_tree(tmp_path / "build", BUILT)
    pack_headers(tree, build, tmp_path / "headers.tar.xz")
    return tmp_path / "headers.tar.xz"


def kernel_with(archive: Path, text: str = "one") -> Kernel:
    return make_kernel(text=text, more={HEADERS: archive.read_bytes()})


def test_what_is_included_comes_along_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        assert set(tar.getnames()) == PACKED
        assert {(one.mtime, one.uid, one.uname) for one in tar} == {(0, 0, "")}
        assert {one.name for one in tar if one.mode == 0o755} == {"scripts/tool.sh"}
        symbols = tar.extractfile("Module.symvers")
        assert symbols is not None
        assert symbols.read().decode() == BUILT["vmlinux.symvers"]


def test_another_place_and_time_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "a longer path" / "elsewhere"
    for name, files in (("tree", TREE), ("build", BUILT)):
        write_tree(other / name, dict(reversed(files.items())))
    pack_headers(other / "tree", other / "build", other / "x.tar.xz")
    assert (other / "x.tar.xz").read_bytes() == archive.read_bytes()


def test_they_are_unpacked_once_with_the_programs_compiled(archive: Path) -> None:
    skip_unless_buildable()
    kernel = kernel_with(archive)
    folder = kernel_headers(kernel, Spoken())
    for program in TOOLS:
        assert subprocess.run([folder / program], check=False).returncode == 0
    made = subprocess.run(["make", "-s", "-C", folder], capture_output=True, text=True, check=True)
    assert made.stdout == "made by the build\n"
    before = (folder / "Makefile").stat().st_ino
    assert kernel_headers(kernel, Spoken()) == folder
    assert (folder / "Makefile").stat().st_ino == before
    assert [path.name for path in kernel.path.glob("unpacking-*")] == []
    assert list_kernels() == [kernel]


def test_a_kernel_without_headers_says_how_to_get_them() -> None:
    with pytest.raises(HostError, match=r"debian-7\.3 [0-9a-f]{12} has no headers") as caught:
        kernel_headers(make_kernel(), Spoken())
    assert "tcpexp kernel build --force debian-7.3" in str(caught.value.hint)


def test_damaged_headers_are_noticed(archive: Path, tmp_path: Path) -> None:
    kernel = kernel_with(archive)
    (kernel.path / HEADERS).write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"is damaged: headers\.tar\.xz"):
        kernel_headers(kernel, Spoken())
    with pytest.raises(DataError, match="is damaged"):
        export_kernel(kernel, tmp_path / "a.tar")


def test_no_member_leads_out_of_the_folder(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar.xz"
    with lzma.open(bad, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../evil"))
    with pytest.raises(DataError, match=r"holds '\.\./evil'"):
        kernel_headers(kernel_with(bad), Spoken())
    assert not list(kernels_dir().rglob("evil"))


def test_they_go_along_when_a_kernel_is_handed_on(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = kernel_with(archive)
    export_kernel(kernel, tmp_path / "a.tar.gz")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    arrived = import_kernel(tmp_path / "a.tar.gz", Spoken())
    assert headers_sha256(arrived) == headers_sha256(kernel) is not None
    assert (arrived.path / HEADERS).read_bytes() == archive.read_bytes()
    verify_kernel(arrived)


def test_a_kernel_that_lacks_them_is_given_them_and_keeps_its_binary(
    archive: Path, tmp_path: Path
) -> None:
    old = make_kernel()
    binary = old.binary.stat().st_ino
    work = tmp_path / "work"
    shutil.copytree(old.path, work / "kernel")
    described = json.loads((work / "kernel/kernel.json").read_text())
    shutil.copy(archive, work / "kernel" / HEADERS)
    described["files"][HEADERS] = headers_sha256(kernel_with(archive, "another"))
    (work / "kernel/kernel.json").write_text(json.dumps(described))
    new = load_kernel(work / "kernel")
    assert new is not None
    given = put_kernel(new, work)
    assert (given.path, given.binary.stat().st_ino) == (old.path, binary)
    assert headers_sha256(given) == described["files"][HEADERS]
    verify_kernel(given)


def test_a_build_packs_them_where_the_kernel_knows_modules(tmp_path: Path) -> None:
    skip_unless_buildable()
    recipe = write_recipe(tmp_path / "mine")
    plain = FakeArchive(tmp_path / "plain")
    assert headers_sha256(build_kernel(str(recipe.file), Spoken(), fetch=plain.fetch)) is None
    config = tmp_path / "mine/fake.config"
    config.write_text(config.read_text() + "CONFIG_MODULES=y\n")
    with_modules = FakeArchive(tmp_path / "modules", {"include/net/tcp.h": ""})
    kernel = build_kernel(str(recipe.file), Spoken(), fetch=with_modules.fetch)
    with tarfile.open(kernel.path / HEADERS) as tar:
        assert {"include/net/tcp.h", "scripts/module.lds", "Module.symvers"} <= set(tar.getnames())
    verify_kernel(kernel)
