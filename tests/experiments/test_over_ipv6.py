"""Every shipped experiment passes over IPv6 too, as it is; docs/guides/ipv6.md names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tcpexp.paths import shipped_specs
from tests.support.twins import outcome_of

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "ipv6.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Experiments over IPv6")[2]
#: The experiments of the page's first list, which pass unchanged, and those of the paragraph behind
#: it, which nobody has run over IPv6.
PASS, NOT_RUN = (
    re.findall(r"`(\w+)`", part.strip().partition(".\n")[0])
    for part in SECTION.split("<!-- not -->")
)


def test_the_page_names_every_experiment_once():
    assert sorted([*PASS, *NOT_RUN]) == sorted(path.stem for path in shipped_specs())


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("name", PASS)
def test_it_passes_over_ipv6(name, tmp_path):
    outcome = outcome_of(name, tmp_path, "topology.ip=6")
    assert [check for check in outcome.checks if check.result != "PASS"] == []
    assert outcome.certificate["verdict"] == "VALID", outcome.certificate
