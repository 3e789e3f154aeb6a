"""Signatures: what is verified is what was signed, by the key that signed it."""

import sys

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import aezoo
from aezoo.cli import commands
from aezoo.errors import OptionError, WeightsError
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, SIGNATURE, STATE
from aezoo.weights.signing import sign, verify


@pytest.fixture
def keys(key_pair):
    return key_pair()


@pytest.fixture
def folder(tmp_path):
    model = aezoo.create("cis680-ae", image_size=28, encoder="mlp(hidden=(4,))", decoder="mlp(hidden=(4,))")
    model.save_pretrained(tmp_path / "faces")
    return tmp_path / "faces"


def test_a_signed_folder_is_verified(folder, keys):
    private, public = keys
    assert sign(folder, private) == folder / SIGNATURE
    assert verify(folder, public) == (CONFIG, CARD, GOLDEN, STATE)
    (folder / "notes.txt").write_text("beside the format: never read")
    assert verify(folder, public)
    aezoo.create(folder, pretrained=True)  # loads as before


def edit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("name", [CONFIG, CARD, GOLDEN, STATE])
@pytest.mark.parametrize("change", [edit, remove])
def test_a_file_that_is_another_or_gone(folder, keys, name, change):
    sign(folder, keys[0])
    change(folder / name)
    with pytest.raises(WeightsError, match=f"is not what was signed: {name} is another, gone or new"):
        verify(folder, keys[1])


def test_a_file_that_is_new(folder, keys):
    (folder / GOLDEN).rename(folder / "kept")
    sign(folder, keys[0])
    (folder / "kept").rename(folder / GOLDEN)
    with pytest.raises(WeightsError, match=f"is not what was signed: {GOLDEN}"):
        verify(folder, keys[1])


def test_a_signature_of_another_folder(folder, keys, tmp_path):
    sign(folder, keys[0])
    other = tmp_path / "other"
    aezoo.create("cis680-vae16", image_size=28).save_pretrained(other)
    (folder / SIGNATURE).rename(other / SIGNATURE)
    with pytest.raises(WeightsError, match=r"is not what was signed: config\.json and README\.md"):
        verify(other, keys[1])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_a_key_of_another(folder, keys, key_pair, curve):
    sign(folder, keys[0])
    _, theirs = key_pair(ec.generate_private_key(curve))
    with pytest.raises(WeightsError, match=r"its signature is not of the key .*, or is damaged"):
        verify(folder, theirs)


def test_a_signature_that_is_edited(folder, keys):
    sign(folder, keys[0])
    text = (folder / SIGNATURE).read_text()
    at = text.index('"sig":') + 12
    (folder / SIGNATURE).write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
    with pytest.raises(WeightsError, match="its signature is not of the key"):
        verify(folder, keys[1])


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"dsseEnvelope": {"payload": "!"}}', "[" * 9999])
def test_what_is_no_signature(folder, keys, text):
    (folder / SIGNATURE).write_text(text)
    with pytest.raises(WeightsError, match=r"model\.sig is damaged: it is no signature of a model"):
        verify(folder, keys[1])


def test_what_nobody_signed(folder, keys):
    with pytest.raises(WeightsError, match=r"has no model\.sig: nobody signed it"):
        verify(folder, keys[1])
    with pytest.raises(WeightsError, match=r"no model folder with weights: it has no config\.json"):
        sign(folder.parent, keys[0])


def test_keys_that_cannot_be_used(folder, keys, key_pair, tmp_path):
    private, public = keys
    wrong, _ = key_pair(ed25519.Ed25519PrivateKey.generate())
    for key in (public, wrong, folder / CONFIG):
        with pytest.raises(OptionError, match="is no private key of an elliptic curve that can be used here"):
            sign(folder, key)
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        sign(folder, tmp_path / "nowhere")
    assert not (folder / SIGNATURE).exists()
    sign(folder, private)
    with pytest.raises(OptionError, match="is no public key of an elliptic curve"):
        verify(folder, private)


def test_a_key_with_a_password_on_the_command_line(folder, key_pair):
    private, public = key_pair(ec.generate_private_key(ec.SECP521R1()), b"secret")
    asked = CliRunner().invoke(commands, ["sign", str(folder), "--key", str(private), "--password"], input="secret\n")
    assert asked.exit_code == 0, asked.output
    assert "secret" not in asked.output
    shown = CliRunner().invoke(commands, ["verify", str(folder), "--key", str(public)])
    assert "as signed  config.json, README.md, golden.safetensors, model.safetensors" in shown.output
    with pytest.raises(OptionError, match="Incorrect password"):
        sign(folder, private, "guess")


def test_without_the_package(folder, keys, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing.signing", None)
    with pytest.raises(OptionError, match=r"pip install 'aezoo\[signing\]'"):
        sign(folder, keys[0])
