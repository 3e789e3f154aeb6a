"""Models from the Hub: the real client, over HTTP, against a server whose faults can be switched on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

import aezoo
from aezoo.errors import AezooError, AezooWarning, OptionError, WeightsError
from aezoo.weights import hub
from aezoo.weights.folder import CONFIG, STATE

from .server import TOKEN, Fault, Hub

NAME = "hf-hub:me/tiny"


def create(name=NAME):
    return aezoo.create(name, pretrained=True)


def same(model, other):
    images = torch.rand(2, *model.image.shape)
    return torch.equal(model(images).reconstruction, other(images).reconstruction)


@pytest.fixture
def published(server, folder):
    """The tiny model as ``me/tiny``."""
    model, files = folder
    server.commit = server.add("me/tiny", files)
    server.files = files
    return server, model


def test_a_name_on_the_hub_is_a_model(published):
    server, model = published
    for name in (NAME, f"{NAME}@main", f"{NAME}@{server.commit}"):
        assert same(create(name), model)
    assert aezoo.describe(NAME) == model.spec
    assert not create().training


def test_no_file_is_fetched_that_is_not_used(published):
    server, _ = published
    server.add("me/tiny", {**server.files, "modeling.py": b"raise SystemExit", "pytorch_model.bin": b"pickle"})
    create()
    fetched = {request.rpartition("/")[2] for request in server.requests if request.startswith("GET")}
    assert fetched == {CONFIG, STATE}


def test_describing_fetches_no_weights(published):
    server, _ = published
    aezoo.describe(NAME)
    assert not [request for request in server.requests if STATE in request]


def test_a_commit_in_the_cache_asks_nobody(published):
    server, model = published
    name = f"{NAME}@{server.commit}"
    create(name)
    server.requests.clear()
    assert same(create(name), model)
    assert not server.requests


def test_a_branch_is_looked_up_anew(published, tiny, tmp_path):
    server, model = published
    assert same(create(), model)
    torch.manual_seed(9)
    aezoo.create(aezoo.describe(tiny)).save_pretrained(tmp_path / "other")
    server.add("me/tiny", {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()})
    assert not same(create(), model)
    assert same(create(f"{NAME}@{server.commit}"), model)


def test_what_was_fetched_is_there_offline(published, monkeypatch):
    server, model = published
    create()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    server.requests.clear()
    assert same(create(), model)
    assert not server.requests


def test_what_was_not_fetched_is_not(published, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"hf-hub:me/tiny: config.json is not in the cache, and HF_HUB_OFFLINE is"):
        create()


def test_a_server_that_is_down_costs_nothing_that_is_there(published, monkeypatch):
    _, model = published
    create()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert same(create(), model)
    with pytest.raises(WeightsError, match=r"hf-hub:me/other: .*http://127.0.0.1:9"):
        create("hf-hub:me/other")


def test_a_model_that_was_taken_back_is_used_with_a_warning(published):
    server, model = published
    create()
    server.repositories.clear()
    with pytest.warns(AezooWarning, match="no such repository .*; what was fetched before is used"):
        assert same(create(), model)


def test_a_private_repository_needs_a_token(server, folder, monkeypatch):
    model, files = folder
    server.add("me/tiny", files, private=True)
    assert same(create(), model)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", constants.HF_HUB_CACHE + "2")
    with pytest.raises(WeightsError, match="or it is private: log in with 'hf auth login' or set HF_TOKEN"):
        create()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hf-hub:me/none", "there is no such repository on http"),
        (f"{NAME}@v9", "it has no such revision"),
        ("hf-hub:me/empty", "it holds no config.json: it is no model folder of aezoo's"),
    ],
)
def test_what_is_not_there_is_said(published, name, reason):
    published[0].add("me/empty", {"README.md": b"# nothing"})
    with pytest.raises(WeightsError, match=reason) as caught:
        create(name)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "name",
    ["", "x", "a/b/c", "../etc/passwd", "a/..", "me/x@../y", "me/x@a@b", "me/ü", "me/x.git", "a/" + 96 * "b"],
)
def test_what_is_no_repository_is_refused_before_anyone_is_asked(server, name):
    with pytest.raises(OptionError, match="is no repository"):
        create(f"hf-hub:{name}")
    assert not server.requests


FAULTS = [
    Fault("401", "HEAD"),
    Fault("403", "HEAD"),
    Fault("429", "HEAD"),
    Fault("500", "HEAD"),
    Fault("403", "GET .*safetensors"),
    Fault("404", "GET .*safetensors"),
    Fault("cut", "GET .*safetensors"),
    Fault("long", "GET .*safetensors"),
    Fault("other", "GET .*safetensors"),
    Fault("other", "GET .*config"),
    Fault("slow", "GET .*safetensors", value=0.5),
    Fault("elsewhere", "HEAD .*safetensors", value="http://127.0.0.1:9"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind} {fault.where}")
def test_a_fault_is_two_lines_and_the_cache_stays_good(published, fault, monkeypatch):
    server, model = published
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the client's own tries
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    server.faults.append(Fault(fault.kind, fault.where, value=fault.value))
    with pytest.raises(AezooError) as caught:
        create()
    assert str(caught.value).startswith("hf-hub:me/tiny")
    assert len(str(caught.value).splitlines()) <= 2
    server.faults.clear()
    assert same(create(), model)


def test_a_download_that_broke_off_goes_on(published, monkeypatch):
    server, model = published
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.faults.append(Fault("cut", "GET .*safetensors", times=1))
    assert same(create(), model)
    assert len([request for request in server.requests if request.startswith("GET") and STATE in request]) == 2


def test_a_token_goes_to_no_other_host(published):
    server, model = published
    with Hub() as elsewhere:
        elsewhere.add("me/tiny", server.files)
        server.faults.append(Fault("elsewhere", "HEAD .*safetensors", value=elsewhere.url))
        assert same(create(), model)
        assert not [request for request in elsewhere.authorised if "GET" in request]


@pytest.mark.parametrize(("file", "size"), [(CONFIG, 2**20), (STATE, 2**35)])
def test_what_is_too_large_is_not_fetched(published, monkeypatch, file, size):
    server, _ = published
    monkeypatch.setitem(hub.LARGEST, file, len(server.files[file]) - 1)
    with pytest.raises(WeightsError, match=rf"{file} has [\d,]+ bytes; at most [\d,]+ are fetched"):
        create()
    assert not [request for request in server.requests if request.startswith("GET") and request.endswith(file)]


def test_weights_larger_than_the_model_are_not_fetched(published):
    server, _ = published
    server.add("me/tiny", {**server.files, STATE: bytes(2**21)})
    with pytest.raises(WeightsError, match=r"safetensors has 2,097,152 bytes; at most 1,[\d,]+ are fetched"):
        create()
    assert not [request for request in server.requests if request.startswith("GET") and STATE in request]


def test_what_other_libraries_call_a_repository_is_one(published, tmp_path, monkeypatch):
    server, model = published
    load = aezoo.Autoencoder.from_pretrained
    for given in ("me/tiny", NAME):
        assert same(load(given), model)
        assert same(load(given, revision=server.commit), model)
    with pytest.raises(WeightsError, match="no such revision"):
        load("me/tiny", revision="v9")
    assert load("aezoo/cis680-vae16").source.name == "cis680-vae16"  # a package's name stays one
    with pytest.raises(OptionError, match="is no repository of the Hub"):
        load("cis680-vae16", revision="v1")
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("me/tiny")
    server.requests.clear()
    assert same(load("./me/tiny"), model)  # and so does a folder
    assert not server.requests


def test_weights_other_than_the_config_says_are_refused(published):
    server, _ = published
    other = bytearray(server.files[STATE])
    other[-1] ^= 1
    server.add("me/tiny", {**server.files, STATE: bytes(other)})
    with pytest.raises(WeightsError, match=r"its sha256 is not the one in config\.json"):
        create()


def test_a_plugin_that_is_not_installed_is_named(server, folder):
    _, files = folder
    config = json.loads(files[CONFIG])
    config["model"]["encoder"] = {"name": "aezoo-residua1/residual", "options": {}}
    server.add("me/tiny", {**files, CONFIG: json.dumps(config).encode()})
    with pytest.raises(WeightsError, match=r"needs what is not installed: .*aezoo-residua1"):
        create()


def test_two_processes_at_once(published, tmp_path):
    server, _ = published
    code = f"import aezoo; print(aezoo.create('{NAME}', pretrained=True).source.sha256)"
    settings = {
        "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN,
        "PATH": "", "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", code], env=settings, **pipes) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [re.fullmatch(r"[0-9a-f]{64}\n", out) is not None for out, _ in said] == [True, True], said
    assert not list(Path(tmp_path / "home").rglob("*.incomplete"))
