"""Limits that end a run in the guest: its virtual time."""

import dataclasses

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.places.base import Wanted
from tcpexp.places.registry import place_kind
from tcpexp.plan.compile import compile_plan

pytestmark = pytest.mark.guest

SPEC = """
name: waits
title: Nothing happens
topology: two_host
duration: 600s
actions:
  - {at: 1s, do: mark, text: "here"}
"""


@pytest.mark.parametrize("place", ["uml", "qemu"])
def test_a_run_over_its_virtual_limit_is_ended_and_keeps_what_it_has(place, tmp_path):
    spec = tmp_path / "waits.yaml"
    spec.write_text(SPEC)
    plan = compile_plan(load_spec(spec, load_catalogue()), load_catalogue())
    assert plan.virtual_limit_s > 600
    limited = dataclasses.replace(plan, duration_ns=60_000 * 10**9, virtual_limit_s=30.0)
    result = (
        place_kind(place)
        .open(Wanted(), lambda text: None)
        .run(limited, tmp_path / "run", lambda phase, t: None, lambda: False)
    )
    assert result.status == "interrupted"
    assert result.virtual_seconds < 59_000
    assert '"here"' in (tmp_path / "run" / "events.jsonl").read_text()
