"""The benchmark of a control of one's own: what counts as a line, and that an edit is one."""

import own_control

from tcpexp.library.templates import write_congestion_control


def test_comments_and_empty_lines_do_not_count():
    assert own_control.code_lines("/* a\n b */\n\n// c\nint d; /* e */\n}\n") == 2


def test_an_edit_changes_the_source_and_its_size_is_what_the_page_says(tmp_path):
    source = write_congestion_control("mine", tmp_path)[0]
    before = source.read_text()
    assert 50 <= own_control.code_lines(before) <= 70
    own_control.edit(source, 777)
    assert "beta __read_mostly = 777;" in source.read_text()
