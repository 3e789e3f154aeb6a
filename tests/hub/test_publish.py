"""Publishing to the hub of the tests, by the real client, and what then comes back."""

import dataclasses
import hashlib
import json
import shutil
import sys

import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import ModelCard

import aezoo
from aezoo.cli import commands
from aezoo.composition import resolve
from aezoo.embedded import folder_of, read_weights
from aezoo.errors import AezooError, WeightsError
from aezoo.plugins import forget, registry
from aezoo.testing import isolated_registry
from aezoo.training import publish as publishing
from aezoo.training.publish import draft, installed, pin, publish
from aezoo.weights import signing
from aezoo.weights.hub import Repo

from .server import Fault

REPO = Repo("me/faces")
FORMAT = {"README.md", "config.json", "golden.safetensors", "metrics.json", "model.safetensors"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a few steps."""
    folder = tmp_path_factory.mktemp("runs") / "faces"
    parts = {"image_size": 28, "encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))"}
    model = aezoo.describe("cis680-vae16", **parts)
    aezoo.train(model, "toyfaces(count=40, size=28)", steps=12, batch_size=8, out=folder)
    return folder


@pytest.fixture
def made(run, tmp_path):
    (tmp_path / "faces").mkdir()
    return draft(str(run), REPO, tmp_path / "faces")


def test_a_draft_is_a_model_folder_with_pictures(made, run):
    assert set(made.files) == FORMAT | {f"figures/{name}.png" for name in ("loss", "reconstructions", "samples")}
    assert made.metrics == json.loads((run / "metrics.json").read_text())
    assert not (made.folder / "training").exists()


def test_its_card_has_the_numbers_that_were_measured(made):
    data = ModelCard.load(made.folder / "README.md").data
    measured = {(each.dataset_split, each.metric_type): each.metric_value for each in data.eval_results}
    told = {(split, name): value for split in ("train", "test") for name, value in made.metrics[split].items()}
    assert measured == told
    hashes = {each.dataset_split: each.dataset_args["sha256"] for each in data.eval_results}
    assert hashes == made.metrics["protocol"]["sha256"]
    text = (made.folder / "README.md").read_text()
    assert 'aezoo.create("hf-hub:me/faces", pretrained=True)' in text
    assert "`aezoo train hf-hub:me/faces` trains it again" in text
    assert "The weights are those of step 12." in text
    assert "## Limits" in text
    assert all(f"]({picture})" in text for picture in made.files if picture.endswith(".png"))


def test_it_comes_back_to_the_bit(server, made, run):
    commit = publish(made, REPO, tag="v1")
    own = aezoo.create(run, pretrained=True)
    images = torch.rand(3, *own.image.shape)
    for name in ("hf-hub:me/faces", f"hf-hub:me/faces@{commit}", "hf-hub:me/faces@v1"):
        assert torch.equal(aezoo.create(name, pretrained=True)(images).reconstruction, own(images).reconstruction)
    assert set(server.repositories["me/faces"].tree("main")) == {".gitattributes", *made.files}
    assert len(server.repositories["me/faces"].commits) == 2  # its first, and one of all files


def test_publishing_again_sends_what_changed(server, made):
    first = publish(made, REPO)
    assert publish(made, REPO) == first
    (made.folder / "figures/loss.png").unlink()
    (made.folder / "README.md").write_text("---\nlicense: mit\n---\n# other\n")
    publish(made, REPO)
    _, changed = server.repositories["me/faces"].messages[-1]
    assert set(changed) == {"README.md", "figures/loss.png"}
    assert "figures/loss.png" not in server.repositories["me/faces"].tree("main")


def test_a_tag_that_is_there_is_not_moved(server, made):
    first = publish(made, REPO, tag="v1")
    (made.folder / "README.md").write_text("# other\n")
    with pytest.raises(WeightsError, match=r"is published, without the tag 'v1', which another commit has"):
        publish(made, REPO, tag="v1")
    assert server.repositories["me/faces"].refs["v1"] == first != server.repositories["me/faces"].refs["main"]


def test_an_attempt_that_stopped_after_its_tag_can_be_made_again(server, made):
    assert publish(made, REPO, tag="v1") == publish(made, REPO, tag="v1")


def test_what_is_to_be_private_goes_into_no_public_repository(server, made):
    commit = publish(made, REPO)
    (made.folder / "README.md").write_text("# secret\n")
    with pytest.raises(WeightsError, match="me/faces is there already, and public: nothing was sent"):
        publish(made, REPO, private=True)
    assert server.repositories["me/faces"].refs["main"] == commit


def test_a_branch_and_a_private_repository_are_made(server, made):
    publish(made, dataclasses.replace(REPO, revision="next"), private=True)
    repository = server.repositories["me/faces"]
    assert repository.private
    assert "config.json" in repository.tree("next")
    assert "config.json" not in repository.tree("main")


def test_what_comes_back_otherwise_is_said(server, made):
    server.faults.append(Fault("other", "GET .*golden"))
    with pytest.raises(WeightsError, match="came damaged"):
        publish(made, REPO)


@pytest.mark.parametrize(
    "fault", [Fault("401"), Fault("403", "commit"), Fault("500", "preupload"), Fault("400", "PUT")]
)
def test_a_server_that_refuses_is_two_lines(server, made, fault, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.faults.append(dataclasses.replace(fault))
    with pytest.raises(AezooError) as caught:
        publish(made, REPO)
    assert str(caught.value).startswith("hf-hub:me/faces")
    assert len(str(caught.value).splitlines()) <= 2


def test_without_a_token_it_says_what_to_do(server, made, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(WeightsError, match="log in with 'hf auth login' or set HF_TOKEN"):
        publish(made, REPO)


def test_other_images_than_it_was_trained_on_are_refused(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in FORMAT:
        (copy / name).write_bytes((run / name).read_bytes())
    config["training"]["data"]["test"] = 64 * "0"
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"the test images of .* are not those"):
        draft(str(copy), REPO, tmp_path)
    del config["training"]
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"says nothing of a training; model\.push_to_hub"):
        draft(str(copy), REPO, tmp_path)


def test_a_path_to_images_stays_at_home(tmp_path, made):
    pictures = tmp_path / "at" / "home"
    pictures.mkdir(parents=True)
    for index, picture in enumerate(aezoo.Autoencoder.to_images(torch.rand(20, 1, 28, 28))):
        picture.save(pictures / f"{index}.png")
    parts = {"image_size": 28, "encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))"}
    aezoo.train(aezoo.describe("cis680-vae16", **parts), str(pictures), steps=4, batch_size=4, out=tmp_path / "run")
    with pytest.raises(AezooError, match="--data"):
        draft(str(tmp_path / "run"), REPO, tmp_path)
    (tmp_path / "out").mkdir()
    out = draft(str(tmp_path / "run"), REPO, tmp_path / "out", data=str(pictures))
    for name in ("README.md", "config.json", "metrics.json"):
        assert str(tmp_path) not in (out.folder / name).read_text()
    assert json.loads((out.folder / "config.json").read_text())["training"]["recipe"]["dataset"] == "home"
    assert "drawn faces, as images of" in (out.folder / "README.md").read_text().lower()


def test_a_model_as_it_stands(server, run):
    model = aezoo.create(run, pretrained=True)
    commit = model.push_to_hub("me/as-it-is", private=True)
    assert server.repositories["me/as-it-is"].private
    back = aezoo.Autoencoder.from_pretrained(f"hf-hub:me/as-it-is@{commit}")
    images = torch.rand(2, *model.image.shape)
    assert torch.equal(back(images).reconstruction, model(images).reconstruction)
    card = server.repositories["me/as-it-is"].tree("main")["README.md"].decode()
    assert 'from_pretrained("hf-hub:me/as-it-is")' in card


def test_the_command(server, run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dry = CliRunner().invoke(commands, ["publish", str(run), "me/faces", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "would go to  hf-hub:me/faces" in dry.output
    assert "model.safetensors" in dry.output
    assert not server.requests
    [folder] = tmp_path.glob("aezoo-*/faces")
    assert aezoo.create(folder, pretrained=True).spec.name == "cis680-vae16"
    sent = CliRunner().invoke(commands, ["publish", str(run), "me/faces", "--tag", "v1"])
    assert sent.exit_code == 0, sent.output
    assert f"hf-hub:me/faces@{server.repositories['me/faces'].refs['v1']}" in sent.output


NO_COMMANDS = [
    ["me/x"],
    ["me/x", "me/y@dev", "--revision", "main"],
    ["--all-pretrained", "me/x"],
    ["cis680-vae16", "x/y/z"],
    ["kl-f4-small", "me/x"],
]


@pytest.mark.parametrize("asked", NO_COMMANDS)
def test_a_command_that_cannot_be_is_refused(asked):
    result = CliRunner().invoke(commands, ["publish", *asked])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


PLUGIN = """
import aezoo
MODEL = aezoo.ModelSpec(
    name="pinned", summary="Of the tests", image=aezoo.ImageSpec((28, 28)), default_tag="toyfaces",
    encoder=aezoo.Component.of("mlp", hidden=(8,)), decoder=aezoo.Component.of("mlp", hidden=(8,)),
    tags=(aezoo.Tag(name="toyfaces", recipe=aezoo.Recipe(dataset="toyfaces(count=40, size=28)")),),
)
@aezoo.hookimpl
def aezoo_specs():
    yield MODEL
    yield aezoo.WeightsSpec(
        name="pinned.toyfaces", summary="Of it", model="aezoo-pinned/pinned", tag="toyfaces",
        repo="me/pinned", revision={revision!r}, sha256={sha256!r},
    )
"""


@pytest.fixture
def pinned(server, site, tmp_path):
    """A model of a plugin, whose weights lie on the Hub alone, at a commit; its files there, and the model."""
    site.install("aezoo-pinned", code=PLUGIN.format(revision=40 * "0", sha256=64 * "0"))
    model = aezoo.create("pinned")
    model.save_pretrained(tmp_path / "pinned")
    files = {path.name: path.read_bytes() for path in (tmp_path / "pinned").iterdir()}
    commit = server.add("me/pinned", files)
    code = PLUGIN.format(revision=commit, sha256=hashlib.sha256(files["model.safetensors"]).hexdigest())
    (site.path / "aezoo_pinned.py").write_text(code)
    sys.modules.pop("aezoo_pinned")
    forget()
    return model, files, commit


def test_weights_that_are_pinned_come_from_the_hub(server, pinned):
    model, files, commit = pinned
    images = torch.rand(2, *model.image.shape)
    server.add("me/pinned", {**files, "config.json": b"{}"})  # what comes after the pin is nobody's concern
    for name in ("pinned", "pinned.toyfaces", "hf-hub:me/pinned", f"hf-hub:me/pinned@{commit}"):
        assert torch.equal(aezoo.create(name, pretrained=True)(images).reconstruction, model(images).reconstruction)
    assert "pinned.toyfaces" in aezoo.list_models("pinned", pretrained=True)


def test_a_repository_that_was_tampered_with_is_refused(server, pinned, tmp_path):
    commit = pinned[2]
    torch.manual_seed(5)
    aezoo.create("pinned").save_pretrained(tmp_path / "other")  # whole in itself: its config has its own hash
    other = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}
    server.repositories["me/pinned"].commits[commit] = other
    for name in ("pinned", "hf-hub:me/pinned"):
        with pytest.raises(WeightsError, match=r"its sha256 is not the one in the record pinned\.toyfaces"):
            aezoo.create(name, pretrained=True)


def test_publishing_pins_a_record(tmp_path):
    [spec] = [spec for spec in read_weights("aezoo.catalog") if spec.name == "cis680-ae.toyfaces"]
    record = folder_of(spec).parent / f"{spec.name}.json"
    before = record.read_bytes()
    try:
        assert pin(spec, Repo("me/ae"), 40 * "a") == record
        [again] = [spec for spec in read_weights("aezoo.catalog") if spec.name == "cis680-ae.toyfaces"]
        assert again == dataclasses.replace(spec, repo="me/ae", revision=40 * "a")
    finally:
        record.write_bytes(before)


def test_all_pretrained_takes_what_is_installed():
    named = {spec.name for spec in installed()}
    assert {"cis680-ae.cufs", "kl-f8-tiny.celeba"} <= named
    assert len(named) == len(registry().entries("weights"))


def test_a_signed_model_is_verified_over_the_wire(server, made, key_pair):
    private, public = key_pair()
    signing.sign(made.folder, private)
    commit = publish(made, REPO)
    shown = CliRunner().invoke(commands, ["verify", "hf-hub:me/faces", "--key", str(public)])
    assert "as signed  config.json, metrics.json, README.md, golden.safetensors, model.safetensors" in shown.output
    (made.folder / "README.md").write_text("---\nlicense: mit\n---\n# another's\n")
    changed = publish(made, REPO)
    source = resolve(f"hf-hub:me/faces@{changed}")
    with pytest.raises(WeightsError, match=r"is not what was signed: README\.md"):
        signing.verify(source.folder, public, source.repo)
    source = resolve(f"hf-hub:me/faces@{commit}")
    assert signing.verify(source.folder, public, source.repo)
    (made.folder / "model.sig").unlink()
    unsigned = resolve(f"hf-hub:me/faces@{publish(made, REPO)}")  # what is published unsigned keeps no old signature
    with pytest.raises(WeightsError, match=r"model\.sig"):
        signing.verify(unsigned.folder, public, unsigned.repo)


def test_a_key_that_cannot_be_used_is_said_before_anything_is_measured(run, tmp_path, monkeypatch):
    monkeypatch.setattr("aezoo.training.publish.draft", lambda *_, **__: pytest.fail("it measures"))
    answer = CliRunner().invoke(commands, ["publish", str(run), "me/faces", "--sign", str(tmp_path / "no.pem")])
    assert answer.exit_code == 2
    assert "no.pem' cannot be read" in answer.output


def test_signing_as_it_is_published(server, run, key_pair):
    private, public = key_pair()
    sent = CliRunner().invoke(commands, ["publish", str(run), "me/faces", "--sign", str(private)])
    assert sent.exit_code == 0, sent.output
    assert "model.sig" in sent.output
    source = resolve("hf-hub:me/faces")
    assert len(signing.verify(source.folder, public, source.repo)) == 5


def test_a_file_that_nobody_signed_is_seen_over_the_wire(server, made, key_pair):
    private, public = key_pair()
    (made.folder / "metrics.json").rename(made.folder.parent / "metrics.json")
    signing.sign(made.folder, private)
    commit = publish(made, REPO)
    server.repositories["me/faces"].commits[commit]["metrics.json"] = b"{}"
    source = resolve(f"hf-hub:me/faces@{commit}")
    with pytest.raises(WeightsError, match=r"is not what was signed: metrics\.json is another, gone or new"):
        signing.verify(source.folder, public, source.repo)


def bright(measured, *, weights=""):
    return measured.images.flatten(1).mean(1)


class Read(torch.nn.Linear):
    """An encoder that would read a file."""

    def __init__(self, image, *, weights=""):
        super().__init__(28, 4)

    def forward(self, images):
        return super().forward(images[:, 0]).flatten(1)


def test_no_path_in_an_option_is_sent(tmp_path):
    option = aezoo.Option(name="weights", type="str", default="", external=True)
    with isolated_registry("aezoo"):
        aezoo.register("metric", "bright", options=(option,))(bright)
        aezoo.register("encoder", "read", options=(option,))(Read)
        parts = {"image_size": 28, "encoder": "read(weights='/home/me/e.pth')", "decoder": "mlp(hidden=(8,))"}
        asked = aezoo.describe("cis680-vae16", **parts)
        more = {"steps": 4, "batch_size": 8, "metrics": (r"bright(weights='/home/me/o\'brien/x.pth')",)}
        model = aezoo.train(asked, "toyfaces(count=40, size=28)", out=tmp_path / "run", **more).model
        (tmp_path / "faces").mkdir()
        made = draft(str(tmp_path / "run"), REPO, tmp_path / "faces")
        model.save_pretrained(tmp_path / "saved")
    assert "/home/me" not in (tmp_path / "saved/config.json").read_text()
    texts = {name: (made.folder / name).read_text() for name in ("config.json", "metrics.json", "README.md")}
    assert [name for name, text in texts.items() if "/home/me" in text] == []
    assert "x.pth" in texts["metrics.json"]


def test_a_link_is_not_sent(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "figures/loss.png").unlink()
    (copy / "figures/loss.png").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("secret")
    for name in ("faces", "again"):
        (tmp_path / name).mkdir()
    assert "figures/loss.png" not in draft(str(copy), REPO, tmp_path / "faces").files
    shutil.rmtree(copy / "figures")
    (copy / "figures").symlink_to(run / "figures")
    assert "figures/loss.png" not in draft(str(copy), REPO, tmp_path / "again").files


def test_what_is_said_of_the_repository_arrives(server, run):
    done = CliRunner().invoke(commands, ["publish", str(run), "me/faces", "--private", "--revision", "next"])
    assert done.exit_code == 0, done.output
    place = server.repositories["me/faces"]
    assert place.private
    assert ["config.json" in place.tree(branch) for branch in ("next", "main")] == [True, False]


def test_another_answer_is_said(server, made, monkeypatch):
    own = publishing.golden
    monkeypatch.setattr(publishing, "golden", lambda *given: {name: x + 1 for name, x in own(*given).items()})
    with pytest.raises(WeightsError, match="what comes back gives another"):
        publish(made, REPO)


def test_an_unfinished_run_is_not_drafted(run, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "standing", lambda training: "unfinished: step 3 of 12")
    (tmp_path / "out").mkdir()
    with pytest.raises(WeightsError, match="is unfinished: step 3 of 12: 'aezoo train --finish' ends it"):
        draft(str(run), REPO, tmp_path / "out")
