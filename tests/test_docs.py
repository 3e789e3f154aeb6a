"""The documentation says what is: its examples run, and what is registered is in it."""

import importlib
import inspect
import re
import runpy
import shlex
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.benchmark.results import read_result
from aezoo.datasets.toyfaces import ToyFaces
from aezoo.plain import PARTS
from aezoo.plugins import Hooks, forget, registry
from aezoo.registry import canonical
from aezoo.testing import Conformance
from aezoo.weights.folder import read_metrics

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A comment before a block says what is to be done with it: <!-- run -->, <!-- file: name -->.
BLOCK = re.compile(r"^<!-- (run|file|hook)(?:: ([^>]*))? -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, kind, language=""):
    """The note and the text of each block of this kind."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(note, text) for what, note, written, text in found if what == kind and language in ("", written)]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "run", "python")], ids=lambda page: page.name)
def test_examples_run(page, tmp_path, monkeypatch, request):
    request.addfinalizer(forget)  # what a page registers is of that page
    importlib.import_module("aezoo._torchvision")  # Lightning imports torchvision
    monkeypatch.chdir(tmp_path)
    Image.fromarray(ToyFaces("test", count=1)[0][0].numpy()).save("sketch.jpg")
    names = {}
    for _, text in blocks(page, "run", "python"):
        exec(compile(text, str(page), "exec"), names)  # one page, one session


def test_the_example_of_a_term_is_one(tmp_path):
    import torch

    from aezoo.latent import Latent, Output

    names = {}
    ((_, text),) = blocks(ROOT / "docs/losses.md", "run", "python")
    exec(text, names)
    ramp = torch.arange(3.0).expand(2, 1, 3, 3) / 2  # two steps of 1/2 in each of three rows
    output = Output(ramp, None, Latent(torch.zeros(2, 1)))
    assert names["total_variation"](output, ramp, None).tolist() == [3.0, 3.0]


def test_the_example_of_a_codebook_is_one():
    import torch

    names = {}
    exec(next(text for _, text in blocks(ROOT / "docs/plugins.md", "run") if "class Codebook" in text), names)
    torch.manual_seed(0)
    part, features = names["Codebook"]((4, 8, 6), codebook_size=5, dim=3), torch.rand(2, 4, 8, 6)
    latent, before = part(features), part.book.clone()
    assert latent.codes.shape == (2, 8, 6)
    torch.testing.assert_close(latent.z, part.lookup(latent.codes))
    assert part.seen[:, -1].tolist() == latent.codes.flatten().bincount(minlength=5).tolist()
    part.step(lambda tensor: tensor)
    used = latent.codes.unique()
    assert not torch.equal(part.book[used], before[used])
    assert not part.seen.any()


def test_the_picture_of_toyfaces_is_what_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for note, text in blocks(ROOT / "docs/datasets.md", "run", "python"):
        if note == "draws toyfaces.png":
            exec(text, {})
    ours, drawn = (np.array(Image.open(path)) for path in (ROOT / "docs/_static/toyfaces.png", "toyfaces.png"))
    assert np.array_equal(ours, drawn)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "run", "console")], ids=lambda page: page.name)
def test_commands_print_what_is_shown(page, python, tmp_path):
    for _, text in blocks(page, "run", "console"):
        for session in re.split(r"^\$ aezoo ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = session.partition("\n")
            answer = python("-W", "ignore", "-m", "aezoo", *shlex.split(command), cwd=tmp_path)
            assert answer.stdout == shown, f"$ aezoo {command}\n{answer.stderr}"


def test_the_example_of_a_plugin_is_one(site, tmp_path, monkeypatch):
    files = dict(blocks(ROOT / "docs/plugins.md", "file"))
    for name, text in files.items():
        path = site.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    ((entry_point, module),) = project["entry-points"]["aezoo"].items()
    info = site.path / "aezoo_pool-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[aezoo]\n{entry_point} = {module}\n")
    record = site.record("aezoo-pool")
    assert (record.status, record.warnings, record.registered) == ("ok", [], {"encoder": ["pool"]})

    monkeypatch.setenv("PYTHONPATH", str(site.path))
    names = {}
    exec(files["tests/test_conformance.py"], names)
    suite = names["TestMine"]()
    assert isinstance(suite, Conformance)
    suite.test_declared_without_torch()
    for case in suite.cases():
        for check in (suite.test_forward, suite.test_other_images, suite.test_every_parameter_learns):
            check(case)
        suite.test_options_are_those_of_the_implementation(case)


def test_the_readme_s_plugin_is_that_of_the_docs():
    whole = dict(blocks(ROOT / "docs/plugins.md", "file"))["aezoo_pool/__init__.py"]
    short = PAGES[0].read_text(encoding="utf-8")
    for line in whole.splitlines():
        if "options=" not in line:
            assert line in short


def test_every_hook_is_documented_with_its_signature():
    documented = [text for _, text in blocks(ROOT / "docs/plugins.md", "hook")]
    hooks = {name: hook for name, hook in vars(Hooks).items() if hasattr(hook, "aezoo_spec")}
    assert documented == [f"def {name}{_signature(hook)}: ...\n" for name, hook in hooks.items()]


def _signature(hook):
    return str(inspect.signature(hook)).replace("'", "")


def test_every_command_has_its_section():
    sections = re.findall(r"^## (.*)$", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    commands = [entry.name for entry in registry().entries("command", distribution="aezoo")]
    assert sorted(sections) == sorted(commands)


def test_what_aezoo_registers_is_counted_as_it_is():
    from click.testing import CliRunner

    from aezoo.cli import commands

    shown = CliRunner().invoke(commands, ["plugins"]).stdout
    (own,) = re.findall(r"^aezoo .*(\b\d+ models.*)$", shown, re.MULTILINE)
    assert own in (ROOT / "docs/cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("pages", [PAGES[:1], PAGES[1:]], ids=["README", "docs"])
def test_everything_built_in_is_mentioned(pages):
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    kinds = ("model", *PARTS, "loss", "dataset", "metric")
    names = [entry.name for kind in kinds for entry in registry().entries(kind, distribution="aezoo")]
    assert [name for name in names if not re.search(rf"`{re.escape(name)}[`(]", text)] == []


def test_every_setting_of_a_recipe_is_documented():
    from dataclasses import fields

    from aezoo.cli.train import command
    from aezoo.recipe import Recipe

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    settings = [field.name for field in fields(Recipe) if field.name not in ("cost", "reaches")]
    assert [name for name in settings if f"| `{name}` |" not in text] == []
    flags = [flag for option in command.params for flag in option.opts if flag.startswith("--")]
    assert [flag for flag in flags if not re.search(rf"{flag}\b(?!-)", text)] == []


def test_every_factor_of_toyfaces_is_documented():
    from aezoo.datasets.toyfaces import FACTORS, HUES

    text = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")
    for factor in (*FACTORS, *HUES):
        assert f"| `{factor.name}` | {factor.low:g} | {factor.high:g} | {factor.help} |" in text


def test_the_reference_s_tables_are_as_the_code_is():
    page, glance = ROOT / "docs/api.md", runpy.run_path(str(ROOT / "docs/glance.py"))
    text = page.read_text(encoding="utf-8")
    assert glance["page"](text) == text, "docs/api.md is not as the code is: python docs/glance.py writes its tables"
    assert [name for name in aezoo.__all__ if f"| `aezoo.{name}" not in text] == []


def test_the_benchmark_s_tables_are_what_the_results_say():
    page, text = runpy.run_path(str(ROOT / "docs/leaderboard.py"))["page"], _text("leaderboard.md")
    assert page(text) == text, "docs/leaderboard.md is not what the results say: python docs/leaderboard.py writes it"


def test_what_latents_are_worth_is_what_the_results_say():
    text, results = _text("models.md"), ROOT / "benchmarks/results"
    rows = re.findall(r"^\| `([\w-]+\.(celeba|toyfaces))` \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) == 10
    for name, data, said in rows:
        folder = results / {"celeba": "celeba64-colour@2", "toyfaces": "faces-colour@2"}[data]
        own = read_result(folder / f"{name}.json")
        beside = read_result(folder / f"pca-{own.floats}.json")
        psnr = [np.mean(-10 * np.log10(each.mse)) for each in (own, beside)]
        ssim = [np.mean(each.ssim) for each in (own, beside)]
        numbers = f"{psnr[0]:.2f} | {psnr[1]:.2f} | {ssim[0]:.3f} | {ssim[1]:.3f} | {own.ms:.1f}"
        assert said == f"{own.floats:,} | {own.parameters / 1e6:.2f} M | {numbers}"


def test_the_published_figure_that_was_met_is_that_of_the_card():
    [folder] = ROOT.glob("plugins/aezoo-study-mnist/src/*/weights/vae-mnist.mnist")
    metrics, text = read_metrics(folder), " ".join(_text("published.md").split())
    test = metrics["test"]
    assert f"**{test['nll_is(samples=200)']:.2f}** ± {test['nll_is(samples=200)[image_error]']:.2f} |" in text
    assert f"is {test['elbo']:.2f} nats on test, {metrics['train']['elbo']:.2f} on training images" in text
    assert f"Of the 200 samples {test['nll_is(samples=200)[ess]']:.1f} are effective" in text


def test_every_model_with_weights_is_in_the_benchmark():
    text = _text("leaderboard.md")
    assert [name for name in aezoo.list_models(pretrained=True) if f"| {name} " not in text] == []


def _text(page):
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_links_lead_somewhere():
    for page in (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        text = page.read_text(encoding="utf-8")
        assert "[](" not in text, f"{page.name} has a link without a text, which only Sphinx would give it"
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
            there = page.parent / target if target else page
            assert there.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(there), f"{page.name} links to {target}#{anchor}"


def anchors(page):
    """What the headings of a page are called in links, on GitHub and in the docs."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_room_is_in_the_table_of_contributing():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| room |")[2].partition("\n\n")[0]
    rooms = {path.name for path in (ROOT / "src/aezoo").iterdir() if not path.name.startswith("__")} - {"py.typed"}
    named = {name.rstrip("/") for name in re.findall(r"`([\w./]+)`", table)}
    assert sorted(rooms - named) == []


def test_every_direct_dependency_is_pinned():
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    files = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    projects = [tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files]
    extras = [lines for project in projects for lines in project.get("optional-dependencies", {}).values()]
    lists = [*(project["dependencies"] for project in projects), *extras]
    wanted = [line for lines in lists for line in lines if "==" not in line]
    own = {project["name"] for project in projects}
    names = {canonical(re.match(r"[\w.-]+", line)[0]) for line in wanted} - own  # one extra takes another
    assert sorted(names) == sorted(pinned)


@pytest.mark.parametrize("name", ["first", "tests"])
def test_a_command_of_the_readme_is_found(name):
    found = subprocess.run([ROOT / ".ci/readme-command", name], capture_output=True, text=True, check=True).stdout
    assert found.startswith("python3 -m venv .venv")
    assert found in PAGES[0].read_text(encoding="utf-8")
