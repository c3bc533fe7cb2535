"""What @name@ must do. Run it by pytest; each test makes a run of its own, in seconds."""

from pathlib import Path

import pytest

import tcpexp

SPEC = Path(__file__).with_name("@name@.yaml")


def test_it_does_what_its_spec_expects(tmp_path: Path) -> None:
    """All expectations hold, on a network that was what it should be."""
    run = tcpexp.run(SPEC, out=tmp_path)
    assert run.certificate["verdict"] == "VALID"
    assert all(verdict.result == "PASS" for verdict in run.verdicts), run.verdicts


@pytest.mark.parametrize("beta", [717, 900])
def test_beta_is_what_is_left_of_the_window(tmp_path: Path, beta: int) -> None:
    """The parameter beta does what it says."""
    run = tcpexp.run(SPEC, set={"congestion_controls.@name@.parameters.beta": beta}, out=tmp_path)
    factors = run.table("loss_events").filter(flow="mine")["backoff"].drop_nulls().to_list()
    assert factors[-1] == pytest.approx(beta / 1024, rel=0.04)
