"""A package that is written works as it is: formatted, installed, its own tests passed."""

import sysconfig
from pathlib import Path

import pytest

from aezoo.cli import new_plugin
from aezoo.specs import SPECS

from ..conftest import lay_out

KINDS = tuple(SPECS)
LONGEST = "aezoo-" + "long-" * 6 + "name"
assert len(LONGEST) == 40


@pytest.fixture
def write(aezoo, tmp_path):
    """Run the command; the folder of the package."""

    def run(name, *kinds):
        options = [word for kind in kinds for word in ("--kind", kind)]
        result = aezoo("new-plugin", name, *options, "--out", tmp_path)
        assert (result.exit_code, result.stderr) == (0, "")
        return tmp_path / name

    return run


@pytest.fixture
def own_tests(python, tmp_path):
    """Install a package and run its own tests, in a process of their own."""

    def run(folder, site=None):
        if site is None:
            site = tmp_path / "site"
            lay_out(site, folder)
        done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", path=site, cwd=folder)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        return done.stdout

    return run


def test_what_is_written_and_said(aezoo, tmp_path):
    result = aezoo("new-plugin", "aezoo-pool", "--kind", "encoder", "--out", tmp_path)
    folder = tmp_path / "aezoo-pool"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [
        ".github/workflows/test.yml",
        ".gitignore",
        "CHANGELOG.md",
        "README.md",
        "pyproject.toml",
        "src/aezoo_pool/__init__.py",
        "src/aezoo_pool/encoder.py",
        "src/aezoo_pool/py.typed",
        "tests/test_encoder.py",
        "tests/test_installed.py",
    ]
    assert result.stdout.splitlines() == [
        f"{folder}  10 files",
        *(f"  {name}" for name in files),
        f'install it  pip install -e "{folder}[test]"',
        f'test it     pytest "{folder}"',
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["aezoo-pool"]


def test_kinds_of_one_package(write):
    folder = write("aezoo-wave", "metric", "loss", "metric")
    declared = (folder / "src/aezoo_wave/__init__.py").read_text()
    assert declared.count("Spec(\n") == 2
    assert declared.endswith("    yield LOSS\n    yield METRIC\n")
    assert 'description = "A loss and a metric for aezoo, ' in (folder / "pyproject.toml").read_text()
    assert (folder / "CHANGELOG.md").read_text().endswith("- The loss `wave`.\n- The metric `wave`.\n")


def test_weights_come_with_their_model(write):
    folder = write("aezoo-face", "weights")
    assert "Weights for aezoo" in (folder / "README.md").read_text()
    declared = (folder / "src/aezoo_face/__init__.py").read_text()
    assert declared.endswith('    yield MODEL\n    yield from aezoo.read_weights("aezoo_face")\n')


@pytest.mark.skipif(not Path(sysconfig.get_path("scripts"), "ruff").exists(), reason="ruff is not of this environment")
def test_every_kind_is_formatted_and_lints(write, python, tmp_path):
    for kind in KINDS:
        write(f"aezoo-{kind}s", kind)
    for length in (23, 24, 25, 38, 40):  # about which a line of an example may come to a formatter's width
        for path, text in new_plugin.package("x" * length, KINDS).items():
            (tmp_path / str(length) / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / str(length) / path).write_text(text)
    write(LONGEST, *KINDS)
    rules = "--isolated", "--extend-select", "B,I,UP"
    # In each package the settings are its own; what its tests import of it is found in its own src.
    for folder in tmp_path.iterdir():
        for command in (("check",), ("format", "--check"), ("check", *rules)):
            done = python("-m", "ruff", *command, "--no-cache", cwd=folder)
            assert done.returncode == 0, done.stdout + done.stderr
        for path in folder.rglob("*"):
            text = path.read_text() if path.is_file() else ""
            assert text.replace("${{ matrix.python }}", "").count("$") == 0, path
            assert text.endswith("\n") or not text, path
            assert not text.endswith("\n\n"), path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("-pool", "is no name of a package"),
        ("po ol", "is no name of a package"),
        ("../pool", "is no name of a package"),
        ("p" * 41, "is no name of a package: up to 40 letters"),
        ("", "is no name of a package"),
        ("3d", "Python cannot import a module '3d'; try aezoo-3d"),
        ("lambda", "Python cannot import a module 'lambda'; try aezoo-lambda"),
        ("json", "there is a module 'json' already, which it would hide; try aezoo-json"),
        ("torch", "there is a module 'torch' already, which it would hide; try aezoo-torch"),
        ("aezoo", "'aezoo' is a package of aezoo's own"),
        ("Aezoo_Residual", "is a package of aezoo's own"),
        ("aezoo-conv", "the encoder would be called 'conv', as a built-in one"),
        ("aezoo-vit", "the encoder would be called 'vit', as one of aezoo-mae"),
        ("aezoo-step", "cannot be called 'step'"),
    ],
)
def test_names_that_are_refused(aezoo, tmp_path, name, said):
    kinds = ("--kind", "loss") if name == "aezoo-step" else ("--kind", "encoder")
    result = aezoo("new-plugin", *kinds, "--out", tmp_path, "--", name)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_name_is_spelt_as_indexes_spell_it(aezoo, tmp_path):
    result = aezoo("new-plugin", "My_Pool", "--kind", "encoder", "--out", tmp_path)
    assert result.stderr == "plugins are found more easily by a name that begins with aezoo-: aezoo-my-pool\n"
    assert 'my-pool = "my_pool"' in (tmp_path / "my-pool/pyproject.toml").read_text()


