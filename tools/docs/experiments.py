"""The page of experiments, made from their specs and from what was measured in runs of them."""

from __future__ import annotations

from pathlib import Path

from tcpexp.catalogue.cards import Card, CheckWords, load_cards
from tcpexp.catalogue.search import settings, tags
from tcpexp.library.chapters import CHAPTERS, chapter_of
from tcpexp.library.glossary import GLOSSARY
from tools.docs.experimentruns import DOCS, picture_path, read_measured

HEAD = """\
# Experiments

Made from the experiments by `python -m tools.docs`.

Every experiment below comes with tcpexp, in `experiments/`, in a folder for each chapter. Each asks
a question, checks the numbers that answer it on what was recorded, and explains them in its report
with the packets that prove it:

<!-- validated: all (takes minutes) -->
```sh
tcpexp run NAME                  # one of them
tcpexp run experiments/ --jobs 2 # all of them, two at a time, with a table at the end
tcpexp run experiments/segments/ # those of one chapter
```

Somebody who knows only what a lab sheet says finds the experiment by its words; a whole sentence
will do:

```sh
tcpexp list --search "observe how many SYNs are sent, and estimate the RTO"
```

Studies, which run a spec many times with values changed, have
[a page of their own](../guides/sweeps.md#the-studies-that-come-with-tcpexp)
(`tcpexp list studies`).

"""
TIMES = """\
Lasts: the experiment's own time. Takes: typical wall time from spec to report on the virtual clock,
two runs at a time{where}.

Host: `yes` runs on any machine's own kernel too (`--on host`, as root, in real time); `netem` needs
a kernel with that module, because links have a delay or faults. Where no number is about the
round-trip time the delay may be left out, with `--set links={{}}`: dead_host_same_subnet,
half_close, keepalive, linked_list, linked_list_ipv6, orphan_fin_wait2 and syn_scan pass all their
checks so; dead_host and dead_host_retries_3 with
`--set 'topology={{name: two_hosts_router, params: {{delay: 0ms}}}}'`. Numbers are those of Linux
6.1 and 7.3; checks that belong to one generation of kernels say so (`since_kernel`,
`before_kernel`) and are left out on others.

"""
BY_WORD = """\
## By word

"""


def page(docs: Path = DOCS) -> str:
    """Return the whole page; raises ``SpecErrors`` when an experiment is wrong."""
    measured = read_measured(docs)
    cards = load_cards(strict=True)
    where = f" on {measured['processors']} processors" if "processors" in measured else ""
    times = measured["total_s"]
    chapters = [
        (chapter, [card for card in cards if chapter_of(card.path) == chapter])
        for chapter in CHAPTERS
    ]
    parts = [HEAD]
    for chapter, having in chapters:
        parts += [f"**{chapter.title}.** {chapter.about}\n\n", _contents(having, times)]
    parts.append(TIMES.format(where=where))
    for chapter, having in chapters:
        parts.append(f"## {chapter.title}\n\n{chapter.about}\n\n")
        parts += [_section(card, docs, times.get(card.name)) for card in having]
    return "".join([*parts, _by_word(cards)])


def _contents(cards: list[Card], times: dict[str, float]) -> str:
    """Return the table of a chapter's experiments."""
    lines = ["| experiment | | lasts | takes | host |", "|---|---|---:|---:|---|"]
    for card in cards:
        lines.append(
            f"| [{card.name}](#{card.name}) | {_text(card.title)} | {card.duration_s:g} s |"
            f" {_takes(times.get(card.name))} | {_host(card)} |"
        )
    return "\n".join(lines) + "\n\n"


def _host(card: Card) -> str:
    """Return whether any kernel will do, or what it must have."""
    from tcpexp.catalogue import load_catalogue
    from tcpexp.catalogue.reading import load_spec
    from tcpexp.plan.compile import compile_plan

    catalogue = load_catalogue(entry_points=False)
    return (
        "netem"
        if "netem" in compile_plan(load_spec(card.path, catalogue), catalogue).needs.qdiscs
        else "yes"
    )


def _takes(total_s: float | None) -> str:
    return "" if total_s is None else f"{max(total_s, 1):.0f} s"


def _section(card: Card, docs: Path, total_s: float | None) -> str:
    lines = [f"### {card.name}", "", f"**{_text(card.title)}**", ""]
    picture = picture_path(docs, card.name)
    if picture.is_file():
        lines += [f"![{_text(card.title)}](../{picture.relative_to(docs)})", ""]
    if card.description:
        lines += [_text(card.description), ""]
    takes = f", takes about {_takes(total_s)}" if total_s is not None else ""
    lines += [
        (
            f"Network: {_text(card.topology)}. Lasts {card.duration_s:g} s{takes}."
            f" [Spec](../../experiments/{card.path.parent.name}/{card.path.name})"
        ),
        "",
    ]
    if card.checks:
        lines += ["Checked:", "", *map(_check, card.checks), ""]
    words = [*tags(card), *(f"`{name}`" for name in settings(card))]
    if words:
        lines += [f"Words: {', '.join(words)}", ""]
    if card.references:
        lines += [f"References: {'; '.join(map(_text, card.references))}", ""]
    return "\n".join(lines) + "\n"


def _check(check: CheckWords) -> str:
    because = f" ({check.because})" if check.because else ""
    return f"- {_text(f'{check}{because}')}"


def _by_word(cards: list[Card]) -> str:
    found = {card.name: {*tags(card)} for card in cards}
    lines = ["| word | experiments |", "|---|---|"]
    for term, *_ in sorted(GLOSSARY, key=lambda each: each[0].lower()):
        having = [f"[{card.name}](#{card.name})" for card in cards if term in found[card.name]]
        lines += [f"| {term} | {', '.join(having)} |"] if having else []
    for name in sorted({each for card in cards for each in settings(card)}, key=str.lower):
        having = [f"[{card.name}](#{card.name})" for card in cards if name in settings(card)]
        lines.append(f"| `{name}` | {', '.join(having)} |")
    return BY_WORD + "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Return plain text so that Markdown leaves it as it is; code in backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts = [text.replace("`", "'")]
    plain = [
        _escape(part) if index % 2 == 0 else part.replace("|", "\\|")
        for index, part in enumerate(parts)
    ]
    return "`".join(plain)


def _escape(text: str) -> str:
    for mark, instead in (
        ("\\", "\\\\"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        ("|", "\\|"),
        ("*", "\\*"),
        ("[", "\\["),
    ):
        text = text.replace(mark, instead)
    return text
