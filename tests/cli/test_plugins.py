import json
import re

import pytest

KEYS = {"distribution", "version", "status", "error", "warnings", "registered", "load_ms"}
ENCODER = 'EncoderSpec(name="{}", summary="Deep", implementation="aezoo.encoders.mlp:MLPEncoder")'
LOSS = 'LossSpec(name="odd", summary="Odd", implementation="{}")'
FAMILY = 'EncoderSpec(name="odd:*", summary="Odd", implementation="parts_of_bad:f", members="parts_of_bad:gone")'
HINT = re.compile("importing what .*\n")  # on a slow machine


def test_json(aezoo, site):
    site.install("good", 'EncoderSpec(name="deep", summary="Deep")')
    records = {record["distribution"]: record for record in json.loads(aezoo("plugins", "--json").stdout)}
    assert all(set(record) == KEYS for record in records.values())
    assert "cis680-ae" in records["aezoo"]["registered"]["models"]
    assert records["good"]["registered"] == {"encoders": ["deep"]}
    assert (records["good"]["status"], records["good"]["error"]) == ("ok", "")


def test_check_passes(aezoo, site):
    site.install("good", ENCODER.format("deep"), 'ModelSpec(name="m", summary="M", image=aezoo.ImageSpec((8, 8)))')
    result = aezoo("plugins", "--check")
    assert (result.exit_code, HINT.sub("", result.stderr)) == (0, "")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (LOSS.format("parts_of_bad:Gone"), "loss odd of bad 1.0 cannot be loaded from 'parts_of_bad:Gone': Attribute"),
        (LOSS.format("parts_nowhere:f"), "cannot be loaded from 'parts_nowhere:f': ModuleNotFoundError"),
        (LOSS.format("parts_that_exit:f"), "cannot be loaded from 'parts_that_exit:f': SystemExit"),
        (LOSS.format("parts_of_bad:NUMBER"), "loss bad/odd: parts_of_bad:NUMBER is no class or function"),
        ('EncoderSpec(name="odd", summary="Odd")', "encoder bad/odd names no implementation"),
        (FAMILY, "encoder odd:* of bad 1.0 cannot be loaded from 'parts_of_bad:gone': AttributeError"),
    ],
    ids=["attribute", "module", "exit", "number", "none", "members"],
)
def test_check_imports_all_that_is_registered(aezoo, site, spec, said):
    site.install("bad", spec, LOSS.replace("odd", "fine").format("parts_of_bad:f"))
    (site.path / "parts_of_bad.py").write_text("print('hello')\nNUMBER = 3\ndef f(): pass\n")
    (site.path / "parts_that_exit.py").write_text("import sys; sys.exit(3)")
    assert aezoo("plugins").exit_code == 0, "nothing is imported unasked"
    result = aezoo("plugins", "--check", "--json")
    assert result.exit_code == 1
    assert "plugins failed: bad\n" in result.stderr
    broken = {record["distribution"]: record["broken"] for record in json.loads(result.stdout)}
    assert [message for messages in broken.values() for message in messages] == broken["bad"]
    assert said in broken["bad"][0]
    assert len(broken["bad"]) == 1
    assert f"error: {broken['bad'][0]}\n" in aezoo("plugins", "--check").stderr


def test_a_check_that_takes_its_time_says_so(aezoo, site, monkeypatch):
    from aezoo.cli import plugins

    monkeypatch.setattr(plugins, "_PATIENCE", 0.0)
    site.install("slow", LOSS.format("slow_parts:f"))
    (site.path / "slow_parts.py").write_text("import time; time.sleep(0.2)\ndef f(): pass\n")
    assert aezoo("plugins", "--check").stderr.startswith("importing what ")


def test_a_failed_plugin_is_told_once_and_fails_the_check(aezoo, site):
    site.install("bad", code="import a_package_that_nobody_has")
    result = aezoo("plugins")
    assert result.exit_code == 0
    assert result.stderr.count("a_package_that_nobody_has") == 1
    result = aezoo("plugins", "--check")
    assert result.exit_code == 1
    assert "AEZOO_DISABLE_PLUGINS=bad" in result.stderr
    result = aezoo("plugins", "--check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)


def test_a_clash_is_a_warning(aezoo, site):
    site.install("clash", ENCODER.format("conv"))
    result = aezoo("plugins", "--check")
    assert result.exit_code == 0
    assert "warning: clash: encoder 'conv' is also registered by aezoo" in result.stderr


def test_ten_odd_plugins(python, odd_site):
    result = python("-m", "aezoo", "plugins", "--check", "--json", path=odd_site)
    assert result.returncode == 1
    records = [record for record in json.loads(result.stdout) if record["distribution"].startswith(("odd-", "good-"))]
    assert len(records) == 12
    assert {record["distribution"] for record in records if record["status"] == "failed"} == {
        "odd-raises",
        "odd-missing",
        "odd-exit",
        "odd-misspelt",
        "odd-argument",
        "odd-halfway",
        "odd-no-spec",
    }
    assert all(bool(record["error"]) == (record["status"] == "failed") for record in records)
