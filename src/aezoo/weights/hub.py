"""Model folders on the Hugging Face Hub: brought here file by file and checked, and sent there in one commit.

All transport is huggingface_hub's: its cache, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, tokens, locks and resumed downloads
are as everywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from aezoo.errors import AezooError, OptionError, WeightsError, one_line, shown, warn
from aezoo.plugins import registry
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, METRICS, SIGNATURE, STATE
from aezoo.weights.limits import GOLDEN as ANSWERS
from aezoo.weights.limits import SMALL, WEIGHTS

SCHEME = "hf-hub"
LARGEST = {CONFIG: SMALL, METRICS: SMALL, CARD: SMALL, GOLDEN: ANSWERS, STATE: WEIGHTS, SIGNATURE: SMALL}
"""The files of a model folder, and how many bytes of each are fetched at most. No other is."""
PICTURES = "figures/*.png"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository and a revision of it, written ``owner/name@revision``.

    Attributes:
        name: ``"owner/name"``.
        revision: a branch, tag or commit; empty: the main branch.

    Raises:
        OptionError: it cannot be the name of one.
    """

    name: str
    revision: str = ""

    def __post_init__(self) -> None:
        parts = (*self.name.split("/"), *self.revision.split("/"))
        if not _NAME.fullmatch(self.name) or (self.revision and not _REVISION.fullmatch(self.revision)):
            raise OptionError(f"{shown(str(self))} is no repository: write owner/name, or owner/name@revision")
        if len(self.name) > 96 or any(".." in part or part.endswith((".git", ".")) for part in parts):
            raise OptionError(
                f"{shown(str(self))} is no repository: its name is too long, has '..' or an end in '.git'"
            )

    @classmethod
    def of(cls, text: str) -> Self:
        """``"owner/name@revision"``."""
        name, _, revision = text.partition("@")
        return cls(name, revision)

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def repository(model: str | os.PathLike[str], revision: str = "") -> str | os.PathLike[str]:
    """A model's name, where other libraries would call a repository ``"owner/name"``, as it is called here.

    Raises:
        OptionError: a revision of what is no repository.
    """
    if isinstance(model, str) and not os.path.exists(model):
        name = model.removeprefix(f"{SCHEME}:")
        owner = name.partition("/")[0]
        if name != model or (_NAME.fullmatch(name) and not registry().entries(distribution=owner)):
            return f"{SCHEME}:{name}@{revision}" if revision else f"{SCHEME}:{name}"
    if revision:
        raise OptionError(f"revision={shown(revision)}: {shown(model)} is no repository of the Hub")
    return model


