"""Programs, data and C sources beside the spec: what travels in the plan, what is built, and what
is refused at its place.
"""

from __future__ import annotations

import base64
import shutil
import struct
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.engine.processes import lay_files
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan

C = "int main(void) { return 7; }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = tmp_path / "spec"
    (spec / "data" / "__pycache__").mkdir(parents=True)
    (spec / "data" / "words.txt").write_text("words")
    (spec / "data" / "picture.bin").write_bytes(b"\xff\x00")
    (spec / "data" / "__pycache__" / "x.pyc").write_bytes(b"")
    (spec / "client.py").write_text("import helpers\n")
    (spec / "helpers.py").write_text("")
    (spec / "server.c").write_text(C)
    return spec


def compiled(folder: Path, action: str, *, runs_code: bool = True) -> RunPlan:
    path = folder / "probe.yaml"
    path.write_text(f"name: probe\ntopology: two_host\nduration: 1s\nactions:\n  - {action}\n")
    catalogue = load_catalogue(entry_points=False, runs_code=runs_code)
    return compile_plan(load_spec(path, catalogue), catalogue)


def has_interpreter(program: bytes) -> bool:
    """Return whether an ELF program of 64 bits asks for a dynamic linker (a program header of type
    PT_INTERP, 3).
    """
    (offset,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    return any(
        struct.unpack_from("<I", program, offset + number * size)[0] == 3 for number in range(count)
    )


def contents(plan: RunPlan) -> dict[str, bytes]:
    return {
        file.path: base64.b64decode(file.content) if file.binary else file.content.encode()
        for file in plan.files
    }


def test_files_and_folders_lie_in_the_working_folder(folder: Path) -> None:
    plan = compiled(
        folder,
        "{do: command, id: look, host: h1, argv: [cat, data/words.txt], files: [data, helpers.py]}",
    )
    assert contents(plan) == {
        "work/look/data/words.txt": b"words",
        "work/look/data/picture.bin": b"\xff\x00",
        "work/look/helpers.py": b"",
    }


def test_a_script_with_files_lies_beside_them(folder: Path) -> None:
    plan = compiled(
        folder, "{do: python, id: client, host: h1, script: client.py, files: [helpers.py]}"
    )
    assert plan.steps[0].do.argv[-1] == "{out}/client.py"
    assert set(contents(plan)) == {"work/client/client.py", "work/client/helpers.py"}


def test_a_script_alone_is_where_it_was(folder: Path) -> None:
    plan = compiled(folder, "{do: python, id: client, host: h1, script: client.py}")
    assert plan.steps[0].do.argv[-1] == "{dir}/scripts/client.py"


def test_c_is_compiled_and_linked_statically_once(folder: Path) -> None:
    action = (
        "{do: command, id: server, host: h2, build: [gcc, -o, server, server.c], argv: [./server]}"
    )
    first = contents(compiled(folder, action))
    program = first["work/server/server"]
    assert program[:4] == b"\x7fELF"
    assert not has_interpreter(program)
    assert first["work/server/server.c"] == C.encode()
    (kept,) = (folder.parent / "cache" / "tcpexp" / "builds").iterdir()
    before = kept.stat().st_mtime_ns
    assert contents(compiled(folder, action)) == first
    assert kept.stat().st_mtime_ns == before
    (folder / "server.c").write_text(C.replace("7", "8"))
    assert contents(compiled(folder, action))["work/server/server"] != program


def test_the_compilers_words_are_shown_at_the_line_of_build(folder: Path) -> None:
    (folder / "server.c").write_text("int main(void) { return x; }\n")
    with pytest.raises(SpecErrors) as caught:
        compiled(
            folder,
            "{do: command, id: server, host: h2, build: [gcc, -o, server, server.c], argv:"
            " [./server]}",
        )
    words = str(caught.value)
    assert "probe.yaml:5:" in words
    assert "gcc ended with status 1" in words
    assert "server.c:1:25: error:" in words


def test_make_finds_its_makefile(folder: Path) -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed: apt install make")
    (folder / "Makefile").write_text("server: server.c\n\tgcc $(LDFLAGS) -o server server.c\n")
    plan = compiled(
        folder,
        "{do: command, id: server, host: h2, files: [Makefile, server.c], build: [make], argv:"
        " [./server]}",
    )
    assert not has_interpreter(contents(plan)["work/server/server"])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            "{do: command, host: h1, argv: [cat], files: [nothing.txt]}",
            r"probe.yaml:5:\d+: there is no file or folder 'nothing.txt' beside the spec",
        ),
        (
            "{do: command, host: h1, argv: [cat], files: [../secret]}",
            "'../secret' is not beside the spec",
        ),
        (
            "{do: command, host: h1, argv: [cat], files: [/etc/passwd]}",
            "'/etc/passwd' is not beside the spec",
        ),
        ("{do: command, host: h1, argv: [cat], files: [link]}", "'link' is not beside the spec"),
        ("{do: command, host: h1, argv: [cat], files: [large.bin]}", "at most 8,000,000 travel"),
        (
            "{do: command, host: h1, argv: [./absent], files: [data]}",
            "there is no './absent' in its working folder",
        ),
        (
            "{do: command, host: h1, argv: [helpers.py], files: [helpers.py]}",
            r"looked for on the PATH only \(write ./helpers.py\)",
        ),
        (
            "{do: command, host: h1, argv: [./x], build: [no-such-compiler, x.c]}",
            "there is no no-such-compiler on this machine",
        ),
        ("{do: command, host: h1, argv: [./x], build: ['true']}", "true made no file"),
    ],
)
def test_what_cannot_travel_is_refused(folder: Path, action: str, message: str) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "link").symlink_to("/etc/hostname")
    (folder / "large.bin").write_bytes(bytes(8_000_001))
    with pytest.raises(SpecErrors, match=message):
        compiled(folder, action)


def test_a_spec_of_somebody_else_builds_nothing(folder: Path) -> None:
    with pytest.raises(SpecErrors, match="builds a program of its own with 'gcc'"):
        compiled(
            folder,
            "{do: command, host: h1, argv: [./x], build: [gcc, -o, x, server.c]}",
            runs_code=False,
        )


def test_what_a_program_wrote_is_not_overwritten_when_it_starts_again(tmp_path: Path) -> None:
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "deep" / "a").write_text("shipped")
    (tmp_path / "work" / "b").write_text("shipped")
    out = tmp_path / "out"
    out.mkdir()
    (out / "b").write_text("written")
    lay_files(tmp_path / "work", out)
    lay_files(tmp_path / "absent", out)
    assert ((out / "deep" / "a").read_text(), (out / "b").read_text()) == ("shipped", "written")
