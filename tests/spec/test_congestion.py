"""The list of congestion controls: names, modules, and the words for one that is not there."""

from __future__ import annotations

import pytest

from tcpexp.spec.congestion import BUILT_IN, CONGESTION_CONTROLS, check_congestion_control
from tcpexp.units import QuantityError


def test_each_has_its_module_but_those_of_every_kernel() -> None:
    assert list(CONGESTION_CONTROLS) == sorted(CONGESTION_CONTROLS)
    for name, control in CONGESTION_CONTROLS.items():
        assert control.name == name
        assert control.module == (None if name in BUILT_IN else f"tcp_{name}")
        assert control.summary and control.source


def test_only_dctcp_needs_marks() -> None:
    assert [name for name, control in CONGESTION_CONTROLS.items() if control.needs_ecn] == ["dctcp"]


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    assert check_congestion_control("cubic") == "cubic"
    with pytest.raises(QuantityError) as caught:
        check_congestion_control("cubik")
    assert "cubik" in caught.value.message
    assert "cubic" in str(caught.value.hint)
