"""Signatures of model folders, as the package model-signing of the OpenSSF makes and checks them.

A signature says whose a folder is, where hashes say that it is whole. It is over the files of the format, all that is
ever read of a folder or fetched of a repository, and lies beside them, where other tools look for one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import importlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aezoo.errors import OptionError, WeightsError, first_line, shown
from aezoo.files import write_whole
from aezoo.weights import hub, limits
from aezoo.weights.folder import CONFIG, SIGNATURE, STATE

_SIGNED = tuple(file for file in hub.LARGEST if file != SIGNATURE)


def sign(folder: Path, key: Path, password: str = "") -> Path:
    """Sign a model folder, and return the path of the signature.

    Args:
        folder: with weights.
        key: a private key of an elliptic curve (P-256, P-384 or P-521), in PEM.
        password: of the key.

    Raises:
        OptionError: the key cannot be used, or model-signing is not installed.
        WeightsError: it is no model folder, or cannot be written.
    """
    for file in (CONFIG, STATE):
        if not (folder / file).is_file():
            raise WeightsError(f"{folder} is no model folder with weights: it has no {file}")
    ready = signer(key, password)
    present = [file for file in _SIGNED if (folder / file).is_file()]
    try:
        with _copied(folder, present) as copy, write_whole(folder / SIGNATURE) as draft:
            ready.sign(copy, draft)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be signed: {error.strerror or error}") from error
    return folder / SIGNATURE


def signer(key: Path, password: str = "") -> Any:
    """What signs with a key, of model-signing.

    Raises:
        OptionError: the key cannot be used, or model-signing is not installed.
    """
    config = _imported("signing").Config()
    with _readable(key, "private"):
        # The package hands it on to cryptography, which takes bytes.
        config.use_elliptic_key_signer(private_key=key, password=password.encode() or None)
    return config


def verify(folder: Path, key: Path, repo: hub.Repo | None = None) -> tuple[str, ...]:
    """Check that a model folder is what the owner of a key signed, and return the names of its files.

    Args:
        folder: a model folder.
        key: the public key, in PEM.
        repo: the repository of the Hub that it is in the cache of; what was signed is fetched.

    Raises:
        OptionError: the key cannot be used, or model-signing is not installed.
        WeightsError: there is no signature, it is not of this key, or a file is another, gone, or new.
    """
    verifier = _imported("verifying").Config()
    with _readable(key, "public"):
        verifier.use_elliptic_key_verifier(public_key=key)
    if repo:
        hub.pull(repo, SIGNATURE)
    elif not (folder / SIGNATURE).is_file():
        raise WeightsError(f"{folder} has no {SIGNATURE}: nobody signed it")
    signature = limits.read(folder / SIGNATURE, hub.LARGEST[SIGNATURE])
    signed = _named(signature, folder / SIGNATURE)
    if repo:
        for file in signed:
            hub.pull(repo, file)
        for file in {*_SIGNED} - {*signed}:  # what lies there and nobody signed
            with contextlib.suppress(WeightsError):
                hub.pull(repo, file)
    present = [file for file in _SIGNED if (folder / file).is_file()]
    with _copied(folder, present) as copy:
        beside = copy.with_name(SIGNATURE)
        beside.write_bytes(signature)
        try:
            verifier.verify(copy, beside)
        except Exception as error:  # of whichever of the libraries underneath finds a fault
            changed = [file for file in (*present, *signed) if file in str(error)]
            if changed or str(error).startswith("Signature mismatch"):
                what = " and ".join(dict.fromkeys(changed)) or "a file"
                raise WeightsError(f"{folder} is not what was signed: {what} is another, gone or new") from error
            raise WeightsError(f"{folder}: its signature is not of the key {key}, or is damaged") from error
    return tuple(present)


def _named(signature: bytes, path: Path) -> tuple[str, ...]:
    """The files of the format that a signature names. Nothing vouches for it yet."""
    try:
        envelope = json.loads(signature)["dsseEnvelope"]
        resources = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["resources"]
        names = {each["name"] for each in resources}
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise WeightsError(f"{path} is damaged: it is no signature of a model") from error
    return tuple(file for file in _SIGNED if file in names)


@contextlib.contextmanager
def _copied(folder: Path, files: list[str]) -> Iterator[Path]:
    """The files alone, each of a size that it may have: links of a cache followed, nothing else beside them."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "model"
        copy.mkdir()
        for file in files:
            (copy / file).write_bytes(limits.read(folder / file, hub.LARGEST[file]))
        yield copy


@contextlib.contextmanager
def _readable(key: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptionError(f"--key {shown(str(key))} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # cryptography's, of many kinds
        raise OptionError(
            f"--key {shown(str(key))} is no {kind} key of an elliptic curve that can be used here: "
            f"{first_line(error):.150}"
        ) from error


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(f"model_signing.{module}")
    except ImportError as error:
        raise OptionError("signatures need the package model-signing: pip install 'aezoo[signing]'") from error
