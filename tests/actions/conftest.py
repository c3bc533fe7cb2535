"""Compile small specs with the built-in actions only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.actions import BUILTIN
from tcpexp.catalogue import Catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan

HEAD = """\
name: probe
topology: two_host
duration: 60s
seed: 3
"""


@pytest.fixture
def compile_actions(tmp_path: Path):
    """Return a function: lines of YAML flow mappings under ``actions:`` to the plan of a two-host
    experiment.
    """

    def compile_(*actions: str, head: str = HEAD) -> RunPlan:
        catalogue = Catalogue()
        for name, action in BUILTIN.items():
            catalogue.actions.add(name, action)
        spec = tmp_path / "probe.yaml"
        spec.write_text(head + "actions:\n" + "".join(f"  - {action}\n" for action in actions))
        return compile_plan(load_spec(spec, catalogue), catalogue)

    return compile_
