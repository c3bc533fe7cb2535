"""``tcpexp kernel``: what is printed, for people and machines, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tcpexp.places.kernel.kernel import find_kernel
from tests.support.kernels import make_kernel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_without_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "info"]) == 3
    assert (
        capsys.readouterr().out
        == "the kernel debian-7.3 is not here; get it with: tcpexp kernel build debian-7.3\n"
    )
    assert main(["kernel", "info", "--quiet"]) == 3
    assert capsys.readouterr().out == ""
    assert main(["kernel", "info", "6.1", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"name": "6.1", "built": False}
    assert main(["kernel", "export", "x.tar"]) == 3
    assert "there is no kernel debian-7.3 to export" in capsys.readouterr().err
    assert main(["kernel", "use", "6.1"]) == 3
    assert main(["kernel", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  debian-6.1   not built: tcpexp kernel build debian-6.1",
        "  debian-6.12  not built: tcpexp kernel build debian-6.12",
        "* debian-7.3   not built: tcpexp kernel build debian-7.3",
    ]


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    kernel = make_kernel()
    assert main(["kernel", "info", "--quiet"]) == 0
    assert main(["kernel", "info"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"kernel    debian-7.3  (runs use it)\nsha256    {kernel.sha256}\n")
    assert "compiler  fake cc 1.0" in out
    assert main(["kernel", "info", kernel.sha256[:6], "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sha256"], facts["path"], facts["in_use"]) == (
        kernel.sha256,
        str(kernel.path),
        True,
    )


def test_the_list_marks_the_one_in_use_and_those_of_other_recipes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new, old = make_kernel(), make_kernel("debian-6.1", "old")
    stale = make_kernel(text="stale", recipe="0" * 64, choose=False)
    assert main(["kernel", "use", "6.1"]) == 0
    capsys.readouterr()
    assert main(["kernel", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"* debian-6.1   {old.sha256[:12]}  Linux 6.1.4")
    assert any(line.startswith(f"  debian-7.3   {new.sha256[:12]}  ") for line in lines)
    assert any(
        stale.sha256[:12] in line and line.endswith("another has its name: found by its hash")
        for line in lines
    )
    assert main(["kernel", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows if row["in_use"]] == ["debian-6.1"]


def test_from_one_machine_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = make_kernel("debian-6.1")
    file = str(tmp_path / "kernel.tar.gz")
    assert main(["kernel", "export", file, "--kernel", "6.1"]) == 0
    assert kernel.sha256 in capsys.readouterr().out
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert main(["kernel", "import", file]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "to let runs use it: tcpexp kernel use debian-6.1"
    )
    assert main(["kernel", "use", "debian:6.1"]) == 0
    found = find_kernel()
    assert found is not None
    assert found.sha256 == kernel.sha256
    assert main(["kernel", "import", str(tmp_path / "nowhere.tar")]) == 3


def test_a_kernel_of_another_recipe_is_taken_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = make_kernel(recipe="0" * 64)
    assert main(["kernel", "export", str(tmp_path / "a.tar"), "--kernel", kernel.sha256]) == 0
    assert main(["kernel", "import", str(tmp_path / "a.tar")]) == 0
    assert "of another recipe than this version of tcpexp has" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["build", "info", "use", "remove"])
def test_an_unknown_name_is_a_mistake_of_the_command_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", command, "debien-7.3"]) == 2
    assert "did you mean 'debian-7.3'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["info", "use"])
def test_a_series_that_was_not_built_is_one_that_can_be(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", command, "debian:7.2"]) == 2
    assert "tcpexp kernel build debian:7.2, if Debian has it" in capsys.readouterr().err


def test_remove_says_what_it_freed(capsys: pytest.CaptureFixture[str]) -> None:
    make_kernel()
    old = make_kernel("debian-6.1", "old")
    assert main(["kernel", "remove", "7.3"]) == 3
    assert "runs use debian-7.3" in capsys.readouterr().err
    assert main(["kernel", "remove"]) == 2
    capsys.readouterr()
    assert main(["kernel", "remove", "6.1"]) == 0
    assert capsys.readouterr().out.startswith(f"removed debian-6.1 {old.sha256[:12]}: 0.0 MB freed")
    assert main(["kernel", "remove", "--stale"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"
    assert not old.path.exists()


def test_a_built_kernel_is_not_built_again(capsys: pytest.CaptureFixture[str]) -> None:
    kernel = make_kernel()
    assert main(["kernel", "build"]) == 0
    assert capsys.readouterr().out == f"kernel debian-7.3 {kernel.sha256}\nin {kernel.path}\n"
