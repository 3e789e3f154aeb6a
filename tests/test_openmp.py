"""How torch's threads wait: set where aezoo comes first, and never over what the user or torch has."""

import pytest

from aezoo._openmp import BRIEFLY

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def run(python, code, **said):
    """Run code where of all that says how threads wait only this is said."""
    done = python("-c", f"import os; [os.environ.pop(name, 0) for name in {NAMES}]; os.environ |= {said}; {code}")
    assert done.returncode == 0, done.stderr
    return done


def waits(python, code, **said):
    return eval(run(python, f"{code}; print({{n: os.environ[n] for n in {NAMES} if n in os.environ}})", **said).stdout)


def test_threads_wait_briefly_where_aezoo_is_imported_first(python):
    assert waits(python, "import aezoo") == BRIEFLY


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_says_stays(python, name):
    assert waits(python, "import aezoo", **{name: "7"}) == {name: "7"}


def test_a_process_that_has_torch_already_keeps_its_way(python):
    assert waits(python, "import sys; sys.modules['torch'] = sys; import aezoo") == {}


def test_openmp_reads_it_when_torch_is_imported_after(python):
    said = run(python, "import aezoo, torch", OMP_DISPLAY_ENV="VERBOSE").stderr
    if "GOMP_SPINCOUNT" not in said:
        pytest.skip("this torch has another OpenMP than GNU's")
    assert f"GOMP_SPINCOUNT = '{BRIEFLY['GOMP_SPINCOUNT']}'" in said
