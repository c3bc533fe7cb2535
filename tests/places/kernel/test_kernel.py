"""Kernels in the cache: found by name, short name and hash; which one is meant; damage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tcpexp.errors import DataError, HostError, SpecError
from tcpexp.places.kernel.kernel import (
    Kernel,
    find_kernel,
    kernel_in_use,
    kernels_dir,
    list_kernels,
    use_kernel,
    verify_kernel,
)
from tcpexp.places.ready import lacking
from tests.support.kernel_trees import Spoken
from tests.support.kernels import binary_hash, make_kernel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tcpexp" / "kernels"


def age(kernel: Kernel, seconds: int) -> None:
    """Make a kernel older."""
    os.utime(kernel.path / "kernel.json", (seconds, seconds))


def test_an_empty_cache() -> None:
    assert (find_kernel(), find_kernel("6.1"), list_kernels(), kernel_in_use()) == (
        None,
        None,
        [],
        "debian-7.3",
    )
    assert find_kernel("5ecd459e9968") is None  # a hash that nobody has


def test_found_by_any_of_its_names() -> None:
    new, old = make_kernel(), make_kernel("debian-6.1", "old")
    for name in (None, "debian-7.3", "debian:7.3", "7.3", new.sha256, new.sha256[:4]):
        assert find_kernel(name) == new
    assert find_kernel("6.1") == old
    assert new.binary == new.path / "linux"
    assert [kernel.name for kernel in list_kernels()] == ["debian-6.1", "debian-7.3"]


@pytest.mark.parametrize("name", ["7.4", "debian-7.2", "abc", "zzzz"])
def test_what_nothing_is_called(name: str) -> None:
    with pytest.raises(SpecError, match=f"there is no kernel '{name}'"):
        find_kernel(name)


def test_two_kernels_with_the_same_beginning() -> None:
    seen: dict[str, str] = {}
    texts = (str(number) for number in range(1 << 16))
    second = next(text for text in texts if seen.setdefault(binary_hash(text)[:4], text) != text)
    begin = binary_hash(second)[:4]
    first, other = make_kernel(text=seen[begin]), make_kernel(text=second)
    with pytest.raises(SpecError, match="2 kernels begin with"):
        find_kernel(begin)
    assert (find_kernel(first.sha256), find_kernel(other.sha256)) == (first, other)


def test_the_one_made_last_is_meant_and_without_a_note_the_newest() -> None:
    first, second = make_kernel(text="first"), make_kernel(text="second")
    assert find_kernel() == second
    age(first, 2000)
    age(second, 1000)
    assert find_kernel() == second  # chosen
    (kernels_dir() / "chosen.json").unlink()
    assert find_kernel() == first
    (kernels_dir() / "chosen.json").write_text("{damaged")
    assert find_kernel() == first


def test_a_kernel_of_another_recipe_is_found_by_its_hash_only() -> None:
    stale = make_kernel(text="stale", recipe="0" * 64)
    assert find_kernel() is None
    assert find_kernel("7.3") is None
    assert find_kernel(stale.sha256[:8]) == stale
    present = make_kernel(text="present", choose=False)
    assert find_kernel() == present


def test_runs_use_another_kernel_from_now_on() -> None:
    make_kernel()
    old = make_kernel("debian-6.1", "old")
    assert use_kernel("6.1", Spoken()) == old == find_kernel()
    assert kernel_in_use() == "debian-6.1"
    stale = make_kernel(text="stale", recipe="0" * 64, choose=False)
    assert use_kernel(stale.sha256[:8], Spoken()) == stale == find_kernel()
    assert use_kernel("7.3", Spoken()) == find_kernel()
    assert kernel_in_use() == "debian-7.3"
    assert find_kernel(stale.sha256[:8]) == stale


def test_a_kernel_that_is_not_here_cannot_be_used() -> None:
    with pytest.raises(HostError, match="not in the cache") as caught:
        use_kernel("6.1", Spoken())
    assert caught.value.hint == "tcpexp kernel build debian-6.1"
    with pytest.raises(HostError) as caught:
        use_kernel("5ecd459e", Spoken())
    assert caught.value.hint == "tcpexp kernel import FILE"


def test_a_kernel_of_ones_own_recipe() -> None:
    mine = make_kernel("mine-1.0", recipe="1" * 64)
    assert find_kernel("mine-1.0") == mine
    make_kernel("mine-1.0-rc1", "other", recipe="1" * 64)
    assert find_kernel("mine-1.0") == mine


def test_damage_is_named() -> None:
    kernel = make_kernel()
    kernel.binary.write_text("cut")
    with pytest.raises(DataError, match="its binary is gone or cut"):
        find_kernel()
    assert list_kernels() == []
    (kernel.path / "kernel.json").write_text("{}")
    with pytest.raises(DataError, match=r"kernel\.json is damaged"):
        find_kernel()


@pytest.mark.parametrize("name", ["linux", "config", "recipe/recipe.yaml", "NOTICE"])
def test_every_file_is_verified(name: str) -> None:
    kernel = make_kernel()
    verify_kernel(kernel)
    path: Path = kernel.path / name
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DataError, match=f"is damaged: {name}"):
        verify_kernel(kernel)


def test_half_built_kernels_are_none(cache: Path) -> None:
    kernel = make_kernel()
    kernel.path.rename(cache / "building-x7a")
    assert list_kernels() == []
    assert find_kernel() is None


def test_what_set_up_has_still_to_make() -> None:
    assert lacking([]) == ["image", "debian-7.3"]
    assert lacking(["all"]) == ["image", "debian-6.1", "debian-6.12", "debian-7.3"]
    kernel = make_kernel()
    assert lacking([]) == ["image"]
    kernel.binary.unlink()  # damaged: building says so
    assert lacking([]) == ["image", "debian-7.3"]
