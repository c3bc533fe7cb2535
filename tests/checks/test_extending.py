"""The check of docs/guides/extending.md: it validates, compiles and judges as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.checks.run import check_run
from tcpexp.errors import SpecError
from tcpexp.plan.compile import compile_plan
from tests.support.checked_run import MS, CheckedRun, S

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "extending.md"
NAMES = ("handshake_check.py", "use_handshake_check.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    blocks = re.findall(
        r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    found = dict(blocks)
    for name in NAMES:
        (tmp_path / name).write_text(found[name])
    return tmp_path


def compiled(folder: Path):
    catalogue = load_catalogue()
    return compile_plan(load_spec(folder / NAMES[1], catalogue), catalogue)


def test_the_spec_compiles_and_its_plan_carries_the_check(folder: Path) -> None:
    plan = compiled(folder)
    assert plan.expect == (
        {"handshake_time": {"flow": "upload", "at_most": "41ms", "because": "one round trip"}},
    )
    assert plan.plugins == ("handshake_check.py",)


def test_a_misspelt_flow_is_found_before_the_run(folder: Path) -> None:
    spec = folder / NAMES[1]
    spec.write_text(spec.read_text().replace("{flow: upload, at_most", "{flow: uplaod, at_most"))
    with pytest.raises(SpecError, match="did you mean 'upload'"):
        compiled(folder)


@pytest.mark.parametrize(
    ("took_ms", "result"), [(40, "PASS"), (42, "FAIL"), (None, "INCONCLUSIVE")]
)
def test_it_judges_a_run_without_its_spec(
    folder: Path, tmp_path: Path, took_ms: int | None, result: str
) -> None:
    plan = compiled(folder)
    run = CheckedRun(
        tmp_path / "run",
        expect=plan.expect,
        plugins=plan.plugins,
        files=plan.files,
        flows=plan.flows,
        duration_ns=plan.duration_ns,
    )
    established = None if took_ms is None else 1 * S + took_ms * MS
    row = {
        "client": "h1",
        "server": "h2",
        "flow": "upload",
        "capture": "h1-eth0",
        "syn_ns": 1 * S,
        "established_ns": established,
    }
    run.fill("connections", [row])
    (verdict,) = check_run(run.data())
    assert verdict.result == result, verdict
    if result != "INCONCLUSIVE":
        assert verdict.measured == f"{took_ms} ms" and verdict.asked == "at most 41 ms"
