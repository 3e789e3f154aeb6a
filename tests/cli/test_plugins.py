import json

KEYS = {"distribution", "version", "status", "error", "warnings", "registered", "load_ms"}


def test_json(aezoo, site):
    site.install("good", 'EncoderSpec(name="deep", summary="Deep")')
    records = {record["distribution"]: record for record in json.loads(aezoo("plugins", "--json").stdout)}
    assert all(set(record) == KEYS for record in records.values())
    assert "cis680-ae" in records["aezoo"]["registered"]["models"]
    assert records["good"]["registered"] == {"encoders": ["deep"]}
    assert (records["good"]["status"], records["good"]["error"]) == ("ok", "")


def test_check_passes(aezoo, site):
    site.install("good", 'EncoderSpec(name="deep", summary="Deep")')
    assert aezoo("plugins", "--check").exit_code == 0


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
    site.install("clash", 'EncoderSpec(name="conv", summary="Another")')
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
