"""A run as a hand-in: what it says, that Markdown and paper say the same, that nobody's answers are
overwritten, and PDF.
"""

import json
import re
import subprocess
import sys

import pytest

from tcpexp.checks.run import write_checks
from tcpexp.cli.main import main
from tcpexp.errors import HostError, SpecError
from tcpexp.plots.kit.table import Column, Part, Row, Table
from tcpexp.plots.run import plot_run
from tcpexp.report.export.blocks import Answer, Picture
from tcpexp.report.export.content import hand_in
from tcpexp.report.export.markdown import escape, inline, markdown
from tcpexp.report.export.paper import paper_html
from tcpexp.report.export.write import write_hand_in
from tcpexp.views.labels import MEANINGS
from tests.support.fake_run import make_plan, one_connection, shared_bottleneck, write_run
from tests.support.report_values import CERTIFICATE, EVIL, MANIFEST, METRICS, VERDICTS, Page

MANIFEST = {
    **MANIFEST,
    "command": ["tcpexp", "run", "x", "--set", "links.h1-h2.queue=4bdp"],
    "files": {"raw/h1-eth0.pcap": "ef" * 32},
}
QUESTIONS = (
    "**What is seen.** BBR fills the `pipe`.\n\n**Try next.** Make the queue longer: who wins? Swap"
    " the flows."
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "one"
    made = shared_bottleneck(path, 4, metrics=METRICS, certificate=CERTIFICATE, manifest=MANIFEST)
    plan = (path / "plan.json").read_text()
    (path / "plan.json").write_text(
        re.sub(
            r'"explain": "[^\n]*"', lambda _: f'"explain": {QUESTIONS!r}'.replace("'", '"'), plan
        )
    )
    made.forget()
    write_checks(path, VERDICTS)
    plot_run(made)
    return made


@pytest.fixture
def document(run, tmp_path):
    (tmp_path / "network.svg").write_text("<svg/>")
    return hand_in(run, tmp_path / "network.svg", "teacher")


@pytest.fixture
def students(run, tmp_path):
    (tmp_path / "network.svg").write_text("<svg/>")
    return hand_in(run, tmp_path / "network.svg")


WORDS = [
    "BBR and CUBIC share a bottleneck",
    "Who gets how much?",
    "Student number",
    "10 Mbit/s, 20 ms",
    "2.000 s",
    "8.1 Mbit/s",
    "at least 8.5 Mbit/s",
    "FAIL",
    "Too slow.",
    "first data",
    "3.4 Mbit/s",
    "12 (1.20 %)",
    "Duplicate ACK",
    "SUSPECT",
    "off by 3 ms",
    "BBR fills the",
    "Make the queue longer: who wins?",
    "Swap the flows.",
    "6.1.0-44",
    "ef" * 32,
    "tcpexp run experiments/bbr_vs_cubic.yaml --seed 7 --on qemu --set links.h1-h2.queue=4bdp",
    "RFC 9293",
]


@pytest.mark.parametrize("words", WORDS)
def test_paper_and_markdown_say(document, words):
    assert words in " ".join(Page(paper_html(document)).text.split())
    plain = re.sub(r"\\([^\w\s])", r"\1", markdown(document))
    assert words in " ".join(plain.replace("**", "").split())


GIVEN_AWAY = ("8.1 Mbit/s", "at least 8.5", "FAIL", "Too slow.", "packets 5, 6", "BBR fills the")


def test_a_students_hand_in_does_not_give_away_what_it_asks_for(students):
    for text in (Page(paper_html(students)).text, markdown(students)):
        assert "1 of 4 expectations hold" in text and "Student number" in text
        assert not [words for words in (*GIVEN_AWAY, "BBRv1 does not back off") if words in text]
        assert "BBR and CUBIC share a bottleneck" in text and "Duplicate ACK" in text
        assert MEANINGS["duplicate_ack"] not in text


def test_a_teachers_hand_in_has_what_labels_mean(document):
    assert MEANINGS["duplicate_ack"] in markdown(document)


def test_the_paper_is_well_formed_and_self_contained(document):
    page = Page(paper_html(document))
    assert page.open == [] and "script" not in page.tags
    assert all(value.startswith("file://") for tag, name, value in page.attributes if name == "src")


def test_figures_and_tables_are_numbered_in_order(document):
    for text in (markdown(document), Page(paper_html(document)).text):
        for kind in ("Figure", "Table"):
            numbers = [
                int(match)
                for match in re.findall(rf"(?:\*\*|^|\W){kind} (\d+)\.", text, re.MULTILINE)
            ]
            assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3


def test_every_question_has_room(document, students):
    for asking in (document, students):
        labels = [block.label for block in asking.blocks if isinstance(block, Answer)]
        assert labels[-2:] == ["1. Who gets how much?", "2. Make the queue longer: who wins?"]
        assert Page(paper_html(asking)).tags.count("div") == 2 * len(labels)
        assert markdown(asking).count("*Your answer:*") == len(labels)


def test_the_folder_holds_what_the_markdown_names(run, tmp_path):
    path = write_hand_in(run, tmp_path / "mine", "md")
    named = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text())
    assert len(named) > 4 and all((path.parent / name).is_file() for name in named)
    assert "</svg>" in (path.parent / "figures/network.svg").read_text()


