"""Write a hand-in: a folder with ``report.md`` and its figures, or ``report.pdf``."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.report.export.content import hand_in
from tcpexp.report.export.markdown import markdown, pictures
from tcpexp.report.export.paper import paper_html
from tcpexp.report.page.network import network_svg
from tcpexp.store.rundir import write_atomic, write_atomic_with

if TYPE_CHECKING:
    from tcpexp.report.page.write import Audience
    from tcpexp.store.rundata import RunData

Format = Literal["md", "pdf"]
#: What makes PDF out of HTML, and the libraries of the system that it loads.
PDF_REMEDY = (
    "pip install 'weasyprint>=60'; apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
)


def write_hand_in(
    run: RunData,
    folder: Path,
    kind: Format,
    audience: Audience = "student",
    *,
    force: bool = False,
) -> Path:
    """Write the run's hand-in of one kind into ``folder`` and return the file to open.

    A teacher's has the answers in it, a student's asks for them.

    A Markdown file that is there and says something else is left alone unless ``force``: it may
    hold a student's answers.

    Raises:
        SpecError: there is such a file.
        HostError: this machine cannot make PDF.
        RunError: the folder cannot be written.
    """
    target = folder / f"report.{kind}"
    if kind == "pdf":
        weasyprint = load_weasyprint()
        with tempfile.TemporaryDirectory() as scratch:
            page = paper_html(hand_in(run, _draw_network(run, Path(scratch)), audience))
            write_atomic_with(target, lambda path: _print_pdf(weasyprint, page, path))
        return target
    with tempfile.TemporaryDirectory() as scratch:
        document = hand_in(run, _draw_network(run, Path(scratch)), audience)
        text = markdown(document)
        if not force and target.is_file() and target.read_text(encoding="utf-8") != text:
            raise SpecError(
                f"{target} is there and says something else: your answers?",
                hint="give another folder with --out, or --force to replace it",
            )
        for name, path in pictures(document):
            write_atomic(folder / "figures" / name, path.read_bytes())
        write_atomic(target, text)
    return target


def check_format(kind: str) -> None:
    """Raise ``HostError`` when this machine lacks what ``kind`` needs: to be asked before long
    work.
    """
    if kind == "pdf":
        load_weasyprint()


def load_weasyprint() -> Any:
    """Return the module ``weasyprint``.

    Raises ``HostError`` where it, or a library that it needs, is not installed.
    """
    try:
        import weasyprint  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:  # OSError: the Python package is there, Pango is not
        first = str(error).splitlines()[0]
        missing = Missing("WeasyPrint", f"a report as PDF ({first})", PDF_REMEDY)
        raise HostError(
            "this machine cannot make PDF",
            missing=(missing,),
            hint=f"{PDF_REMEDY}; or take --format md",
        ) from None
    return weasyprint


def _print_pdf(weasyprint: Any, page: str, path: Path) -> None:
    weasyprint.HTML(string=page).write_pdf(str(path))


def _draw_network(run: RunData, folder: Path) -> Path:
    """Write the network's drawing as an SVG file of its own, with its style in it."""
    path = folder / "network.svg"
    style = resources.files("tcpexp.report").joinpath("network.css").read_text(encoding="utf-8")
    inner = network_svg(run.plan.network, run.plan.flows)
    head, _, rest = inner.partition(">")
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    path.write_text(f"{head}><style>{style}</style>{rest}", encoding="utf-8")
    return path
