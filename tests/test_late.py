"""Libraries that are imported when they are first used."""

import subprocess
import sys
import threading

from tcpexp.late import LateModule


def test_a_late_module_is_imported_by_its_first_attribute() -> None:
    code = (
        "import sys\nfrom tcpexp.late import numpy, polars\n"
        "before = 'numpy' in sys.modules or 'polars' in sys.modules\n"
        "numpy.int64\nprint(before, 'numpy' in sys.modules, 'polars' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]


def test_what_it_gives_is_the_modules_own_and_is_kept() -> None:
    late = LateModule("math")
    import math

    assert late.floor is math.floor
    assert "floor" in vars(late) and "ceil" not in vars(late)


def test_a_name_that_the_module_lacks_is_an_attribute_error() -> None:
    assert not hasattr(LateModule("math"), "no_such_name")


def test_threads_may_share_one() -> None:
    late, seen = LateModule("fractions"), []
    threads = [threading.Thread(target=lambda: seen.append(late.Fraction)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8 and len(set(seen)) == 1
