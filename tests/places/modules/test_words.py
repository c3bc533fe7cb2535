"""What gcc and modpost say, at the lines of the user's file. Their words are real: gcc 12.2, Linux
7.3.
"""

from __future__ import annotations

from pathlib import Path

from tcpexp.places.modules.words import explain, parse_output

GCC = """\
make[1]: Entering directory '/tmp/w'
  CC [M]  mine.o
mine.c: In function ‘mine_cong_avoid’:
mine.c:29:9: error: implicit declaration of function ‘tcp_cong_avoid_aii’; did you mean \
‘tcp_cong_avoid_ai’? [-Werror=implicit-function-declaration]
   29 |         tcp_cong_avoid_aii(tp, 1, acked);
      |         ^~~~~~~~~~~~~~~~~~
mine.c:33:19: error: initialization of ‘u32 (*)(struct sock *)’ from incompatible pointer type \
‘u32 (*)(struct sock *, int)’ [-Werror=incompatible-pointer-types]
mine.c:40:6: warning: unused variable ‘x’ [-Wunused-variable]
In file included from ./include/linux/build_bug.h:5,
                 from ./include/net/tcp.h:17,
                 from mine.c:3:
./include/linux/compiler.h:197:1: error: expected ‘)’ before ‘KBUILD_MODNAM’
make[3]: *** [scripts/Makefile.build:289: mine.o] Error 1
"""
MACRO = """\
./include/linux/minmax.h:93:9: error: call to ‘__compiletime_assert_1’ declared with attribute \
error: min(a, b) signedness error
mine.c:31:16: note: in expansion of macro ‘min’
"""
MODPOST = """\
ERROR: modpost: "tcp_enter_losss" [/tmp/w/mine.ko] undefined!
ERROR: modpost: missing MODULE_LICENSE() in /tmp/w/mine.o
"""


def said(output: str) -> list[tuple[str, str, int, int, str]]:
    found = parse_output(output, {"mine.c": "aimd.c"}, ("aimd.c", "aimd_trace.h"))
    return [(one.kind, one.file, one.line, one.column, one.message) for one in found]


def test_errors_come_at_their_line_of_the_users_file():
    kinds = said(GCC)
    assert [row[:4] for row in kinds] == [
        ("error", "aimd.c", 29, 9),
        ("error", "aimd.c", 33, 19),
        ("error", "aimd.c", 3, 1),
        ("warning", "aimd.c", 40, 6),
    ]
    assert kinds[0][4].endswith("did you mean 'tcp_cong_avoid_ai'?")


def test_an_error_in_a_macro_of_the_kernel_is_put_where_it_is_used():
    assert [row[:4] for row in said(MACRO)] == [("error", "aimd.c", 31, 16)]
    assert "signedness" in said(MACRO)[0][4]


def test_what_the_kernel_does_not_export_is_named(tmp_path: Path):
    (tmp_path / "Module.symvers").write_text("0x0\ttcp_enter_loss\tvmlinux\tEXPORT_SYMBOL_GPL\t\n")
    symbol, licence = parse_output(MODPOST, {}, ("aimd.c",))
    message, hint = explain(symbol, tmp_path, "Linux 7.3")
    assert message == "the kernel lets no module use 'tcp_enter_losss'"
    assert hint is not None and hint.startswith("did you mean 'tcp_enter_loss'?")
    message, hint = explain(licence, tmp_path, "Linux 7.3")
    assert hint is not None and 'MODULE_LICENSE("GPL")' in hint


def test_each_thing_is_said_once():
    assert len(said(GCC + GCC)) == 4