def pull(repo: Repo, file: str, *, most: int = 0, cache: Path | None = None) -> Path:
    """A file of a repository, in the cache, fetched where it is not there. What the server did not hash so is refused.

    Args:
        repo: its branch or tag is looked up anew, where there is a network; a commit is what it is.
        file: one of a model folder's, in a folder of the repository where it says one.
        most: how many bytes are fetched at most, where `LARGEST` allows more than can be meant.
        cache: where; by default huggingface_hub's.

    Returns:
        Its path, in a folder that is called like the commit.

    Raises:
        WeightsError: it is neither there nor in the cache, or is not what the server said it was.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors

    revision = repo.revision or "main"
    wanted: dict[str, Any] = {"repo_id": repo.name, "filename": file, "revision": revision, "cache_dir": cache}
    with _explained(repo, file):
        cached = hub.try_to_load_from_cache(**wanted)
        if isinstance(cached, str) and _COMMIT.fullmatch(revision):
            return Path(cached)
        try:
            said = hub.get_hf_file_metadata(hub.hf_hub_url(repo.name, file, revision=revision), **_who())
        except (errors.RevisionNotFoundError, errors.EntryNotFoundError):
            raise
        except Exception as error:  # no network, or a server that is down: what was fetched before is still good
            with contextlib.suppress(errors.LocalEntryNotFoundError):
                there = Path(hub.hf_hub_download(**wanted, local_files_only=True))
                if isinstance(error, errors.HfHubHTTPError):  # it answered, and may have taken the model back
                    warn(f"{_called(repo)}: {_reason(error, file)}; what was fetched before is used")
                return there
            raise
        if said.size is None or not said.etag or not said.commit_hash:
            raise WeightsError(f"{_called(repo)}: the server does not say what {file} is")
        largest = LARGEST[posixpath.basename(file)]
        limit = min(largest, most or largest)
        if said.size > limit:
            raise WeightsError(f"{_called(repo)}: {file} has {said.size:,} bytes; at most {limit:,} are fetched")
        known = hub.try_to_load_from_cache(**{**wanted, "revision": said.commit_hash})
        path = Path(hub.hf_hub_download(**wanted, **_who()))
        if not isinstance(known, str) and not _is(path, said.etag):
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise WeightsError(f"{_called(repo)}: {file} came damaged, and was thrown away; try again")
        return path


def push(
    repo: Repo, folder: Path, *, private: bool = False, tag: str = "", message: str = "", stale: tuple[str, ...] = ()
) -> str:
    """Send a model folder in one commit, of what is not there yet, and return the commit.

    Args:
        repo: made where there is none; its revision is a branch, made likewise.
        folder: of which the files of the format are sent, and pictures.
        private: whether a repository that is made is; into one that is public nothing is then sent.
        tag: to give the commit.
        message: of the commit.
        stale: patterns of files there that go where the folder does not have them.

    Raises:
        WeightsError: the server refuses, or cannot be reached; or what is to be private would be public.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors

    api = hub.HfApi(**_who())
    with _explained(repo, "it"):
        api.create_repo(repo.name, private=private or None, exist_ok=True)
        if private and not api.model_info(repo.name).private:
            raise WeightsError(f"{_called(repo)} is there already, and public: nothing was sent")
        if repo.revision:
            api.create_branch(repo.name, branch=repo.revision, exist_ok=True)
        sent = api.upload_folder(
            repo_id=repo.name,
            folder_path=folder,
            revision=repo.revision or None,
            allow_patterns=[*LARGEST, PICTURES],
            delete_patterns=list(stale) or None,
            commit_message=message or "Publish with aezoo",
        )
        if tag:
            try:
                api.create_tag(repo.name, tag=tag, revision=sent.oid)
            except errors.HfHubHTTPError as error:
                if error.response.status_code != 409:
                    raise
                if api.model_info(repo.name, revision=tag).sha == sent.oid:  # of an attempt before this one
                    return sent.oid
                there = f"{_called(Repo(repo.name, sent.oid))} is published, without the tag {tag!r}"
                raise WeightsError(f"{there}, which another commit has: choose another --tag") from error
        return sent.oid


def _who() -> dict[str, Any]:
    return {"library_name": "aezoo", "library_version": metadata.version("aezoo")}


def _called(repo: Repo) -> str:
    return f"{SCHEME}:{repo}"


def _is(path: Path, etag: str) -> bool:
    """Whether a file has the hash that a server gave it: sha256 of a large one, git's of a small one."""
    head = b"blob %d\0" % path.stat().st_size
    found = hashlib.sha256() if len(etag) == 64 else hashlib.sha1(head, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: found).hexdigest() == etag


@contextlib.contextmanager
def _explained(repo: Repo, file: str) -> Iterator[None]:
    """What goes wrong, in one or two lines: what was asked for, where, and what to do."""
    try:
        yield
    except AezooError:
        raise
    except Exception as error:  # of huggingface_hub, of its HTTP client, of the file system
        raise WeightsError(f"{_called(repo)}: {_reason(error, file)}") from error


def _reason(error: Exception, file: str) -> str:
    from huggingface_hub import constants, errors

    endpoint = constants.ENDPOINT
    log_in = "log in with 'hf auth login' or set HF_TOKEN"
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if isinstance(error, errors.GatedRepoError):
        return f"one has to ask for access at {endpoint}, and to {log_in}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no such repository on {endpoint}, or it is private: {log_in}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"it has no such revision on {endpoint}"
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{endpoint} cannot be reached"
        return f"{file} is not in the cache, and {why}"
    if isinstance(error, errors.EntryNotFoundError):
        return f"it holds no {file}: it is no model folder of aezoo's"
    if status in (401, 403):
        return f"{endpoint} refuses ({status}): {log_in}, with a token that may do this"
    if status:
        return f"{endpoint} answered {status} when asked for {file}: try again later"
    line = one_line(error)
    if isinstance(error, errors.HfHubHTTPError | ValueError | RuntimeError):
        return f"{line:.200}"
    return f"{endpoint} cannot be reached, or stopped within {file} ({line:.120}): try again"