def test_answers_are_not_overwritten(run, tmp_path):
    path = write_hand_in(run, tmp_path, "md")
    assert write_hand_in(run, tmp_path, "md") == path
    path.write_text(path.read_text() + "BBR wins.\n")
    with pytest.raises(SpecError, match="your answers"):
        write_hand_in(run, tmp_path, "md")
    assert "BBR wins." in path.read_text()
    assert "BBR wins." not in write_hand_in(run, tmp_path, "md", force=True).read_text()


def test_a_short_connection_and_an_unfinished_run(tmp_path):
    run = one_connection(tmp_path / "short", plots=({"ladder": {}},))
    plot_run(run)
    (tmp_path / "n.svg").write_text("<svg/>")
    assert "![" in markdown(hand_in(run, tmp_path / "n.svg")).split("What was seen")[1]
    unfinished = write_run(tmp_path / "cut", make_plan(), {}, engine={"status": "interrupted"})
    document = hand_in(unfinished, tmp_path / "n.svg")
    assert "This run is not complete (interrupted)." in markdown(document)
    assert [block.name for block in document.blocks if isinstance(block, Picture)] == ["network"]


def test_a_figure_that_is_a_table_is_set_as_one(tmp_path):
    run = one_connection(tmp_path / "short", plots=({"ladder": {}},))
    plot_run(run)
    table = Table(
        (
            Part(
                (Column("Time"), Column("Window", "right")),
                (Row(("1 s", "64|240")),),
                "h1",
                "Bytes.",
            ),
        ),
        "All.",
    )
    (run.path / "figures/w.table.json").write_text(table.to_json())
    index = json.loads((run.path / "figures/index.json").read_text())
    index["figures"].append(
        {**index["figures"][0], "name": "w", "title": "Windows", "table": "figures/w.table.json"}
    )
    (run.path / "figures/index.json").write_text(json.dumps(index))
    (tmp_path / "n.svg").write_text("<svg/>")
    text = markdown(hand_in(run, tmp_path / "n.svg", "teacher"))
    assert (
        "Windows: h1.\n\n| Time | Window |\n|---|---:|\n| 1 s | 64\\|240 |\n\nBytes.\n\nAll."
        in text
    )
    asking = markdown(hand_in(run, tmp_path / "n.svg"))
    assert "| 1 s | 64\\|240 |" in asking and "Bytes." not in asking and "All." not in asking


def test_texts_are_escaped(tmp_path):
    run = write_run(
        tmp_path / "evil",
        make_plan(title=EVIL, description=EVIL, explain=EVIL, references=(EVIL,)),
        {},
    )
    (tmp_path / "n.svg").write_text("<svg/>")
    page = Page(paper_html(hand_in(run, tmp_path / "n.svg")))
    assert "script" not in page.tags and page.tags.count("img") == 1 and page.open == []
    assert not re.search(r"(?<!\\)<script", markdown(hand_in(run, tmp_path / "n.svg")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("1. one", r"1\. one"),
        ("- x", r"\- x"),
        ("a|b", r"a\|b"),
        ("[x](y)", r"\[x\](y)"),
        ("**a**", r"\*\*a\*\*"),
        ("$x$", r"\$x\$"),
    ],
)
def test_markdown_escapes(text, shown):
    assert escape(text) == shown


def test_markdown_keeps_marks():
    assert (
        inline("**Strong.** a_b `x_y` see https://example.org/a_b.")
        == r"**Strong.** a\_b `x_y` see <https://example.org/a_b>."
    )


def test_pdf_has_pages_with_text_and_figures(run, tmp_path):
    path = write_hand_in(run, tmp_path, "pdf")
    data = path.read_bytes()
    assert data.startswith(b"%PDF-") and len(data) > 50_000
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    for words in (
        "BBR and CUBIC share a bottleneck",
        "Figure 1.",
        "2. Make the queue longer: who wins?",
        "Time since the start of the experiment",
    ):
        assert words in text
    assert re.search(r"^BBR and CUBIC share a bottleneck +2 / \d+$", text, re.MULTILINE)


def test_without_weasyprint_the_error_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(HostError) as caught:
        write_hand_in(run, tmp_path, "pdf")
    assert "pip install" in caught.value.missing[0].remedy and "--format md" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_command_line_checks_before_the_long_work(run, monkeypatch, capsys):
    assert main(["report", str(run.path), str(run.path), "--format", "md", "--out", "x"]) == 2
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert main(["report", str(run.path), "--format", "pdf"]) == 3
    assert "mend: pip install" in capsys.readouterr().err
