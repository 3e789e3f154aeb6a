"""What the tests share: small models, plugins that are really installed, interpreters of their own."""

import os
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from aezoo.plain import Component, ImageSpec
from aezoo.plugins import forget, host
from aezoo.specs import ModelSpec

# Before torch is imported. Tests are small: threads only get in each other's way, most of all with pytest-xdist.
os.environ.setdefault("OMP_NUM_THREADS", "1")

GOOD_HOOK = "import aezoo\n@aezoo.hookimpl\ndef aezoo_specs():\n"


def install(site, distribution, code, *, version="1.0", entry_point="", module="", metadata=True, more=""):
    """Put a distribution with one module, its plugin, into a folder of installed packages."""
    module = module or distribution.lower().replace("-", "_").replace(".", "_")
    (site / f"{module}.py").write_text(textwrap.dedent(code))
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[aezoo]\n{entry_point or distribution} = {module}\n{more}")


def lay_out(path, folder):
    """Put the package of a project's folder among installed ones, as its installer would."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    shutil.copytree(folder / "src", path, dirs_exist_ok=True)
    info = path / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["aezoo"].items())
    (info / "entry_points.txt").write_text(f"[aezoo]\n{points}")


def yields(*specs):
    """The code of a plugin whose hook yields these specs, each written as Python."""
    return GOOD_HOOK + "".join(f"    yield aezoo.{spec}\n" for spec in specs)


class Site:
    """A folder of installed packages on this process's path, and a host that finds them afresh."""

    def __init__(self, path):
        self.path = path

    def install(self, distribution, *specs, code="", **how):
        install(self.path, distribution, code or yields(*specs), **how)

    def record(self, distribution):
        return next(record for record in host().records if record.distribution == distribution)


@pytest.fixture
def site(tmp_path, monkeypatch):
    path = tmp_path / "site"
    path.mkdir()
    before = set(sys.modules)
    for name in ("AEZOO_PLUGINS", "AEZOO_DISABLE_PLUGINS", "AEZOO_PLUGIN_STRICT", "AEZOO_IMPORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(str(path))
    forget()
    yield Site(path)
    forget()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(path)):
            del sys.modules[name]


def run_python(*arguments, path="", cwd=None, **environment):
    """An interpreter of its own: what it printed, its errors, its exit code."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AEZOO_", "PYTHON"))}
    settings = {**clean, "PYTHONPATH": str(path), "HF_HUB_OFFLINE": "1", **environment}
    return subprocess.run(
        [sys.executable, *arguments], env=settings, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="session")
def python():
    return run_python


TINY = ModelSpec(
    name="tiny",
    summary="Two strides on either side",
    image=ImageSpec((8, 8)),
    encoder=Component.of("conv", layers=("3x3x4 s2", "3x3x8 s2")),
    bottleneck=Component.of("gaussian", dim=4),
    decoder=Component.of("deconv", layers=("4x4x4 s2", "4x4xc s2")),
)


@pytest.fixture
def tiny():
    return TINY


# Ten odd plugins and two good ones, as strangers might publish them. {marker} is written when one is imported.
GOOD_MODEL = """
import aezoo
@aezoo.hookimpl
def aezoo_specs():
    yield aezoo.EncoderSpec(name="mean", summary="One number a row", implementation="good_model_parts:MeanEncoder")
    yield aezoo.ModelSpec(
        name="good", summary="Its own encoder", image=aezoo.ImageSpec((8, 8)),
        encoder=aezoo.Component("mean"), bottleneck=aezoo.Component.of("gaussian", dim=2),
        decoder=aezoo.Component.of("mlp", hidden=(4,)), loss="bce + kl",
    )
"""
GOOD_MODEL_PARTS = """
import torch
class MeanEncoder(torch.nn.Module):
    def __init__(self, image):
        super().__init__()
        self.linear = torch.nn.Linear(image.size[0], 3)
    def forward(self, images):
        return self.linear(images.mean((1, 3)))
"""
ENCODER = 'EncoderSpec(name="{0}", summary="An encoder", implementation="{0}:E")'
MODEL = 'ModelSpec(name="{0}", summary="A model of {1}", image=aezoo.ImageSpec((8, 8)))'
GOOD_OTHER = (
    'LossSpec(name="zero", summary="Nothing", implementation="good_other_parts:zero")',
    'DatasetSpec(name="black", summary="Nothing to see", implementation="good_other_parts:Black")',
    'CommandSpec(name="hello", summary="Say hello", implementation="good_other_parts:hello")',
)
GOOD_OTHER_PARTS = """
import click
def zero(output, images, context):
    return 0 * output.reconstruction.flatten(1).sum(1)
class Black:
    pass
@click.command()
def hello():
    click.echo("hello from a plugin")
"""
ODD = {
    "odd-raises": "raise RuntimeError('the moon is\\nwrong')",
    "odd-missing": "import a_package_that_nobody_has",
    "odd-exit": "import sys; sys.exit('enough')",
    "odd-misspelt": yields(ENCODER.format("misspelt")).replace("aezoo_specs", "aezoo_spec"),
    "odd-argument": yields(ENCODER.format("argument")).replace("aezoo_specs()", "aezoo_specs(registry)"),
    "odd-halfway": yields(ENCODER.format("halfway")) + "    raise ValueError('half way')\n",
    "odd-no-spec": yields(ENCODER.format("nospec")) + "    yield 'a string'\n",
    "odd-builtin": yields(MODEL.format("cis680-vae16", "odd-builtin")),
    "odd-same-model": yields(MODEL.format("good", "odd-same-model")),
    "odd-same-entry": yields(ENCODER.format("same-entry").replace("same-entry:E", "same_entry:E")),
}


@pytest.fixture(scope="session")
def odd_site(tmp_path_factory):
    """The ten and the two, installed."""
    path = tmp_path_factory.mktemp("site")
    install(path, "good-model", GOOD_MODEL, version="2.1", entry_point="good")
    (path / "good_model_parts.py").write_text(GOOD_MODEL_PARTS)
    install(path, "good-other", yields(*GOOD_OTHER), entry_point="other")
    (path / "good_other_parts.py").write_text(GOOD_OTHER_PARTS)
    for distribution, code in ODD.items():
        trace = f"from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n{code}"
        entry_point = "good" if distribution == "odd-same-entry" else distribution
        install(path, distribution, trace, version="0.3", entry_point=entry_point)
    return Path(path)


@pytest.fixture
def key_pair(tmp_path_factory):
    """Makes the files of a private and a public key, in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem, folder = serialization.Encoding.PEM, tmp_path_factory.mktemp("keys")

    def make(key=None, password=b""):
        key = key or ec.generate_private_key(ec.SECP256R1())
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = folder / f"{len(list(folder.iterdir()))}.pem"
        private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, locked))
        public = private.with_suffix(".pub")
        public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
        return private, public

    return make
