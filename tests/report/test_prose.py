"""A spec's texts become safe HTML."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.report.prose import Passage, inline_html, prose_html, prose_parts


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One line\nand another.", "<p>One line\nand another.</p>"),
        ("One.\n\nTwo.", "<p>One.</p>\n<p>Two.</p>"),
        ("- a\n- b\n  more b", "<ul>\n<li>a</li>\n<li>b\nmore b</li>\n</ul>"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("So:\n* a", "<p>So:</p>\n<ul>\n<li>a</li>\n</ul>"),
        (
            "Set `tcp_syncookies = 1` **now**",
            "<p>Set <code>tcp_syncookies = 1</code> <strong>now</strong></p>",
        ),
        ("3 < 4 & `<b>`", "<p>3 &lt; 4 &amp; <code>&lt;b&gt;</code></p>"),
        ("a *word*, snd_una * 2", "<p>a <em>word</em>, snd_una * 2</p>"),
        ("```\na < b\n```", "<pre><code>a &lt; b\n</code></pre>"),
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
    assert inline_html("[the RFC](https://www.rfc-editor.org/rfc/rfc9293)") == (
        '<a href="https://www.rfc-editor.org/rfc/rfc9293" rel="noreferrer">the RFC</a>'
    )


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "[here](javascript:alert(1))",
        "[here](data:text/html;base64,PGI+)",
        "[here](file:///etc/passwd)",
        "<javascript:alert(1)>",
        "[here](//example.org)",
        "![picture](https://example.org/a.png)<img src=x onerror=alert(1)>",
    ],
)
def test_a_link_leads_to_the_web_and_nothing_else_is_loaded(text):
    html = prose_html(text)
    assert "href" not in html or 'href="https://' in html
    assert "<img" not in html and "javascript" not in re.findall(r'href="([^"]*)', html)


def test_parts_are_the_paragraphs_lists_and_code_of_a_text():
    assert prose_parts("One\nline, **so**:\n- a\n  b\n- c\n\n1. x\n\n```\ncode\n```") == [
        Passage("p", ("One line, **so**:",)),
        Passage("ul", ("a b", "c")),
        Passage("ol", ("x",)),
        Passage("pre", ("code",)),
    ]


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\"'`*-\n1. "), max_size=200))
def test_no_text_gets_a_tag_of_its_own_through(text):
    tags = set(re.findall(r"<\s*/?\s*([^\s>]*)", prose_html(text)))
    assert tags <= {"p", "ul", "ol", "li", "code", "pre", "em", "strong", "a"}
