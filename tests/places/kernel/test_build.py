"""Building: a recipe becomes a kernel in the cache, or an error that names the step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tcpexp.errors import HostError, RunError, SpecError
from tcpexp.places.kernel.build import BuildMeter, Built, build_kernel, install_kernel
from tcpexp.places.kernel.config import merge_config, parse_config
from tcpexp.places.kernel.kernel import find_kernel, list_kernels, verify_kernel
from tcpexp.places.kernel.recipe import load_recipe
from tests.support.kernel_trees import (
    LINUX,
    FakeArchive,
    Spoken,
    skip_unless_buildable,
    write_recipe,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tcpexp" / "kernels"


@pytest.fixture
def archive(tmp_path: Path) -> FakeArchive:
    skip_unless_buildable()
    return FakeArchive(tmp_path / "archive")


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_a_recipe_becomes_a_kernel_with_all_that_it_was_made_from(
    archive: FakeArchive, tmp_path: Path, cache: Path
) -> None:
    recipe = write_recipe(tmp_path / "mine")
    say = Spoken()
    kernel = build_kernel(str(recipe.file), say, fetch=archive.fetch)
    assert (kernel.name, kernel.version, kernel.debian_version, kernel.mode) == (
        "fake-9.9",
        "9.9.3",
        "9.9.3-1",
        "seccomp",
    )
    assert (kernel.recipe, kernel.compiler) == (recipe.hash(), "fake cc 1.0")
    assert kernel == find_kernel("fake-9.9") == find_kernel(kernel.sha256[:8])
    assert left_in(cache) == sorted(["chosen.json", kernel.path.name])
    files = {
        str(path.relative_to(kernel.path)) for path in kernel.path.rglob("*") if path.is_file()
    }
    own = {"COPYING", "recipe.yaml", "fake.config", "0001-it-greets.patch"}
    assert files == {
        "linux",
        "config",
        "kernel.json",
        "NOTICE",
        *(f"recipe/{name}" for name in own),
    }
    verify_kernel(kernel)
    ran = subprocess.run([kernel.binary], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("9.9.3-tcpexp\n", "hello\n")
    assert b"tcpexp@nowhere" in kernel.binary.read_bytes()
    assert "CONFIG_NET=y\n" in (kernel.path / "config").read_text()
    assert [line for line in say.lines if "% compiled" in line] != []


def test_the_same_recipe_is_built_once_unless_forced_and_gives_the_same_bytes(
    archive: FakeArchive, tmp_path: Path
) -> None:
    file = str(write_recipe(tmp_path / "mine").file)
    first = build_kernel(file, Spoken(), fetch=archive.fetch)
    assert build_kernel(file, Spoken(), fetch=archive.fetch) == first
    assert archive.fetched == 1
    assert build_kernel(file, Spoken(), force=True, fetch=archive.fetch) == first
    assert archive.fetched == 2
    assert list_kernels() == [first]


def test_a_patch_that_does_not_fit_is_named_and_the_log_is_kept(
    archive: FakeArchive, tmp_path: Path, cache: Path
) -> None:
    archive.files["linux.c"] = LINUX.replace("puts(", "printf(")
    with pytest.raises(RunError, match=r"the patch 0001-it-greets\.patch does not fit") as caught:
        build_kernel(str(write_recipe(tmp_path / "mine").file), Spoken(), fetch=archive.fetch)
    assert "FAILED" in caught.value.message  # patch's own words
    assert left_in(cache) == ["fake-9.9.log"]
    assert caught.value.hint == f"the whole output: {cache / 'fake-9.9.log'}"


def test_options_that_the_kernel_does_not_have_are_named(
    archive: FakeArchive, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "mine")
    config = tmp_path / "mine" / "fake.config"
    config.write_text(config.read_text() + "CONFIG_NOT_IN_THIS_KERNEL=y\n")
    with pytest.raises(RunError, match=r"CONFIG_NOT_IN_THIS_KERNEL \(asked: y, got: n\)"):
        build_kernel(str(recipe.file), Spoken(), fetch=archive.fetch)
    recipe.file.write_text(
        recipe.file.read_text() + "exceptions: {CONFIG_NOT_IN_THIS_KERNEL: it was renamed}\n"
    )
    assert build_kernel(str(recipe.file), Spoken(), fetch=archive.fetch).version == "9.9.3"


def test_the_compilers_own_words_are_shown(
    archive: FakeArchive, tmp_path: Path, cache: Path
) -> None:
    archive.files["linux.c"] = LINUX.replace("const char *who = WHO;", "const char *who = 1 +;")
    with pytest.raises(RunError, match=r"does not compile: make failed \(status 2\)") as caught:
        build_kernel(str(write_recipe(tmp_path / "mine").file), Spoken(), fetch=archive.fetch)
    assert "linux.c:2:" in caught.value.message
    assert left_in(cache) == ["fake-9.9.log"]


def test_another_kernel_than_the_recipe_says_is_refused(
    archive: FakeArchive, tmp_path: Path, cache: Path
) -> None:
    archive.files["linux.c"] = LINUX.replace("\t", " ").replace("9.9.3", "9.90.3")
    recipe = write_recipe(tmp_path / "mine")
    recipe.file.write_text(
        recipe.file.read_text().replace("patches: [0001-it-greets.patch]", "patches: []")
    )
    with pytest.raises(RunError, match=r"says '9\.90\.3-tcpexp', which is no Linux 9\.9"):
        build_kernel(str(recipe.file), Spoken(), fetch=archive.fetch)
    assert list_kernels() == []


def test_two_builders_build_once(archive: FakeArchive, tmp_path: Path) -> None:
    file = str(write_recipe(tmp_path / "mine").file)
    built = []
    threads = [
        threading.Thread(
            target=lambda: built.append(build_kernel(file, Spoken(), fetch=archive.fetch))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.fetched == 1
    assert built[0] == built[1]


def wait_for(path: Path) -> None:
    for _ in range(600):
        if list(path.parent.glob(path.name)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_builder_that_was_ended_leaves_no_process_and_its_folder_is_removed(
    number: signal.Signals, archive: FakeArchive, tmp_path: Path, cache: Path
) -> None:
    file = str(write_recipe(tmp_path / "mine").file)
    program = (
        "import sys; from pathlib import Path; from tests.support.kernel_trees import FakeArchive\n"
        "from tcpexp.places.kernel.build import build_kernel\n"
        "archive = FakeArchive(Path(sys.argv[2]), {'slow': ''})\n"
        "build_kernel(sys.argv[1], print, fetch=archive.fetch)\n"
    )
    path = os.pathsep.join(sys.path)
    argv = [sys.executable, "-c", program, file, str(tmp_path / "slow")]
    builder = subprocess.Popen(
        argv,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(cache / "compiling")
    (work,) = cache.glob("building-*")
    builder.send_signal(number)
    builder.wait()
    assert work.exists() == (number == signal.SIGKILL)
    assert number == signal.SIGKILL or processes_in(work) == []
    build_kernel(file, Spoken(), fetch=archive.fetch)
    assert processes_in(work) == []
    assert not list(cache.glob("building-*"))


def processes_in(folder: Path) -> list[str]:
    """Return the processes that work in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(process / "cwd")
        except OSError:
            continue
        if where.startswith(str(folder)):
            found.append(process.name)
    return found


