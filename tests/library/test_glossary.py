"""The glossary: the words of the field for each thing."""

from __future__ import annotations

import pytest

from tcpexp.library.glossary import GLOSSARY, terms_in


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The retransmission timer", {"retransmission timeout (RTO)", "retransmission"}),
        ("a SYN-ACK", {"SYN-ACK"}),
        ("in SYN-SENT", {"SYN-SENT"}),
        ("three SYNs", {"SYN"}),
        ("synthetic", set()),
        ("zero-window probes", {"zero window", "zero-window probe, persist timer"}),
    ],
)
def test_the_fields_other_words_for_the_same(text: str, terms: set[str]) -> None:
    assert set(terms_in(text)) == terms


def test_the_glossary_names_each_thing_once() -> None:
    names = [term[0] for term in GLOSSARY]
    assert len(names) == len(set(names))
    assert all(terms_in(word) for term in GLOSSARY for word in term[1:])
