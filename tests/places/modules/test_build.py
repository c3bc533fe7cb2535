"""Building modules: what is kept, what stands in the plan instead, what a module says of itself."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from tcpexp.errors import HostError, SpecErrors
from tcpexp.places.modules import build
from tcpexp.places.modules.all import build_modules
from tcpexp.places.modules.build import BuiltModule, Target, with_modules
from tcpexp.places.modules.crash import crash_words, explained
from tcpexp.places.modules.debian import header_packages
from tcpexp.places.modules.elf import module_information, section
from tests.support.own_controls import plan_of

#: A kernel's build in few lines: it knows modpost's part, and nothing of kernels.
MAKEFILE = """\
modules:
\t@echo built >> $(dir $(M))count
\t@gcc -c -g -o $(M)/mine.ko $(M)/mine.c
"""
SOURCE = """\
struct tcp_congestion_ops { char *name; };
static struct tcp_congestion_ops mine = { .name = "mine" };
int mine_ssthresh(int *sk) {
  return *sk;
}
const char information[] __attribute__((section(".modinfo"))) = "license=GPL\\0parmtype=beta:uint";
"""
CONSOLE = """\
mine: loss 1 at a window of 133
Modules linked in: mine(O)
RIP: 0033:mine_ssthresh+0x8/0x10 [mine]
Kernel panic - not syncing: Segfault with no mm
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel whose modules are one object file."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    headers = tmp_path / "headers"
    headers.mkdir()
    (headers / "Makefile").write_text(MAKEFILE)
    return Target(headers, "a kernel", "Linux 0.1")


def own_plan(folder: Path, source: str = SOURCE, control: str = "{source: mine.c}"):
    plan_of(folder, control)
    (folder / "mine.c").write_text(source)
    from tcpexp.catalogue.reading import load_plan

    return load_plan(folder / "own.yaml")


def test_a_module_is_built_once_and_stands_for_its_source(tmp_path, kernel):
    plan = own_plan(tmp_path)
    (built,) = build_modules(plan, kernel, print)
    (again,) = build_modules(plan, kernel, print)
    assert built == again
    assert len(list(build.modules_dir().iterdir())) == 1
    executed = with_modules(plan, (built,))
    assert [file.path for file in executed.files] == ["modules/mine.ko"]
    assert base64.b64decode(executed.files[0].content) == built.content
    assert module_information(built.content) == {"license": ["GPL"], "parmtype": ["beta:uint"]}
    assert section(built.content, b".debug_info") == b"" != section(built.debug, b".debug_info")


def test_another_kernel_source_or_compiler_is_another_module(tmp_path, kernel, monkeypatch):
    build_modules(own_plan(tmp_path), kernel, print)
    build_modules(own_plan(tmp_path), Target(kernel.headers, "other", "Linux 0.2"), print)
    build_modules(own_plan(tmp_path, SOURCE + "int more;\n"), kernel, print)
    monkeypatch.setattr(build, "compiler_words", lambda *about: "another gcc")
    build_modules(own_plan(tmp_path), kernel, print)
    assert len(list(build.modules_dir().iterdir())) == 4


def test_a_parameter_that_the_module_lacks_is_refused(tmp_path, kernel):
    plan = own_plan(tmp_path, control="{source: mine.c, parameters: {betta: 1}}")
    with pytest.raises(SpecErrors) as caught:
        build_modules(plan, kernel, print)
    (error,) = caught.value.errors
    assert "no parameter 'betta'" in error.message and "'beta'" in str(error.hint)


def test_a_mistake_is_told_at_its_line_and_nothing_is_kept(tmp_path, kernel):
    plan = own_plan(tmp_path, SOURCE.replace("return *sk", "return *skk"))
    with pytest.raises(SpecErrors) as caught:
        build_modules(plan, kernel, print)
    (error,) = caught.value.errors
    assert (error.where.file, error.where.line) == ("mine.c", 4)
    assert not list(build.modules_dir().iterdir())


def test_without_a_compiler_the_package_is_named(tmp_path, kernel, monkeypatch):
    plan = own_plan(tmp_path)
    monkeypatch.setattr(build.shutil, "which", lambda name, path=None: None)
    with pytest.raises(HostError) as caught:
        build_modules(plan, kernel, print)
    assert [lack.remedy for lack in caught.value.missing] == [
        "apt install make",
        "apt install gcc",
        "apt install binutils",
    ]


def test_a_crash_is_told_with_function_and_line(tmp_path, kernel):
    built = build_modules(own_plan(tmp_path), kernel, print)
    words, hint = crash_words(CONSOLE, built)
    assert words.startswith("the congestion control mine crashed in its function mine_ssthresh at")
    assert "mine.c:" in words and "NULL" in hint
    error = explained(build.RunError("the guest's kernel gave up"), CONSOLE, built)
    assert error.message.endswith("the guest's kernel gave up")


def test_a_signal_of_the_kernel_is_put_into_words():
    built = (BuiltModule("mine", b"", {"source": "mine.c"}),)
    words, _ = crash_words("Kernel panic - not syncing: Kernel mode signal 8\n", built)
    assert (
        words == "the kernel came upon a division by zero, with the congestion control mine loaded"
    )
    assert crash_words("Kernel panic - not syncing: Out of memory\n", built) is None
    silent = explained(build.RunError("the guest did not answer"), "", built)
    assert "does each of its loops end?" in str(silent.hint)
    assert explained(build.RunError("why"), CONSOLE, ()).message == "why"


def test_the_packages_of_a_kernels_headers():
    assert list(header_packages("6.12.118+deb13-cloud-amd64", "1")) == [
        "linux-headers-6.12.118+deb13-cloud-amd64",
        "linux-headers-6.12.118+deb13-common",
        "linux-kbuild-6.12.118+deb13",
    ]