def test_a_full_disk_is_noticed_first(
    archive: FakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tcpexp.places.kernel.build.NEEDED_BYTES", 1 << 60)
    with pytest.raises(HostError, match="a build takes"):
        build_kernel(str(write_recipe(tmp_path / "mine").file), Spoken(), fetch=archive.fetch)
    assert archive.fetched == 0


def test_a_built_tree_goes_into_the_cache_by_itself(archive: FakeArchive, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "mine")
    source = tmp_path / "linux.c"
    source.write_text(LINUX)
    subprocess.run(["gcc", '-DWHO="x"', "-o", str(tmp_path / "linux"), str(source)], check=True)
    config = tmp_path / "config"
    config.write_text(merge_config("CONFIG_GONE=y\n", recipe.options()))
    kernel = install_kernel(recipe, Built(tmp_path / "linux", config, "9.9.3-1"), Spoken())
    assert kernel == find_kernel("fake-9.9")
    assert json.loads((kernel.path / "kernel.json").read_text())["compiler"] == "unknown"


def test_what_cannot_be_built() -> None:
    with pytest.raises(SpecError, match="there is no kernel 'debian-new'"):
        build_kernel("debian-new", Spoken())
    with pytest.raises(HostError, match="a hash cannot be built"):
        build_kernel("5ecd459e", Spoken())


def test_progress_counts_lines_of_make_and_never_says_that_it_is_done() -> None:
    say = Spoken()
    recipe = load_recipe("7.3")
    progress = BuildMeter(recipe, say)
    for _ in range(recipe.build.lines * 2):
        progress.heard("  CC      net/ipv4/tcp.o\n")
        progress.heard("warning: of no account\n")
    percents = [int(line.split(":")[1].split("%")[0]) for line in say.lines]
    assert percents == [10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_options_replace_those_of_the_base() -> None:
    merged = merge_config(
        "# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=5\n",
        ["# CONFIG_A is not set", "CONFIG_B=y"],
    )
    assert parse_config(merged) == {"CONFIG_A": "n", "CONFIG_B": "y", "CONFIG_C": "5"}
