"""What every kind of place promises, tried on each: a new kind has only to be in the registry.

The place of the guide, which a package of somebody else brings, is tried too.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecError
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Wanted
from tcpexp.places.ready import lacking
from tcpexp.places.registry import KINDS, all_kinds, all_parts, place_kind, place_names
from tcpexp.plan.compile import compile_plan
from tests.support.example_place import installed

with installed():
    TRIED = {kind.name: kind for kind in all_kinds()}
#: What a test of a place that really runs needs; the marks are those of the whole suite.
MARKS = {
    name: pytest.mark.root if kind.needs_root else pytest.mark.guest for name, kind in TRIED.items()
}
RUNNING = [pytest.param(name, marks=MARKS[name]) for name in TRIED]
VIRTUAL = [
    pytest.param(name, marks=MARKS[name])
    for name, kind in TRIED.items()
    if kind.clocks[0] == "virtual"
]

SPEC = """
name: contract
title: Two requests on a plain link
topology: two_host
duration: 3s
actions:
  - {do: http_server, host: h2, port: 80, files: {file.bin: {size: 20kB, seed: 1}}}
  - {at: 500ms, do: http_get, id: get, from: h1, to: h2, path: /file.bin}
  - {at: 1s, do: mark, text: "here"}
"""


@pytest.fixture(autouse=True, scope="module")
def example() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(SPEC)
    catalogue = load_catalogue()
    return compile_plan(load_spec(path, catalogue), catalogue)


def silent(text: str) -> None:
    return None


def test_the_registry_knows_its_kinds_by_their_own_names():
    assert [kind.name for kind in all_kinds()] == list(place_names()) == [*KINDS, "twice"]


@pytest.mark.parametrize("name", TRIED)
def test_a_kind_says_what_it_is(name):
    kind = place_kind(name)
    assert kind.title and kind.words and kind.clocks
    assert set(kind.clocks) <= {"virtual", "real"}
    assert isinstance(kind.needs_root, bool)
    words = kind.describe()
    assert kind.what in words
    assert all(clock in words for clock in kind.clocks)
    assert ("--kernel" in words) == kind.has_kernels


@pytest.mark.parametrize("name", TRIED)
def test_each_lack_comes_with_a_remedy(name):
    for lack in place_kind(name).missing():
        assert lack.what and lack.needed_for and lack.remedy


@pytest.mark.parametrize("name", TRIED)
def test_examining_finds_lines_and_changes_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = place_kind(name).examine(silent)
    assert found and all(isinstance(line, Finding) for line in found)
    assert all(line.remedy for line in found if line.state == "missing")
    made = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    # programs that shipped experiments build
    assert [path for path in made if path.name != "kvm.json" and "builds" not in path.parts] == []


@pytest.mark.parametrize("name", TRIED)
def test_nothing_left_behind_is_nothing_removed(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kind = place_kind(name)
    kind.leftovers()
    assert kind.leftovers() == []


@pytest.mark.parametrize("name", TRIED)
def test_set_up_is_told_what_has_to_be_made(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kind = place_kind(name)
    parts = {part.name for part in kind.parts()}
    unmade = kind.unmade()
    assert ("image" in unmade) == ("image" in parts)
    assert set(unmade) <= set(lacking([]))
    for part in kind.parts():
        assert all_parts()[part.name].commands == part.commands
        assert not part.find("0" * 64)


@pytest.mark.parametrize("name", [name for name, kind in TRIED.items() if not kind.has_shell])
def test_a_kind_without_a_prompt_refuses_one(name):
    with pytest.raises(SpecError, match="no prompt"):
        place_kind(name).shell(silent)


@pytest.mark.parametrize("name", VIRTUAL)
def test_what_is_prepared_is_not_unmade(name):
    kind = place_kind(name)
    kind.prepare(Wanted(), silent)
    assert kind.unmade() == ()
    for part in kind.parts():
        sha256 = kind.open(Wanted(), silent).part(part.name)
        assert sha256 is not None and part.find(sha256)


@pytest.mark.parametrize("name", [name for name, kind in TRIED.items() if not kind.has_kernels])
def test_a_kind_without_kernels_refuses_one(name):
    with pytest.raises(SpecError, match="kernel"):
        place_kind(name).open(Wanted(kernel="6.1"), silent)


@pytest.mark.parametrize("name", RUNNING)
def test_a_run_leaves_what_was_recorded_and_says_how_it_ended(name, plan, tmp_path):
    kind = place_kind(name)
    place = kind.open(Wanted(), silent)
    assert place.name == name
    assert place.clock == kind.clocks[0]
    assert place.check(plan) == ()
    seen: list[str] = []
    with kind.slot():
        result = place.run(
            plan, tmp_path / "run", lambda phase, t: seen.append(phase), lambda: False
        )
    assert result.status == "complete", result.error
    assert result.clock == place.clock
    assert result.virtual_seconds >= 3
    assert result.wall_seconds > 0
    assert "run" in seen
    raw = tmp_path / "run" / "raw"
    assert {"engine.json", "commands.jsonl", "h1-eth0.pcap", "h2-eth0.pcap"} <= {
        path.name for path in raw.iterdir()
    }
    assert (raw / "h1-eth0.pcap").stat().st_size > 2_000
    assert json.loads((raw / "engine.json").read_text())["status"] == "complete"
    assert "here" in (tmp_path / "run" / "events.jsonl").read_text()
    assert list((raw / "ss").glob("*.txt"))
    assert not list((raw / "ss").glob("*.nl"))


@pytest.mark.parametrize("name", RUNNING)
def test_a_run_that_is_asked_to_stop_keeps_what_it_has(name, plan, tmp_path):
    long = dataclasses.replace(plan, duration_ns=10_000 * 10**9, virtual_limit_s=20_000.0)
    reached: list[float] = []

    def stop() -> bool:
        return bool(reached) and reached[-1] > 1.5

    with place_kind(name).slot():
        place = place_kind(name).open(Wanted(), silent)
        result = place.run(long, tmp_path / "run", lambda phase, t: reached.append(t), stop)
    assert result.status == "interrupted"
    assert "here" in (tmp_path / "run" / "events.jsonl").read_text()
    assert (tmp_path / "run" / "raw" / "h1-eth0.pcap").stat().st_size > 2_000


@pytest.mark.parametrize("name", RUNNING)
def test_a_program_that_is_not_there_is_named_before_the_run(name, plan):
    lacking = dataclasses.replace(
        plan, needs=dataclasses.replace(plan.needs, tools=("no-such-program",))
    )
    place = place_kind(name).open(Wanted(), silent)
    assert [lack.what for lack in place.check(lacking)] == ["program no-such-program"]


@pytest.mark.parametrize("name", VIRTUAL)
def test_a_virtual_place_has_an_identity_and_its_parts(name):
    kind = place_kind(name)
    identity = kind.identity(Wanted())
    assert identity == kind.identity(Wanted())
    place = kind.open(Wanted(), silent)
    assert place.part("image") == identity["image"]
    assert place.part("kernel") == identity.get("kernel")


@pytest.mark.parametrize("name", VIRTUAL)
def test_no_process_outlives_a_run(name, plan, tmp_path):
    def processes() -> set[str]:
        names = ("qemu-system", "uml-userspace", "tcpexp/kernels")
        lines = subprocess.run(
            ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
        ).stdout
        return {
            line.split()[0] for line in lines.splitlines() if any(word in line for word in names)
        }

    before = processes()
    place_kind(name).open(Wanted(), silent).run(
        plan, tmp_path / "run", lambda phase, t: None, lambda: False
    )
    left = processes() - before  # others begin at any time
    assert {pid for pid in left if owned_by(Path(f"/proc/{pid}"), tmp_path)} == set()


def owned_by(process: Path, folder: Path) -> bool:
    """Whether a process works in a run of ``folder``; a parallel test's does not."""
    try:
        return str(folder) in str((process / "cwd" / "out").resolve())
    except OSError:
        return False
