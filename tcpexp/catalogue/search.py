"""Find experiments by words: those of a lab sheet, of an RFC, of ``ip-sysctl`` or of Wireshark."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from tcpexp.catalogue.cards import Card
from tcpexp.library.glossary import GLOSSARY, count_terms, terms_in

#: Where a word stands, and what that is worth.
WEIGHTS = {
    "name": 3.0,
    "title": 6.0,
    "description": 4.0,
    "checks": 3.0,
    "references": 1.5,
    "actions": 1.5,
    "explain": 1.0,
}
#: A thing of the glossary counts this many times as much as a plain word.
TERM_WEIGHT = 3.0
#: Words that say nothing about TCP, in questions and on lab sheets.
STOP = frozenset(
    """a about above after again all also an and any are as at be because been before between both
    but by can could describe determine did do does doing draw due each estimate every
    experiment explain expected find following for from give given has have how i if in into is
    it its let long look many measure more most much must no not note observe observed of on
    once one only or other our out over own plot report run same see seen sent send shall she
    should show since so some such tcp than that the their them then there these they this those
    through time to too under until up use used using very was we were what when where which
    while who why will with would you your connection connections segment segments packet
    packets wireshark""".split()  # noqa: SIM905
)
#: Found experiments that score less than this part of the best are not shown.
LEAST_PART = 0.3
MOST = 10


@dataclass(frozen=True)
class Hit:
    """A found experiment: how well it fits, the question's words that it has, and the sentence or
    check in which most of them stand.
    """

    card: Card
    score: float
    words: tuple[str, ...]
    line: str


def tags(card: Card) -> tuple[str, ...]:
    """Return what an experiment is about, of the glossary: what its title, question and checks
    speak of, or its explanation more than once.
    """
    fields = card.fields()
    asked = "\n".join(
        fields[name] for name in ("name", "title", "description", "checks", "references", "actions")
    )
    terms = set(terms_in(asked)) | {
        term for term, count in count_terms(fields["explain"]).items() if count > 1
    }
    return tuple(entry[0] for entry in GLOSSARY if entry[0] in terms)


def settings(card: Card) -> tuple[str, ...]:
    """Return the kernel's settings and counters that an experiment names, sorted."""
    text = "\n".join([*card.fields().values(), card.path.read_text(encoding="utf-8")])
    return tuple(
        sorted(
            set(
                re.findall(
                    r"\b(?:tcp_[a-z][a-z0-9_]*[a-z0-9]|(?:TcpExt|Tcp|Udp|Ip|Icmp)\.[A-Z]\w+)\b",
                    text,
                )
            )
            - {"tcp_probe", "tcp_metrics"}
        )
    )


def sentences(text: str) -> list[str]:
    """Return a text's sentences, without the asterisks of headings."""
    plain = " ".join(text.replace("*", "").split())
    return [sentence for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z`])", plain) if sentence]


def stems(text: str) -> list[str]:
    """Return the words of a text without endings, also the parts of compound ones.

    Stop words are left out.
    """
    stemmed = []
    for word in re.findall(r"[a-z0-9]+(?:[-_.+,][a-z0-9]+)*", text.lower()):
        parts = re.split(r"[-_.+,]", word)
        for part in {word, *parts} if len(parts) > 1 else (word,):
            if part not in STOP and (len(part) > 1 or part.isdigit()):
                stemmed.append(stem(part))
    return stemmed


def stem(word: str) -> str:
    """Return an English word without the ending that tells singular from plural or one tense from
    another.
    """
    if not word.isalpha():
        return word
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ations", ""),
        ("ation", ""),
        ("ings", ""),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ):
        left = word.removesuffix(ending)
        if left != word and len(left) >= 3 and not word.endswith(("ss", "us", "is")):
            return (left + instead).removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def find_cards(question: str, cards: list[Card]) -> list[Hit]:
    """Return the experiments that fit a question, best first.

    A word counts the more the fewer experiments have it, and by where it stands: the title more
    than the explanation. An experiment that has only some of the question's words counts less.
    """
    terms, words = terms_in(question), list(dict.fromkeys(stems(question)))
    scored = []
    by_card = [_Words(card) for card in cards]
    rare = {
        word: _rarity(sum(word in card.weights for card in by_card), len(cards))
        for word in (*terms, *words)
    }
    for indexed in by_card:
        has = [word for word in rare if word in indexed.weights]
        if has:
            coverage = sum(rare[word] for word in has) / sum(rare.values())
            scored.append(
                (coverage * sum(indexed.weights[word] * rare[word] for word in has), indexed)
            )
    scored.sort(key=lambda pair: (-pair[0], pair[1].card.name))
    wanted = {*terms, *words}
    return [
        Hit(indexed.card, score, indexed.shared(question), indexed.best_line(wanted))
        for score, indexed in scored[:MOST]
        if score >= LEAST_PART * scored[0][0]
    ]


def _rarity(have: int, of: int) -> float:
    return math.log(1 + of / have) if have else 0.0


class _Words:
    """An experiment's words and glossary terms, with what each is worth."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.weights: dict[str, float] = {}
        for field, text in card.fields().items():
            words = Counter(stems(text))
            for word, count in words.items():
                self._add(word, WEIGHTS[field] * (1 + math.log(count)))
            for term, count in count_terms(text).items():
                self._add(term, TERM_WEIGHT * WEIGHTS[field] * (1 + math.log(count)))

    def _add(self, word: str, worth: float) -> None:
        self.weights[word] = self.weights.get(word, 0.0) + worth

    def shared(self, question: str) -> tuple[str, ...]:
        """Return the question's words that the experiment has: those of the glossary as it shows
        them, others as they were typed.
        """
        terms = [term for term in terms_in(question) if term in self.weights]
        typed = re.findall(r"[A-Za-z0-9]+(?:[-_.+][A-Za-z0-9]+)*", question)
        plain = [
            word
            for word in typed
            if any(root in self.weights for root in stems(word)) and not terms_in(word)
        ]
        return tuple(dict.fromkeys([*terms, *plain]))

    def best_line(self, wanted: set[str]) -> str:
        """Return the check, or else the sentence, that has most of the wanted words."""
        lines = [
            *map(str, self.card.checks),
            *sentences(self.card.description),
            *sentences(self.card.explain),
        ]
        return max(
            lines, key=lambda line: len(wanted & {*stems(line), *terms_in(line)}), default=""
        )
