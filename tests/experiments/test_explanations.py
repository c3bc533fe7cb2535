"""Words that hold: an explanation states constants, and quotes what its own run measured.

So it is right on another seed and another kernel.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.paths import find_spec, shipped_specs, shipped_studies
from tcpexp.places.kernel.kernel import list_kernels
from tcpexp.report.explanation import explanation_of, quote_words
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.spec.quotes import find_quotes
from tcpexp.store.rundata import RunData
from tests.support.constants import EVERYWHERE, OF
from tests.support.holds import broken, constants_of, numbers_in, unexplained, written
from tests.support.twins import compiled

STUDIES = shipped_studies()
#: A short experiment that quotes its run. The others are looked at where they run anyway
#: (twins.py).
QUOTING = "one_loss"


def unlisted(spec: Path) -> list[str]:
    """Return the numbers with a unit that a spec's explanation states and that no parameter and no
    list of constants has.
    """
    known = constants_of(spec, compiled(spec.stem) if spec in shipped_specs() else None)
    listed = OF.get(spec.stem, {})
    return [
        words
        for (kind, value), words in written(spec)
        if value not in known and value not in EVERYWHERE[kind] and words not in listed
    ]


@pytest.mark.parametrize("spec", [*shipped_specs(), *STUDIES], ids=lambda spec: spec.stem)
def test_every_number_that_is_written_is_a_constant(spec: Path) -> None:
    assert unlisted(spec) == [], (
        "quote what was measured: {metric: ...}, {check: ...}; compute what follows from"
        " parameters: {is: ..., as: ...}"
    )


def test_a_number_of_another_run_is_found(tmp_path: Path) -> None:
    text = find_spec("one_loss").read_text()
    spec = tmp_path / "one_loss.yaml"
    spec.write_text(
        text.replace("**What it costs.**", "**What it costs.** The repair took 61.3 ms.")
    )
    assert "61.3 ms" in [words for _, words in written(spec)]
    assert unlisted(spec) == ["61.3 ms"]


def test_numbers_of_a_list_have_the_unit_at_its_end() -> None:
    assert [number for number, _ in numbers_in("SYNs at 0, 1.01 and 3 s; 1,448 bytes, 5 %")] == [
        ("time", 0.0),
        ("time", 1.01),
        ("time", 3.0),
        ("size", 1448.0),
        ("part", 0.05),
    ]


@pytest.mark.parametrize("entry", list(OF))
def test_the_list_holds_no_number_that_no_text_states(entry: str) -> None:
    spec = next(spec for spec in [*shipped_specs(), *STUDIES] if spec.stem == entry)
    assert set(OF[entry]) <= {words for _, words in written(spec)}


@pytest.mark.guest
@pytest.mark.parametrize("kernel", [None, "debian-6.1"])
@pytest.mark.parametrize("seed", [None, 11])
def test_an_explanation_fits_the_run_that_it_explains(
    seed: int | None, kernel: str | None, tmp_path: Path
) -> None:
    if kernel is not None and kernel not in {kernel.name for kernel in list_kernels()}:
        pytest.skip(f"no kernel {kernel}: tcpexp kernel build {kernel}")
    outcome = run_experiment(
        find_spec(QUOTING),
        RunOptions(on="uml", kernel=kernel, seed=seed, out=tmp_path),
    )
    run = RunData(outcome.path)
    assert list(unexplained(run)) == []
    quoted = [quote for quote in find_quotes(run.plan.explain) if quote.kind != "is"]
    assert quoted
    assert all(quote_words(run, quote) in explanation_of(run) for quote in quoted)
    assert broken(outcome.path) == []
