import subprocess
import sys

import pytest

from aezoo.plugins import forget

HEAVY = ("torch", "torchvision", "timm", "huggingface_hub")

# A package with commands that do odd things, and the spec of each.
COMMANDS = """
import warnings
import aezoo, click

@click.command()
def shout():
    warnings.warn("mind the step", aezoo.AezooWarning)
    click.echo("HELLO")
    return 3

@click.command()
@click.pass_context
def leave(ctx):
    ctx.exit(3)

@click.command()
def refuse():
    raise aezoo.AezooError("no such thing\\ntry another")

@click.command()
def interrupt():
    raise KeyboardInterrupt

@click.command()
def fill():
    raise OSError(28, "No space left on device", "a/file")

nothing = 3
"""
NAMES = ("shout", "leave", "refuse", "interrupt", "fill", "nothing", "missing")


@pytest.fixture
def loud(site):
    specs = [
        f'CommandSpec(name="{name}", summary="To {name}", implementation="loud_commands:{name}")' for name in NAMES
    ]
    site.install("loud", *specs)
    (site.path / "loud_commands.py").write_text(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("list",),
        ("list", "all", "--json"),
        ("list", "--pretrained"),
        ("list", "--pretrained", "--json"),
        ("plugins",),
        ("plugins", "--json"),
        ("info", "gaussian"),
        ("train", "--help"),
        ("reconstruct", "--help"),
        ("info", "--help"),
        ("package", "--help"),
        ("sample", "--help"),
        ("interpolate", "--help"),
        ("compare", "--help"),
        ("completion", "zsh"),
    ],
    ids=" ".join,
)
def test_what_only_reads_specs_imports_no_tensor_library(python, arguments):
    code = (
        "import sys, aezoo.cli\n"
        f"sys.argv = ['aezoo', *{arguments!r}]\n"
        "try: aezoo.cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = python("-c", code)
    assert result.stderr.splitlines() == ["[]"]
    assert result.stdout


def test_importing_aezoo_imports_no_tensor_library(python):
    result = python("-c", f"import sys, aezoo; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert result.stdout.strip() == "[]"


def test_a_call_imports_no_other_command(python):
    result = python(
        "-c", "import sys, aezoo.cli as c\ntry: c.commands.main(['list'])\nfinally: print(sorted(sys.modules))"
    )
    assert "aezoo.cli.list" in result.stdout
    assert "aezoo.cli.info" not in result.stdout


def test_help_lists_the_commands_of_plugins_without_importing_them(aezoo, loud):
    result = aezoo("--help")
    assert result.exit_code == 0
    assert "To shout" in result.stdout
    assert "To missing" in result.stdout
    assert "loud_commands" not in sys.modules


def test_without_a_command_it_shows_help(aezoo):
    assert aezoo().stdout == aezoo("-h").stdout


def test_module_is_the_program(python):
    assert python("-m", "aezoo", "--version").stdout.startswith("aezoo ")


def test_a_plugin_s_command_runs_and_its_answer_is_no_exit_code(aezoo, loud):
    result = aezoo("shout")
    assert (result.exit_code, result.stdout) == (0, "HELLO\n")
    assert result.stderr == "warning: mind the step\n"


def test_a_command_may_choose_its_exit_code(aezoo, loud):
    assert aezoo("leave").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("refuse",), "error: no such thing\ntry another\n"),
        (("fill",), "error: a/file: No space left on device\n"),
        (("nothing",), "error: loud/nothing: loud_commands:nothing is no click command\n"),
        (("lst",), "error: no command 'lst': did you mean list,"),
        (("list", "--foo"), "error: No such option"),
        (("train", "cis680-ae", "--learning-rate", "1"), "error: no such option --learning-rate: here it is --lr\n"),
        (("train", "cis680-ae", "--import", "x.py"), "error: --import stands before the command: aezoo --import"),
        (("eval",), "error: Missing argument 'MODELS...'\nSee 'aezoo eval --help'.\n"),
        (("train",), "error: which model? aezoo train NAME, or "),
        (("new-plugin", "aezoo-x"), "error: Missing option '--kind'. Choose from: model, encoder, bottleneck, "),
        (("list", "a", "b", "c"), "error: Got unexpected extra argument (c)\nSee 'aezoo list --help'.\n"),
    ],
    ids=str,
)
def test_an_error_is_a_line_or_two_and_exits_with_2(aezoo, loud, arguments, said):
    result = aezoo(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) <= 2
    assert result.stdout == ""


def test_a_command_that_cannot_be_imported_is_an_error(aezoo, loud):
    result = aezoo("missing")
    assert result.exit_code == 2
    assert "command missing of loud 1.0 cannot be loaded" in result.stderr


def test_the_traceback_can_be_asked_for(aezoo, loud, monkeypatch):
    monkeypatch.setenv("AEZOO_TRACEBACK", "1")
    assert "Traceback" in aezoo("refuse").stderr


def test_ctrl_c_is_quiet(aezoo, loud):
    result = aezoo("interrupt")
    assert result.exit_code == 130
    assert result.stderr.strip() == ""


def test_no_plugins_leaves_them_out(aezoo, loud, monkeypatch):
    monkeypatch.setenv("AEZOO_PLUGINS", "loud")  # set back when the test ends
    assert "shout" in aezoo("--help").stdout
    assert "shout" not in aezoo("--no-plugins", "--help").stdout
    assert aezoo("--no-plugins", "shout").exit_code == 2


def test_every_command_works_beside_broken_plugins(python, odd_site):
    for arguments in (["list"], ["info", "encoder:mean"], ["hello"], ["--help"]):
        result = python("-m", "aezoo", *arguments, path=odd_site)
        assert result.returncode == 0, result.stderr
        assert all(line.startswith("warning: plugin odd-") for line in result.stderr.splitlines())


def test_a_reader_that_goes_away_is_no_error():
    code = "from aezoo.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "list", "all", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(aezoo, shell):
    assert "_AEZOO_COMPLETE" in aezoo("completion", shell).stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("aezoo li", {"list"}),
        ("aezoo --no", {"--no-plugins"}),
        ("aezoo info cis680-vae1", {"cis680-vae16"}),
        ("aezoo info cis680-vae16.", {"cis680-vae16.cufs", "cis680-vae16.toyfaces"}),
        ("aezoo list dec", {"decoders"}),
        ("aezoo list decoders m", {"mlp"}),
        ("aezoo info x --encoder ti", {"timm:"}),
        ("aezoo reconstruct x --data toy", {"toyfaces"}),
        ("aezoo reconstruct x --binarize st", {"static"}),
        ("aezoo list --plugin aezo", {"aezoo"}),
        ("aezoo nonsense x", set()),
    ],
)
def test_arguments_complete(python, words, offered):
    environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_AEZOO_COMPLETE": "bash_complete"}
    result = python("-c", "from aezoo.cli import main; main()", AEZOO_PLUGINS="", **environment)
    assert {line.partition(",")[2] for line in result.stdout.split()} == offered
    assert result.stderr == ""


@pytest.fixture(autouse=True)
def _fresh_host():
    yield
    forget()
