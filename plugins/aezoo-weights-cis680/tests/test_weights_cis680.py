import subprocess
import sys

import aezoo
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import host

NAME = "aezoo-weights-cis680"
WEIGHTS = {spec.name for spec in aezoo.read_weights("aezoo_weights_cis680")}


def test_it_loads():
    [record] = [record for record in host().records if record.distribution == NAME]
    assert (record.status, record.warnings) == ("ok", [])
    assert set(record.registered) <= {"weights"}


def test_it_brings_what_aezoo_says_that_it_does():
    assert set(KNOWN_PLUGINS[NAME]["weights"]) == WEIGHTS


def test_it_imports_no_torch():
    code = "import sys, aezoo_weights_cis680 as w; list(w.aezoo_specs()); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