def test_a_folder_that_is_there_is_left_as_it_is(aezoo, write, tmp_path):
    folder = write("aezoo-pool", "encoder")
    (folder / "README.md").write_text("mine")
    result = aezoo("new-plugin", "aezoo-pool", "--kind", "loss", "--out", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{folder} is there already" in result.stderr
    assert (folder / "README.md").read_text() == "mine"
    assert not (folder / "src/aezoo_pool/loss.py").exists()


def test_it_is_written_whole_or_not_at_all(aezoo, tmp_path, monkeypatch):
    monkeypatch.setattr(new_plugin, "package", lambda name, kinds: {"a.py": "", "x" * 300: ""})
    result = aezoo("new-plugin", "aezoo-pool", "--kind", "encoder", "--out", tmp_path)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [("aezoo-pool",), ("aezoo-pool", "--kind", "enkoder")])
def test_a_kind_has_to_be_said(aezoo, given):
    result = aezoo("new-plugin", *given)
    assert result.exit_code == 2
    assert "encoder" in result.stderr


def test_no_tensor_library_is_imported(python, tmp_path):
    program = (
        "import sys\nfrom aezoo.cli import commands\n"
        f"sys.argv[1:] = ['new-plugin', 'aezoo-pool', '--kind', 'encoder', '--out', {str(tmp_path)!r}]\n"
        "try: commands.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = python("-c", program)
    assert done.returncode == 0, done.stderr


def test_the_tests_of_two_kinds_pass(write, own_tests):
    own_tests(write("aezoo-wave", "loss", "command"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_kind_pass(write, own_tests, kind):
    own_tests(write(f"aezoo-my{kind}", kind))


@pytest.mark.slow
def test_the_tests_of_all_kinds_at_once_pass(write, own_tests):
    own_tests(write(LONGEST, *KINDS))


@pytest.mark.slow
def test_weights_that_are_made_are_found_and_right(write, own_tests, python, tmp_path):
    folder, site = write("aezoo-face", "weights"), tmp_path / "site"
    lay_out(site, folder)
    for command in (
        ("train", "face.toyfaces", "--out", tmp_path / "run"),
        ("package", tmp_path / "run", site / "aezoo_face/weights"),
    ):
        done = python("-m", "aezoo", *map(str, command), path=site, AEZOO_CACHE=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
    assert "face.toyfaces" in python("-m", "aezoo", "list", "--pretrained", path=site).stdout
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "tests/test_weights.py", path=site, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "test_weights_are_those_of_their_record[weights face.toyfaces]" in done.stdout


@pytest.mark.slow
def test_it_installs_with_pip(write, own_tests, python, tmp_path):
    folder, site = write("aezoo-pool", "encoder"), tmp_path / "pip"
    done = python(
        *("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"),
        *("--target", str(site), str(folder)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    installed = Path(python("-c", "import aezoo_pool; print(aezoo_pool.__file__)", path=site).stdout.strip())
    assert installed.is_relative_to(site)
    assert (installed.parent / "py.typed").is_file()
    assert "aezoo-pool" in python("-m", "aezoo", "plugins", path=site).stdout
    own_tests(folder, site)
