"""A spec's texts become safe HTML."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.report.prose import inline_html, prose_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One line\nand another.", "<p>One line and another.</p>"),
        ("One.\n\nTwo.", "<p>One.</p>\n<p>Two.</p>"),
        ("- a\n- b\n  more b", "<ul><li>a</li><li>b more b</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("So:\n* a", "<p>So:</p>\n<ul><li>a</li></ul>"),
        (
            "Set `tcp_syncookies = 1` **now**",
            "<p>Set <code>tcp_syncookies = 1</code> <strong>now</strong></p>",
        ),
        ("3 < 4 & `<b>`", "<p>3 &lt; 4 &amp; <code>&lt;b&gt;</code></p>"),
        ("", ""),
    ],
)
def test_paragraphs_lists_and_words(text, html):
    assert prose_html(text) == html


def test_rfc_numbers_and_addresses_are_links():
    assert (
        inline_html("RFC 9293 section 3.5")
        == '<a href="https://www.rfc-editor.org/rfc/rfc9293" rel="noreferrer">RFC 9293</a>'
        " section 3.5"
    )
    assert (
        inline_html("see https://example.org/a?b=1&c.")
        == 'see <a href="https://example.org/a?b=1&amp;c"'
        ' rel="noreferrer">https://example.org/a?b=1&amp;c</a>.'
    )
    assert "<a" not in inline_html("javascript:alert(1)")


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\"'`*-\n1. "), max_size=200))
def test_no_text_gets_a_tag_of_its_own_through(text):
    tags = set(re.findall(r"<\s*/?\s*([^\s>]*)", prose_html(text)))
    assert tags <= {"p", "ul", "ol", "li", "code", "strong", "a"}
