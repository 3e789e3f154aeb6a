import json
import sys
import textwrap
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from aezoo import plugins
from aezoo.cli import commands
from aezoo.embedded import list_models
from aezoo.errors import AezooWarning, PluginError, UnknownNameError
from aezoo.plugins import forget, host, list_names, registry
from aezoo.requests import members

ENCODER = 'EncoderSpec(name="{}", summary="An encoder", implementation="a:b")'
MODEL = 'ModelSpec(name="{}", summary="A model", image=aezoo.ImageSpec((8, 8)))'


def loaded(expected=0):
    """The records, after loading with just so many warnings of ours."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = {record.distribution: record for record in host().records}
    ours = [str(each.message) for each in caught if issubclass(each.category, AezooWarning)]
    assert len(ours) == expected, ours
    return records


def test_a_good_plugin(site):
    site.install("my-plugin", ENCODER.format("mine"), MODEL.format("my-model"), version="1.2")
    record = loaded()["my-plugin"]
    assert (record.version, record.status, record.error, record.warnings) == ("1.2", "ok", "", [])
    assert record.registered == {"encoder": ["mine"], "model": ["my-model"]}
    assert record.load_ms > 0
    assert registry().find("encoder", "mine") == registry().find("encoder", "my-plugin/mine")
    assert registry().find("model", "my-model").version == "1.2"


def test_the_built_ins_come_first():
    first = host().records[0]
    assert (first.distribution, first.status, first.warnings) == ("aezoo", "ok", [])
    assert "cis680-ae" in first.registered["model"]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise RuntimeError('the moon is\\nwrong')", "RuntimeError: the moon is wrong"),
        ("raise KeyError", "KeyError"),
        ("raise BaseException('x')", "BaseException: x"),
        ("import nobody_has_this", "ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("from aezoo import nothing", "ImportError: cannot import name 'nothing' from 'aezoo'"),
        ("import sys; sys.exit('enough')", r"it calls sys.exit\('enough'\) while it is loaded"),
        ("import sys; sys.exit()", r"it calls sys.exit\(None\)"),
        ("def f(:", "SyntaxError: "),
        ("", "it implements no hook: @aezoo.hookimpl on a function aezoo_specs is missing"),
        ("def aezoo_specs(): return []", "it implements no hook"),
        ("@hookimpl\ndef aezoo_spec(): yield ONE", "it implements the hook 'aezoo_spec', which aezoo does not have"),
        ("@hookimpl\ndef aezoo_specs(): yield ONE\n@hookimpl\ndef aezoo_train(): pass", "the hook 'aezoo_train'"),
        ("@hookimpl\ndef aezoo_specs(registry): yield ONE", "PluginValidationError: .*registry"),
        ("@hookimpl\ndef aezoo_specs():\n yield ONE\n raise ValueError('half way')", "ValueError: half way"),
        ("@hookimpl\ndef aezoo_specs():\n yield ONE\n raise SystemExit", r"sys.exit\(None\)"),
        ("@hookimpl\ndef aezoo_specs(): return 7", "TypeError: 'int' object is not iterable"),
        ("@hookimpl\ndef aezoo_specs():\n yield ONE\n yield 'text'", "it yields 'text', which is no spec"),
        ("@hookimpl\ndef aezoo_specs(): yield EncoderSpec", "it yields <class '.*EncoderSpec'>, which is no spec"),
        ("class My(EncoderSpec): pass\n@hookimpl\ndef aezoo_specs(): yield My(name='o', summary='')", "is no spec"),
        ("@hookimpl\ndef aezoo_specs():\n yield ONE\n yield ONE", "it yields the encoder 'one' twice"),
        ("@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='O', summary='')", "OptionError: 'O' is no name"),
        ("@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='o')", "TypeError: .*summary"),
        (
            "@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='o', summary=None)",
            "its summary is one line of text, not None",
        ),
        ("@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='o', summary='', provides=['x'])", r"not \[1, 2\]"),
        (
            "@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='o', summary='', options={})",
            "options are a tuple of Option",
        ),
    ],
)
def test_a_bad_plugin_is_one_record_and_one_warning(site, code, cause):
    head = "from aezoo import EncoderSpec, hookimpl\nONE = EncoderSpec(name='one', summary='')\n"
    site.install("bad", code=head + code, version="0.3")
    site.install("good", ENCODER.format("fine"))
    with pytest.warns(AezooWarning, match=rf"^plugin bad 0\.3 is not loaded: .*{cause}") as caught:
        assert registry().find("encoder", "fine")
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    record = site.record("bad")
    assert (record.status, record.registered) == ("failed", {})
    assert str(caught[0].message).endswith(record.error)
    with pytest.raises(UnknownNameError):
        registry().find("encoder", "one")


def test_strict_makes_a_failure_fatal(site, monkeypatch):
    site.install("bad", code="1 / 0")
    site.install("good", ENCODER.format("fine"))
    monkeypatch.setenv("AEZOO_PLUGIN_STRICT", "1")
    assert registry().find("encoder", "conv"), "the built-ins need no plugin"
    with pytest.raises(PluginError, match=r"^plugin bad 1\.0 is not loaded: ZeroDivisionError: division by zero"):
        list_models()
    assert registry().find("encoder", "fine"), "said once; what is left is loaded afterwards"
    assert site.record("bad").status == "failed"


def test_ctrl_c_is_no_failure_of_a_plugin(site):
    site.install("a-first", ENCODER.format("first"))
    code = "import pathlib\nmark = pathlib.Path(__file__).with_suffix('.mark')\n"
    code += "if not mark.exists():\n    mark.touch()\n    raise KeyboardInterrupt\n"
    site.install("slow", code=code + "import aezoo\n@aezoo.hookimpl\ndef aezoo_specs(): return []\n")
    with pytest.raises(KeyboardInterrupt):
        list_models()
    records = loaded()
    assert records["slow"].status == "ok"
    assert [each.qualified_name for each in registry().entries("encoder", "first")] == ["a-first/first"]


def test_a_built_in_name_imports_no_plugin(site):
    site.install("curious", code="from pathlib import Path\nPath(__file__).with_suffix('.mark').touch()")
    for kind, name in (("model", "cis680-vae16"), ("encoder", "aezoo/conv"), ("loss", "bce"), ("encoder", "timm:x")):
        registry().find(kind, name)
    assert not list(site.path.glob("*.mark"))
    assert "curious" not in sys.modules
    loaded(expected=1)
    assert list(site.path.glob("*.mark"))


@pytest.mark.parametrize(
    ("variable", "value", "on"),
    [
        ("AEZOO_PLUGINS", "", set()),
        ("AEZOO_PLUGINS", "foo_bar", {"foo-bar"}),
        ("AEZOO_PLUGINS", " Foo.Bar , other,", {"foo-bar", "other"}),
        ("AEZOO_PLUGINS", "nobody", set()),
        ("AEZOO_DISABLE_PLUGINS", "", {"foo-bar", "other"}),
        ("AEZOO_DISABLE_PLUGINS", "FOO-BAR", {"other"}),
        ("AEZOO_DISABLE_PLUGINS", "foo_bar,other", set()),
    ],
)
def test_switches(site, monkeypatch, variable, value, on):
    for distribution in ("Foo_Bar", "other"):
        mark = (
            f"from pathlib import Path\nPath(__file__).with_suffix('.mark').touch()\nX = '{distribution.lower()[:3]}'\n"
        )
        code = "import aezoo\n@aezoo.hookimpl\ndef aezoo_specs(): yield aezoo.LossSpec(name=X, summary='')\n"
        site.install(distribution, code=mark + code)
    monkeypatch.setenv(variable, value)
    records = loaded()
    assert {name for name in ("foo-bar", "other") if records[name].status == "ok"} == on
    assert all(records[name].status == "disabled" for name in {"foo-bar", "other"} - on)
    assert len(list(site.path.glob("*.mark"))) == len(on)
    assert {name for name in list_names("loss") if name in ("foo", "oth")} == {name[:3] for name in on}


def test_a_built_ins_name_stays_the_built_ins(site):
    site.install("other", MODEL.format("cis680-vae16"), ENCODER.format("conv"))
    records = loaded()
    assert records["other"].status == "ok"
    assert records["other"].warnings == [
        "model 'cis680-vae16' is also registered by aezoo: say other/cis680-vae16 for this one",
        "encoder 'conv' is also registered by aezoo: say other/conv for this one",
    ]
    assert records["aezoo"].warnings == []
    assert registry().find("model", "cis680-vae16").distribution == "aezoo"
    assert registry().find("model", "other/cis680-vae16").spec.summary == "A model"
    assert {"cis680-vae16", "other/cis680-vae16"} <= set(list_models())


def test_two_plugins_with_one_name(site):
    for distribution in ("left", "right"):
        site.install(distribution, MODEL.format("same"), ENCODER.format(f"of-{distribution}"))
    records = loaded()
    assert records["left"].warnings == ["model 'same' is also registered by right: say left/same for this one"]
    assert records["right"].warnings == ["model 'same' is also registered by left: say right/same for this one"]
    with pytest.raises(UnknownNameError, match="say left/same or right/same"):
        registry().find("model", "same")
    assert set(list_models("*same")) == {"left/same", "right/same"}


def test_two_plugins_with_one_entry_point_name(site):
    for distribution in ("left", "right"):
        site.install(distribution, ENCODER.format(f"of-{distribution}"), entry_point="same")
    records = loaded()
    assert {"of-left", "of-right"} <= set(list_names("encoder"))
    assert records["left"].warnings == ["entry point 'same' is also that of right: harmless to aezoo"]


def test_one_plugin_with_two_entry_points_to_a_module_registers_once(site):
    site.install("twice", ENCODER.format("mine"), more="second = twice\n")
    assert loaded()["twice"].registered == {"encoder": ["mine"]}


def test_one_plugin_of_two_modules_is_all_or_nothing(site):
    site.install("two", ENCODER.format("mine"), more="second = two_more\n")
    (site.path / "two_more.py").write_text("1 / 0")
    assert loaded(expected=1)["two"].registered == {}
    assert "mine" not in list_names("encoder")


def test_two_folders_of_one_distribution_are_one(site, tmp_path, monkeypatch):
    site.install("Foo_Bar", ENCODER.format("old"), version="1.0", module="foo_old")
    newer = tmp_path / "newer"
    newer.mkdir()
    monkeypatch.syspath_prepend(str(newer))
    site.path = newer
    site.install("foo-bar", ENCODER.format("new"), version="2.0", module="foo_new")
    record = loaded()["foo-bar"]
    assert (record.version, record.registered) == ("2.0", {"encoder": ["new"]})
    assert registry().find("encoder", "Foo_Bar/new") == registry().find("encoder", "foo-bar/new")
    sys.modules.pop("foo_new", None)


@pytest.mark.parametrize("value", ["nobody_has_this", "json:nothing", "not a module!", "json:", ":x", "a:b:c"])
def test_an_entry_point_that_leads_nowhere(site, value):
    site.install("lost", ENCODER.format("mine"), more=f"second = {value}\n")
    assert loaded(expected=1)["lost"].status == "failed"


def test_an_unreadable_list_of_entry_points_loses_no_other_plugin(site):
    site.install("garbled", ENCODER.format("mine"), more="neither this nor that\n")
    site.install("good", ENCODER.format("fine"))
    assert loaded()["good"].status == "ok"
    assert "mine" not in list_names("encoder")


def test_an_installation_without_metadata(site):
    site.install("nameless", ENCODER.format("mine"), metadata=False)
    site.install("good", ENCODER.format("fine"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert loaded()["good"].status == "ok"
    assert registry().find("encoder", "mine").version


def test_a_plugin_that_prints_or_warns(site, capsys):
    code = "import warnings\nprint('hello')\nwarnings.warn('mind the gap')\nimport aezoo\n"
    code += (
        "@aezoo.hookimpl\ndef aezoo_specs():\n    print('again')\n    yield aezoo.LossSpec(name='loud', summary='')\n"
    )
    site.install("loud", code=code)
    with pytest.warns(UserWarning, match="mind the gap"):
        assert "loud" in list_names("loss")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "hello\nagain\n")


def test_a_plugin_that_looks_names_up_while_it_is_loaded(site):
    site.install("a-first", ENCODER.format("first"))
    code = "import aezoo\nfrom aezoo.plugins import registry\n"
    code += "FOUND = [*aezoo.list_models(), registry().find('encoder', 'first').name]\n"
    code += "COUNT = str(len(aezoo.list_models()))\n"
    code += "@aezoo.hookimpl\ndef aezoo_specs():\n    yield aezoo.LossSpec(name='m', summary=COUNT)\n"
    site.install("b-second", code=code)
    assert loaded()["b-second"].status == "ok"
    assert int(registry().find("loss", "m").spec.summary) >= 3


def test_a_name_of_our_own_plugin_says_what_to_install(monkeypatch):
    monkeypatch.setenv("AEZOO_PLUGINS", "")
    forget()
    for kind, name in (("model", "cis680-resvae512"), ("encoder", "residual"), ("decoder", "aezoo-residual/residual")):
        with pytest.raises(UnknownNameError, match=r"pip install aezoo-residual \(from a clone: ") as raised:
            registry().find(kind, name)
        assert len(str(raised.value).splitlines()) == 2
    with pytest.raises(UnknownNameError, match=r"pip install aezoo-hf-datasets \(from a clone: "):  # of a family
        registry().find("dataset", "hf:me/faces")
    with pytest.raises(UnknownNameError) as raised:
        registry().find("encoder", "evil-package/evil")
    assert "pip" not in str(raised.value)
    forget()


# The ten and the two (conftest.py), each check in a process of its own.

FAILED = {
    "odd-raises": "RuntimeError: the moon is wrong",
    "odd-missing": "No module named 'a_package_that_nobody_has'",
    "odd-exit": "sys.exit('enough')",
    "odd-misspelt": "the hook 'aezoo_spec'",
    "odd-argument": "registry",
    "odd-halfway": "ValueError: half way",
    "odd-no-spec": "'a string', which is no spec",
}
CLASHES = {
    "odd-builtin": "model 'cis680-vae16' is also registered by aezoo: say odd-builtin/cis680-vae16",
    "odd-same-model": "model 'good' is also registered by good-model: say odd-same-model/good",
    "odd-same-entry": "entry point 'good' is also that of good-model",
}


@pytest.fixture(scope="module")
def aezoo_cli(python, odd_site, tmp_path_factory):
    pytest.importorskip("aezoo.cli")
    away = tmp_path_factory.mktemp("away")
    return lambda *arguments, **environment: python(
        "-m", "aezoo", *arguments, path=odd_site, cwd=away, **{"AEZOO_CACHE": str(away), **environment}
    )


def test_odd_plugins_records(python, odd_site):
    code = """
        import dataclasses, json, warnings
        from aezoo.plugins import forget, host
        from aezoo.errors import AezooWarning
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            records = [dataclasses.asdict(record) for record in host().records]
        ours = [str(each.message) for each in caught if issubclass(each.category, AezooWarning)]
        print(json.dumps([records, ours]))
    """
    run = python("-c", textwrap.dedent(code), path=odd_site)
    assert run.returncode == 0, run.stderr
    listed, caught = json.loads(run.stdout)
    records = {record["distribution"]: record for record in listed}
    assert len(records) == len(listed)
    for distribution, cause in FAILED.items():
        record = records[distribution]
        assert (record["status"], record["version"], record["registered"]) == ("failed", "0.3", {})
        assert cause in record["error"]
        assert caught.count(f"plugin {distribution} 0.3 is not loaded: {record['error']}") == 1
    for distribution, cause in CLASHES.items():
        assert records[distribution]["status"] == "ok"
        assert any(warning.startswith(cause) for warning in records[distribution]["warnings"])
    assert records["good-other"]["registered"] == {"loss": ["zero"], "dataset": ["black"], "command": ["hello"]}
    assert len(caught) == len(FAILED)


def test_odd_plugins_names(python, odd_site):
    code = """
        import torch, aezoo, warnings
        warnings.simplefilter("ignore")
        from aezoo.plugins import list_names, registry
        for name in ("misspelt", "argument", "halfway", "nospec"):
            assert name not in list_names("encoder"), name
        assert {"same-entry", "mean"} <= set(list_names("encoder"))
        clashing = {"good-model/good", "odd-same-model/good", "odd-builtin/cis680-vae16", "cis680-vae16"}
        assert clashing <= set(aezoo.list_models())
        model = aezoo.create("good-model/good")
        assert model(torch.rand(2, 1, 8, 8)).reconstruction.shape == (2, 1, 8, 8)
        assert aezoo.describe("good-model/good").encoder.name == "good-model/mean"
        assert aezoo.describe("odd-builtin/cis680-vae16").summary == "A model of odd-builtin"
        assert aezoo.create("cis680-vae16").latent_shape == (16,)
        try:
            aezoo.create("good")
        except aezoo.AezooError as error:
            assert str(error).endswith("say good-model/good or odd-same-model/good"), error
    """
    run = python("-c", textwrap.dedent(code), path=odd_site)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "arguments",
    ["", "--help", "--version", "list", "list encoders", "list losses --json", "info cis680-ae", "plugins",
     "train --help", "info good-model/good --json", "reconstruct --help", "completion --help"],
)  # fmt: skip
def test_with_odd_plugins_every_command_works(aezoo_cli, arguments):
    if arguments.endswith(" --help"):
        pytest.importorskip(f"aezoo.cli.{arguments.split()[0]}")
    run = aezoo_cli(*arguments.split())
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr + run.stdout


def test_a_plugins_command(aezoo_cli):
    assert aezoo_cli("hello").stdout == "hello from a plugin\n"


def test_odd_plugins_as_json(aezoo_cli):
    models = json.loads(aezoo_cli("list", "--json").stdout)
    assert {"good-model/good", "odd-same-model/good", "aezoo/cis680-vae16"} <= {
        each["qualified_name"] for each in models
    }
    records = {each["distribution"]: each for each in json.loads(aezoo_cli("plugins", "--json").stdout)}
    assert {name for name, record in records.items() if record["status"] == "failed"} == set(FAILED)
    assert all(record["error"] or record["warnings"] for name, record in records.items() if name.startswith("odd"))


def test_odd_plugins_checked(aezoo_cli):
    assert aezoo_cli("plugins", "--check").returncode == 1
    assert aezoo_cli("plugins", "--check", "--json").returncode == 1
    assert aezoo_cli("plugins", "--check", AEZOO_PLUGINS="good-model,good-other").returncode == 0
    assert aezoo_cli("--no-plugins", "plugins", "--check").returncode == 0


def test_odd_plugins_disabled_are_not_imported(aezoo_cli, odd_site):
    for mark in odd_site.glob("*.imported"):
        mark.unlink()
    run = aezoo_cli("list", AEZOO_DISABLE_PLUGINS=",".join([*FAILED, *CLASHES]))
    assert (run.returncode, run.stderr) == (0, "")
    assert not list(odd_site.glob("*.imported"))


def test_odd_plugins_strict(aezoo_cli):
    run = aezoo_cli("list", AEZOO_PLUGIN_STRICT="1")
    assert run.returncode == 2
    assert "is not loaded" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unknown_name_on_the_command_line(aezoo_cli):
    run = aezoo_cli("info", "cis680-vae61", AEZOO_PLUGINS="")
    assert run.returncode == 2
    assert "did you mean cis680-vae16" in run.stderr
    assert len(run.stderr.strip().splitlines()) <= 2


def test_an_exception_that_cannot_say_what_it_is(site):
    code = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd"
    site.install("aezoo-odd", code=code)
    with pytest.warns(AezooWarning, match="plugin aezoo-odd 1.0 is not loaded: Odd"):
        assert site.record("aezoo-odd").status == "failed"


def test_a_text_that_cannot_be_written_down(site):
    site.install("aezoo-odd", r"DatasetSpec(name='x', summary='', licence='\ud800', implementation='a:b')")
    with pytest.warns(AezooWarning, match="holds a text that cannot be written down"):
        assert site.record("aezoo-odd").status == "failed"


def test_who_is_waited_for_is_said(site, monkeypatch, capfd):
    monkeypatch.setattr(plugins, "_PATIENCE", 0.05)
    code = "import time\ntime.sleep(0.3)\nfrom aezoo import EncoderSpec, hookimpl\n"
    site.install("aezoo-slow", code=code + "@hookimpl\ndef aezoo_specs(): yield EncoderSpec(name='x', summary='y')")
    site.install("aezoo-swift", "EncoderSpec(name='z', summary='y')")
    assert site.record("aezoo-slow").status == "ok"
    time.sleep(0.1)
    said = capfd.readouterr().err
    assert "waiting for the plugin aezoo-slow 1.0 to load; AEZOO_DISABLE_PLUGINS leaves it out" in said
    assert "swift" not in said


def test_who_ends_the_process_is_said(python, site):
    site.install("aezoo-odd", code="import os\nos._exit(3)")
    done = python("-c", "import aezoo; aezoo.list_models()", path=site.path)
    assert done.returncode == 3
    assert done.stderr == "the plugin aezoo-odd 1.0 ends the process: os._exit(3) while it is loaded\n"


def test_what_a_part_prints_is_no_json(python, site):
    site.install("aezoo-loud", "EncoderSpec(name='loud', summary='It prints', implementation='loud_part:Loud')")
    (site.path / "loud_part.py").write_text(
        "print('imported')\nfrom torch import nn\nclass Loud(nn.Flatten):\n    def forward(self, x):\n"
        "        print('run')\n        return super().forward(x)\n"
    )
    command = ("-m", "aezoo", "info", "cis680-vae16", "--encoder", "loud", "--json")
    done = python(*command, path=site.path)
    assert json.loads(done.stdout)["parameters"] > 0
    assert "imported" in done.stderr
    assert "run" in done.stderr


def test_threads_that_ask_at_once_get_one_host(monkeypatch):
    made = []

    class Slow(plugins.Host):
        def __init__(self):
            time.sleep(0.05)
            made.append(self)
            super().__init__()

    monkeypatch.setattr(plugins, "Host", Slow)
    monkeypatch.setattr(plugins, "_THE", [])
    with ThreadPoolExecutor(4) as pool:
        hosts = {id(each) for each in pool.map(lambda _: plugins.host(), range(4))}
    assert (len(hosts), len(made)) == (1, 1)


def test_a_plugin_that_makes_errors_of_warnings_hides_nothing(site):
    site.install("bad", code="import warnings\nwarnings.simplefilter('error')\n1 / 0")
    site.install("good", ENCODER.format("fine"))
    with pytest.warns(AezooWarning, match="plugin bad .* is not loaded: ZeroDivisionError"):
        assert registry().find("encoder", "fine")


def test_a_family_that_fails_to_list_its_members_hides_no_other(site):
    code = """
        from aezoo import EncoderSpec, hookimpl
        def fails(): raise RuntimeError("no")
        @hookimpl
        def aezoo_specs():
            yield EncoderSpec(name="odd:*", summary="", implementation=f"{__name__}:fails", members=f"{__name__}:fails")
    """
    site.install("odd", code=textwrap.dedent(code))
    with pytest.raises(PluginError, match=r"odd/odd:\* does not list its members: RuntimeError: no"):
        members(registry().named("encoder", "odd:*")[0])
    listed = CliRunner().invoke(commands, ["list", "encoders", "*:resnet18"])
    assert "timm:resnet18" in listed.stdout
    assert "odd/odd:* does not list its members: RuntimeError: no" in listed.stderr
