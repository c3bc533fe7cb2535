"""What is no flow has the same colours in figures and in panels, and no flow's colour."""

import re
from importlib import resources

from tcpexp.plots.kit import look
from tcpexp.plots.kit.phaselook import PHASES, STATES
from tcpexp.report.page.figures import VARIABLES


def light(name: str) -> dict[str, str]:
    """Return the variables that a style sheet sets first, which is for light pages."""
    text = resources.files("tcpexp.report").joinpath(name).read_text(encoding="utf-8")
    first = text.split("@media", 1)[0]
    return dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", first))


def test_figures_and_panels_have_the_same_colours():
    page = light("report.css") | light("page/panels.css")
    assert {page[variable]: variable for variable in VARIABLES.values()} == VARIABLES
    for phase in (*PHASES.values(), *STATES.values()):
        assert page[phase.variable] == phase.color


def test_roles_are_no_flows():
    assert not {look.WINDOW, look.REPORTED, look.ALARM, *look.QUEUES} & set(look.PALETTE)
