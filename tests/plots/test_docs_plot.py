"""The plot in docs/guides/extending.md works as printed, and docs/guides/reading-a-report.md names
every plot and real options.
"""

import re
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.plots import BUILTIN
from tcpexp.plots.run import plot_run
from tests.support.fake_run import shared_bottleneck

DOCS = Path(__file__).parents[2] / "docs" / "guides"


def block(page: str, language: str, first: str) -> str:
    """Return the fenced block of a page that begins with the line ``first``."""
    for text in re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        if text.startswith(first + "\n"):
            return text
    raise AssertionError(f"{page} has no {language} block that begins with {first!r}")


@pytest.fixture
def example(tmp_path):
    (tmp_path / "packet_sizes.py").write_text(block("extending.md", "python", "# packet_sizes.py"))
    path = tmp_path / "use_packet_sizes.yaml"
    path.write_text(block("extending.md", "yaml", "# use_packet_sizes.yaml"))
    return path


def test_the_spec_of_the_example_is_valid(example):
    (entry,) = load_spec(example).plots
    assert (entry.name, entry.options) == ("packet_sizes", {"bins": 10})


def test_the_plot_of_the_example_draws(example, tmp_path):
    catalogue = load_catalogue(entry_points=False)
    catalogue.load_plugin(example.parent, "packet_sizes.py")
    run = shared_bottleneck(tmp_path / "run", 4, plots=({"packet_sizes": {"bins": 10}},))
    (figure,) = plot_run(run, catalogue)
    assert figure.title == "Sizes of data segments"
    assert "Payload (bytes)" in (run.path / figure.svg).read_text()


def test_the_page_on_reports_names_every_plot():
    page = (DOCS / "reading-a-report.md").read_text()
    assert [name for name in BUILTIN if f"`{name}`" not in page] == []


def test_the_options_on_the_page_exist():
    import yaml

    (text,) = re.findall(
        r"```yaml\n(.*?)```", (DOCS / "reading-a-report.md").read_text(), re.DOTALL
    )
    for entry in yaml.safe_load(text)["plots"]:
        if isinstance(entry, dict):
            ((name, options),) = entry.items()
            BUILTIN[name].resolve(options)
