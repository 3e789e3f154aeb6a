"""An installed plugin that is not right is reported, in one error that names what is wrong."""

import re
import shutil
from importlib import metadata

import pytest

from aezoo.cli.new_plugin import package
from aezoo.testing import check_plugin
from aezoo.testing.installed import faults

from .conftest import lay_out

HOOK = "@aezoo.hookimpl"
WORST = "(reconstruction - images).abs().flatten(1).amax(1)"


@pytest.fixture
def written(site, tmp_path):
    """Install a package as ``aezoo new-plugin`` writes it, with some of its lines changed."""

    def write(kind, path="", old="", new=""):
        folder = tmp_path / "written"
        texts = package("aezoo-mine", [kind])
        if path:
            path = f"src/aezoo_mine/{path}"
            assert old in texts[path]
            texts[path] = texts[path].replace(old, new)
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        lay_out(site.path, folder)
        shutil.rmtree(folder)

    return write


@pytest.mark.parametrize("kind", ["encoder", "prior", "loss", "metric", "dataset", "model", "command"])
def test_what_is_right_has_no_fault(written, kind):
    written(kind)
    assert faults("aezoo-mine") == []


@pytest.mark.parametrize(
    ("kind", "path", "old", "new", "said"),
    [
        ("metric", "__init__.py", HOOK, "", "it implements no hook"),
        ("metric", "__init__.py", "def aezoo_specs", "def aezoo_spec", "it implements the hook 'aezoo_spec'"),
        ("metric", "__init__.py", "import aezoo\n", "import aezo\n", "No module named 'aezo'"),
        ("metric", "__init__.py", "    yield METRIC", "    yield from ()", "it registers nothing"),
        ("metric", "__init__.py", ":worst_error", ":best_error", "has no attribute 'best_error'"),
        ("metric", "__init__.py", "Error of an image's worst pixel", "", "metric mine: mine has no summary"),
        ("metric", "metric.py", WORST, "reconstruction.max()", r"metric mine: it is \(\), not one number"),
        ("metric", "metric.py", WORST, "1 / 0", "metric mine: ZeroDivisionError"),
        ("encoder", "__init__.py", "default=32", "default=16", "declared as {'width': 16} but implemented as"),
        ("encoder", "encoder.py", "self.second(x)", "self.third(x)", "encoder mine cannot take"),
        ("command", "command.py", "@click", "# @click", "command mine: .* is no click command"),
        ("model", "__init__.py", '"mlp", hidden', '"mpl", hidden', "no encoder 'mpl': did you mean mlp"),
    ],
)
@pytest.mark.filterwarnings("ignore:plugin aezoo-mine .* is not loaded:aezoo.AezooWarning")
def test_what_is_broken_is_named(written, kind, path, old, new, said):
    written(kind, path, old, new)
    (fault,) = faults("aezoo-mine")
    assert re.search(said, fault), fault


def test_a_term_is_tried_with_what_its_own_package_provides(site):
    site.install(
        "brings",
        'LossSpec(name="length", summary="Of z", implementation="brings_parts:length", needs=("length",))',
        'BottleneckSpec(name="long", summary="Long", implementation="brings_parts:Long", provides=("length",))',
    )
    (site.path / "brings_parts.py").write_text(
        "from aezoo.bottlenecks.identity import IdentityBottleneck\n"
        "class Long(IdentityBottleneck):\n"
        "    def forward(self, features):\n"
        "        latent = super().forward(features)\n"
        "        latent.terms['length'] = latent.z.flatten(1).square()\n"
        "        return latent\n"
        "def length(output, images, context): return output.latent.terms['length'].sum(1)\n"
    )
    assert faults("brings") == []


def test_a_network_that_is_not_here_is_no_fault_and_a_model_is_not_blamed_on_a_term(site):
    site.install(
        "brings",
        'LossSpec(name="seen", summary="By a network", implementation="brings_parts:Seen")',
        'LossSpec(name="lost", summary="Needs what is nowhere", implementation="brings_parts:lost", needs=("lost",))',
        'ModelSpec(name="m", summary="M", image=aezoo.ImageSpec((8, 8)), implementation="brings_parts:gone")',
    )
    (site.path / "brings_parts.py").write_text(
        "from aezoo.errors import WeightsError\n"
        "class Seen:\n"
        "    def __init__(self): raise WeightsError('the network is missing: put it there')\n"
        "def lost(output, images, context): return output.latent.terms['lost']\n"
    )
    model, term = faults("brings")
    assert model.startswith("model m of brings 1.0 cannot be loaded from 'brings_parts:gone'")
    assert term.startswith("loss lost: ")
    assert "needs lost" in term


def test_a_metric_of_other_images_is_no_fault(site):
    site.install("brings", 'MetricSpec(name="seen", summary="Of faces", implementation="brings_parts:seen")')
    code = "from aezoo.errors import DataError\ndef seen(measured): raise DataError('these are no faces')\n"
    (site.path / "brings_parts.py").write_text(code)
    assert faults("brings") == []


def test_in_a_process_of_its_own(written, site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    written("metric", "__init__.py", "import aezoo\n", "import aezoo\nimport torch\n")
    message = r"^the plugin aezoo-mine is not right:\nlisting what it registers imports torch$"
    with pytest.raises(AssertionError, match=message):
        check_plugin("Aezoo_Mine")
    with pytest.raises(AssertionError, match="it is not installed here"):
        check_plugin("aezoo-yours")


def test_one_that_ends_the_process(written, site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    written("metric", "__init__.py", "import aezoo\n", "import aezoo\nimport os\n\nos._exit(3)\n")
    with pytest.raises(AssertionError, match=r"the plugin aezoo-mine 0\.1\.0 ends the process"):
        check_plugin("aezoo-mine")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aezoo-residual", "aezoo-study-cis680", "aezoo-weights-cis680"])
def test_the_packages_of_this_repository_are_right(name):
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    check_plugin(name)
