"""A congestion control of one's own in a Python file: found, named, used, and refused with its
line.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.builtin import CONTROLS, make_control
from tcpexp.tcp.services.owncontrol import load_control

GENTLE = """\
from tcpexp.tcp.core.congestion.base import CongestionControl


class Gentle(CongestionControl):
    name = "gentle"

    def reduced(self, flight: int) -> int:
        return max(flight * 7 // 10, 2 * self.smss)
"""


@pytest.fixture(autouse=True)
def as_before():
    known = dict(CONTROLS)
    yield
    CONTROLS.clear()
    CONTROLS.update(known)


def test_a_class_of_a_file_is_a_control_by_its_name(tmp_path):
    (tmp_path / "gentle.py").write_text(GENTLE)
    assert load_control(str(tmp_path / "gentle.py")) == ("gentle",)
    control = make_control(1000, Config(congestion_control="gentle"))
    control.on_recovery(20_000, 0, 0)
    assert control.ssthresh == 14_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "has no class that is a CongestionControl"),
        ("\nx = 1 / 0\n", "own.py:2: ZeroDivisionError"),
        ("def f(:\n", "own.py:1: SyntaxError"),
        (GENTLE.replace('"gentle"', '"reno"'), "the name is taken"),
    ],
)
def test_what_is_no_control_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(ValueError, match=words):
        load_control(str(tmp_path / "own.py"))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="there is no Python file"):
        load_control("gone.py")


def test_the_action_takes_the_file_along_and_checks_the_name(tmp_path):
    from tcpexp.catalogue.reading import load_plan
    from tcpexp.errors import SpecErrors

    (tmp_path / "gentle.py").write_text(GENTLE)
    spec = tmp_path / "own.yaml"
    text = """\
name: own
topology: two_host
duration: 5s
actions:
  - {do: utcp, id: sink, host: h2, run: sink, control: gentle.py,
     config: {congestion_control: NAME}}
"""
    spec.write_text(text.replace("NAME", "gentle"))
    plan = load_plan(spec)
    assert [file.path for file in plan.files] == ["sink/control.py"]
    argv = plan.setup[0].do.argv
    assert argv[argv.index("--control") + 1] == "{dir}/sink/control.py"
    spec.write_text(text.replace("NAME", "gentel"))
    with pytest.raises(SpecErrors, match="no congestion control 'gentel'"):
        load_plan(spec)
