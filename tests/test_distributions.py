"""What is in the wheels that are built of this tree."""

import email
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from aezoo.factory import load
from aezoo.plain import from_json
from aezoo.specs import WeightsSpec
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, METRICS, STATE, read_state
from aezoo.weights.golden import golden_again

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = [ROOT, *sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").is_file())]


@pytest.fixture(scope="module", params=PROJECTS, ids=lambda path: path.name)
def wheel(request, tmp_path_factory):
    """A wheel: its open archive, and where it is unpacked."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(request.param)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(out / "unpacked")
        yield archive, out / "unpacked"


def records(unpacked):
    """The records in a wheel, each with its path."""
    paths = sorted(unpacked.glob("*/**/weights/*.json"))
    return [(path, from_json(WeightsSpec, json.loads(path.read_text(encoding="utf-8")))) for path in paths]


def test_it_holds_code_weights_and_nothing_else(wheel):
    archive, unpacked = wheel
    files = [name for name in archive.namelist() if ".dist-info/" not in name]
    embedded = [name for name in files if "/weights/" in name and not name.endswith((".py", ".tmpl"))]
    pinned = [name for name in files if "/networks/" in name]  # that a metric measures with, each with its record
    assert {Path(name).suffix for name in pinned} <= {".json", ".safetensors"}
    assert {Path(name).suffix for name in set(files) - {*embedded, *pinned}} <= {".py", ".typed", ".tmpl"}
    expected = set()
    for path, spec in records(unpacked):
        inside = path.relative_to(unpacked).parent
        expected |= {str(inside / path.name)}
        expected |= {str(inside / spec.name / name) for name in (CONFIG, STATE, GOLDEN, METRICS, CARD)}
    assert set(embedded) == expected


def test_it_holds_every_template(wheel):
    archive, unpacked = wheel
    templates = ROOT / "src/aezoo/cli/templates"
    ours = {path.relative_to(ROOT / "src").as_posix() for path in templates.rglob("*.tmpl")}
    held = {name for name in archive.namelist() if name.endswith(".tmpl")}
    assert held == (ours if (unpacked / "aezoo").is_dir() else set())


def test_its_weights_are_those_of_their_records(wheel):
    _, unpacked = wheel
    for path, spec in records(unpacked):
        pytest.importorskip(path.relative_to(unpacked).parts[0])  # its model is another package's
        folder = path.parent / spec.name
        data = (folder / STATE).read_bytes()
        assert (spec.sha256, spec.size) == (hashlib.sha256(data).hexdigest(), len(data))
        stored = read_state(folder / GOLDEN)
        torch.testing.assert_close(golden_again(load(folder, spec), stored), stored, rtol=1e-4, atol=1e-4)


def test_its_licence_is_that_of_the_code_and_of_the_weights(wheel):
    archive, unpacked = wheel
    [info] = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
    named = metadata["License-Expression"].split(" AND ")
    specs = [spec for _, spec in records(unpacked)]
    assert named[0] == "Apache-2.0"
    assert {spec.spdx for spec in specs} <= set(named)
    terms = [archive.read(f"{info}/licenses/{name}").decode() for name in metadata.get_all("License-File")]
    assert "Apache License" in terms[0]
    for spec in specs:
        assert f"*.{spec.tag}" in terms[1]
        assert spec.spdx in terms[1]
