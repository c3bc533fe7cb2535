"""Where a run is made: what a spec asks for, and what goes over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.errors import SpecError
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.runs.where import wanted_kernel
from tests.support.plain_spec import spec_in


def test_the_specs_kernel_is_taken_where_the_caller_names_none(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    assert wanted_kernel(spec, RunOptions()) is None
    spec.write_text(spec.read_text() + "\nkernel: debian-6.1\n")
    assert wanted_kernel(spec, RunOptions()) == "debian-6.1"
    assert wanted_kernel(spec, RunOptions(kernel="7.3")) == "7.3"
    assert wanted_kernel(spec, RunOptions(overrides=("kernel=debian-6.12",))) == "debian-6.12"
    assert wanted_kernel(spec, RunOptions(overrides=("kernel=null",))) is None


def test_what_is_wrong_with_it_is_left_to_the_compiler(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    for text in ("kernel: [a]", "kernel: 6.1", ": {"):
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text(spec.read_text() + f"\n{text}\n")
        assert wanted_kernel(wrong, RunOptions()) is None


def test_a_place_without_such_kernels_refuses_the_specs(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    spec.write_text(spec.read_text() + "\nkernel: debian-6.1\n")
    with pytest.raises(SpecError, match=r"the kernel of its image only, and debian-6\.1") as caught:
        run_experiment(spec, RunOptions(on="qemu", out=tmp_path / "out"))
    assert "use --on uml; or leave out --kernel, or kernel: of the spec" in str(caught.value.hint)
