"""Removing kernels: not what runs use; says what that freed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tcpexp.errors import HostError, SpecError
from tcpexp.places.image.unpacked import trees_dir
from tcpexp.places.kernel.kernel import find_kernel, kernels_dir, list_kernels, use_kernel
from tcpexp.places.kernel.remove import (
    is_stale,
    kernels_to_remove,
    processes_of,
    remove_kernel,
    size_of,
)
from tests.support.kernel_trees import Spoken
from tests.support.kernels import make_kernel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_kernel_goes_with_all_that_was_kept_for_it() -> None:
    used, old = make_kernel(), make_kernel("debian-6.1", "old")
    trees_dir().mkdir(parents=True)
    for kernel in (used, old):
        (trees_dir() / f"inventory-{kernel.sha256[:16]}-x.json").touch()
    size = size_of(old.path)
    assert size > 0
    (doomed,) = kernels_to_remove(["6.1"])
    assert remove_kernel(doomed, Spoken()) == size
    assert (find_kernel("6.1"), list_kernels()) == (None, [used])
    assert [path.name for path in trees_dir().iterdir()] == [f"inventory-{used.sha256[:16]}-x.json"]
    left = {path.name for path in kernels_dir().iterdir()}
    assert left == {used.path.name, "chosen.json", "cache.lock"}
    assert list(json.loads((kernels_dir() / "chosen.json").read_text())["of"]) == ["debian-7.3"]


def test_the_one_that_runs_use_stays() -> None:
    make_kernel()
    old = make_kernel("debian-6.1")
    with pytest.raises(HostError, match=r"runs use debian-7\.3"):
        kernels_to_remove(["6.1", "7.3"])
    use_kernel("6.1", Spoken())
    assert [kernel.name for kernel in kernels_to_remove(["7.3"])] == ["debian-7.3"]
    with pytest.raises(HostError, match="runs use"):
        kernels_to_remove([old.sha256[:8]])
    with pytest.raises(HostError, match=r"the kernel '6\.12' is not here"):
        kernels_to_remove(["6.12"])
    with pytest.raises(SpecError, match=r"there is no kernel 'debian-6\.2'"):
        kernels_to_remove(["debian-6.2"])


def test_one_with_a_run_under_way_stays() -> None:
    make_kernel()
    kernel = make_kernel("debian-6.1")
    shutil.copy("/bin/sleep", kernel.binary)
    run = subprocess.Popen([kernel.binary, "60"])
    try:
        assert processes_of(kernel) == [run.pid]
        with pytest.raises(HostError, match=rf"a run uses debian-6\.1 .*process {run.pid}"):
            remove_kernel(kernel, Spoken())
        assert kernel.binary.exists()
    finally:
        run.kill()
        run.wait()
    remove_kernel(kernel, Spoken())
    assert not kernel.path.exists()


def test_stale_ones_are_those_that_no_name_means() -> None:
    used = make_kernel()
    other_recipe = make_kernel(text="other", recipe="0" * 64, choose=False)
    earlier = make_kernel("mine", "earlier", "1" * 64)
    mine = make_kernel("mine", "now", "2" * 64)
    assert [is_stale(kernel) for kernel in (used, other_recipe, earlier, mine)] == [
        False,
        True,
        True,
        False,
    ]
    assert {kernel.sha256 for kernel in kernels_to_remove([], stale=True)} == {
        other_recipe.sha256,
        earlier.sha256,
    }
    use_kernel(other_recipe.sha256, Spoken())
    assert kernels_to_remove([], stale=True) == [earlier]
