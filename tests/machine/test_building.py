"""Programs that are built on this machine: once, linked statically, with the compiler's words where
it fails.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.errors import HostError, RunError
from tcpexp.machine.building import build_files, linked_statically

SOURCES = {"server.c": b"int main(void) { return 7; }\n"}
GCC = ("gcc", "-o", "server", "server.c")


@pytest.fixture(autouse=True)
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tcpexp" / "builds"


def test_only_what_is_new_is_handed_back_and_the_same_is_built_once(builds: Path) -> None:
    made = build_files(GCC, SOURCES)
    assert list(made) == ["server"] and made["server"].startswith(b"\x7fELF")
    (kept,) = builds.iterdir()
    before = kept.stat().st_mtime_ns
    assert build_files(GCC, SOURCES) == made
    assert kept.stat().st_mtime_ns == before
    build_files((*GCC, "-O2"), SOURCES)
    assert len(list(builds.iterdir())) == 2


@pytest.mark.parametrize(
    ("argv", "static"),
    [
        (GCC, True),
        (("/usr/bin/clang", "x.c"), True),
        (("gcc", "-c", "server.c"), False),
        (("gcc", "-shared", "x.c"), False),
        (("make",), False),
    ],
)
def test_what_links_a_program_links_it_statically(argv: tuple[str, ...], static: bool) -> None:
    assert linked_statically(argv) is static


def test_what_goes_wrong_is_said_and_nothing_is_kept(builds: Path) -> None:
    with pytest.raises(RunError, match=r"(?s)gcc ended with status 1.*server\.c:1"):
        build_files(GCC, {"server.c": b"int main(void) { return x; }\n"})
    with pytest.raises(RunError, match="true made no file"):
        build_files(("true",), SOURCES)
    with pytest.raises(HostError) as caught:
        build_files(("no-such-compiler",), SOURCES)
    assert [lack.remedy for lack in caught.value.missing] == ["apt install no-such-compiler"]
    assert list(builds.iterdir()) == []
