"""The kernel as a parameter of a sweep: each run has the identity of its own."""

from pathlib import Path

import pytest

from tcpexp.batch.workplace import load_workplace
from tcpexp.errors import SpecError, SpecErrors
from tcpexp.studies.description import describe_study
from tcpexp.studies.run import run_study
from tcpexp.studies.study import Study, StudyOptions, check_sweep, load_study
from tests.support.cheap import KERNEL_NAME, NAME, write_spec


def spec_with(folder: Path, kernels: str, more: str = "") -> Path:
    path = write_spec(folder, rates="[1mbit]", rtts="[10ms]", repeat=2)
    text = path.read_text().replace("    rate: {set", f"    kernel: {kernels}\n    rate: {{set", 1)
    path.write_text(text.replace("duration: 1s", f"duration: 1s\n{more}".rstrip(), 1))
    return path


def study_of(path: Path, out: Path, **more: str) -> Study:
    return load_study(path, StudyOptions(out=out, workplace=KERNEL_NAME, **more))  # type: ignore[arg-type]


def test_each_run_has_the_identity_of_its_kernel(tmp_path: Path) -> None:
    study = study_of(spec_with(tmp_path, "{set: kernel, values: [old, new, newest]}"), tmp_path)
    assert [
        (run.cell.written["kernel"], run.kernel, run.identity["kernel"]) for run in study.runs
    ] == [(name, name, f"hash-of-{name}") for name in ("old", "new", "newest") for _ in range(2)]
    assert len({run.key for run in study.runs}) == 6
    folder = study.folder()
    assert [study.task_of(run, folder, "x").identity["kernel"] for run in study.runs[::2]] == [
        "hash-of-old",
        "hash-of-new",
        "hash-of-newest",
    ]
    assert describe_study(study, "x")["identity"] == {
        "engine": "1",
        "kernel (old)": "hash-of-old",
        "kernel (new)": "hash-of-new",
        "kernel (newest)": "hash-of-newest",
    }


def test_the_name_of_a_run_is_the_same_however_its_kernel_was_asked_for(tmp_path: Path) -> None:
    plain = write_spec(tmp_path, rates="[1mbit]", rtts="[10ms]", repeat=1)
    by_option = study_of(plain, tmp_path, kernel="old")
    assert by_option.identity == {"engine": "1", "kernel": "hash-of-old"}
    usual = study_of(plain, tmp_path)
    plain.write_text(plain.read_text() + "kernel: old\n")
    by_spec = study_of(plain, tmp_path)
    assert [run.key for run in by_spec.runs] == [run.key for run in by_option.runs]
    assert {run.key for run in usual.runs}.isdisjoint(run.key for run in by_spec.runs)
    assert study_of(plain, tmp_path, kernel="new").runs[0].identity["kernel"] == "hash-of-new"


def test_the_runs_are_made_and_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log"))
    study = study_of(spec_with(tmp_path, "{set: kernel, values: [old, new]}"), tmp_path)
    outcome = run_study(study, jobs=1)
    assert (outcome.made, outcome.failed) == (4, [])
    assert study.table["kernel"].to_list() == ["old", "old", "new", "new"]
    assert "hash-of-old" in study.report.read_text()


def test_mistakes_stand_at_the_parameter(tmp_path: Path) -> None:
    wrong = spec_with(tmp_path, "{set: kernel, values: [old, odl]}")
    with pytest.raises(SpecErrors) as caught:
        study_of(wrong, tmp_path)
    (error,) = caught.value.errors
    assert (error.message, error.hint) == ("there is no kernel 'odl'", "did you mean 'old'?")
    assert str(error.where).startswith(f"{wrong}:12:")
    fine = spec_with(tmp_path, "{set: kernel, values: [old, new]}")
    with pytest.raises(SpecErrors, match="this sweep varies the kernel"):
        study_of(fine, tmp_path, kernel="new")
    number = spec_with(tmp_path, "{set: kernel, values: [6.1]}")
    with pytest.raises(SpecErrors, match="is a number here, and names no kernel") as caught:
        check_sweep(number)
    assert "kernel: debian-6.1" in str(caught.value.errors[0].hint)


def test_validating_asks_no_place(tmp_path: Path) -> None:
    path = spec_with(tmp_path, "{set: kernel, values: [not-here, new]}")
    assert check_sweep(path)["full"] == 4


def test_a_workplace_without_kernels_says_so() -> None:
    assert load_workplace(NAME).name == NAME
    with pytest.raises(SpecError, match="has no kernels, and old is asked for"):
        load_workplace(NAME, "old")
