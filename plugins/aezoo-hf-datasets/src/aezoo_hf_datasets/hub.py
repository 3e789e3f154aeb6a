"""Where a dataset of the Hub is: in the cache of ``datasets``, or there; and what its card says of its terms."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import huggingface_hub
from datasets import DatasetBuilder, config, load_dataset_builder
from datasets.naming import camelcase_to_snakecase
from datasets.packaged_modules.cache.cache import Cache
from huggingface_hub import DatasetCard
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from aezoo.errors import AezooError, DataError, first_line, one_line
from aezoo.plain import Value
from aezoo.weights.hub import Repo

_INFO = "dataset_info.json"


class Repositories(Collection[str]):
    """Every dataset of the Hub; listed are those that lie in the cache."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)  # which of them there are the Hub alone can say

    def __iter__(self) -> Iterator[str]:
        found = Path(config.HF_DATASETS_CACHE).glob(f"*___*/*/*/*/{_INFO}")
        return iter(sorted({folder.parents[3].name.replace("___", "/", 1) for folder in found}))

    def __len__(self) -> int:
        return len([*self])


def here(repo: Repo, subset: str) -> DatasetBuilder:
    """A dataset that was downloaded before, found without the network.

    Raises:
        DataError: it was not, or not this subset or revision of it.
    """
    owner, _, name = repo.name.partition("/")
    cache = Path(config.HF_DATASETS_CACHE)
    # The folders below are called like the subset, its version and the commit.
    stored = [path.parent for path in (cache / f"{owner}___{camelcase_to_snakecase(name)}").glob(f"*/*/*/{_INFO}")]
    commit = _commit(repo)
    fitting = [
        folder
        for folder in stored
        if (not subset or folder.parts[-3] == subset) and (not repo.revision or folder.name == commit)
    ]
    subsets = sorted({folder.parts[-3] for folder in fitting})
    if not subset and len(subsets) > 1:
        raise DataError(f"hf:{repo.name} has several subsets: say which, as in subset={subsets[0]!r} or {subsets[1]!r}")
    if not fitting:
        others = sorted({f"subset {folder.parts[-3]!r} at {folder.name[:12]}" for folder in stored})
        instead = f" but {', '.join(others[:3])}" if others else ""
        wanted = ", ".join(filter(None, (f"hf:{repo}", subset and f"subset {subset!r}")))
        raise DataError(
            f"{wanted}: not in the cache {cache}{instead}\n"
            f"say hf:{repo.name}(download=True) to fetch it, or streaming=True with take=N to read the first N images"
        )
    # Where neither is said: the commit of the main branch as it was last looked up, else what was stored last.
    best = max(fitting, key=lambda folder: (folder.name == commit, (folder / _INFO).stat().st_mtime_ns))
    subset, version, digest = best.parts[-3:]
    return Cache(repo_id=repo.name, dataset_name=name, config_name=subset, version=version, hash=digest)


def there(repo: Repo, subset: str) -> DatasetBuilder:
    """A dataset on the Hub; where the Hub cannot be reached, as `here`.

    Raises:
        DataError: there is none, none for you, or none that ``datasets`` reads.
    """
    try:
        commit = huggingface_hub.HfApi().dataset_info(repo.name, revision=repo.revision or None).sha
    except RevisionNotFoundError:
        raise DataError(f"hf:{repo.name} has no revision {repo.revision!r}") from None
    except RepositoryNotFoundError:
        raise DataError(
            f"hf:{repo.name}: the Hub has no such dataset, or not for you: see https://huggingface.co/datasets\n"
            "of one that is private or gated, 'hf auth login' says who you are"
        ) from None
    except Exception as error:  # no network, or a server that is down: what was fetched before is still good
        try:
            return here(repo, subset)
        except DataError as missing:
            also = first_line(missing)
            raise DataError(f"hf:{repo}: the Hub cannot be reached: {one_line(error):.200}\nand {also}") from error
    try:
        builder = load_dataset_builder(f"hf://datasets/{repo.name}", subset or None, revision=repo.revision or None)
    except Exception as error:  # of files that may be anyone's
        raise DataError(f"hf:{repo}: {one_line(error):.200}") from error
    if builder.hash != commit:  # of what it cannot read, datasets gives what was in the cache before
        raise DataError(f"hf:{repo}: its files at {commit} are none that the library datasets reads")
    return builder


def terms(member: str, options: Mapping[str, Value]) -> dict[str, str]:
    """What the card of a dataset says of its licence, and ``datasets`` of its citation, where they are in the cache."""
    said = {"homepage": f"https://huggingface.co/datasets/{member}"}
    repo = Repo(member, str(options["revision"]))
    with contextlib.suppress(AezooError):
        info = here(repo, str(options["subset"])).info
        said |= {"licence": info.license, "citation": info.citation, "homepage": info.homepage or said["homepage"]}
    with contextlib.suppress(Exception):  # anyone may have written it
        data = DatasetCard.load(_card(repo)).data.to_dict()
        names = [data["license"]] if isinstance(data["license"], str) else data["license"]
        # YAML's aliases may name lists of lists of lists.
        own = [*names[:10], data.get("license_name"), data.get("license_link")]
        said["licence"] = ", ".join(each[:200] for each in own if isinstance(each, str) and each not in ("", "other"))
    return {what: " ".join(text.split()) for what, text in said.items() if text}


def _card(repo: Repo) -> Path:
    """The card of a revision, in the cache of the Hub.

    Raises:
        FileNotFoundError: it is not there.
    """
    wanted = {"repo_type": "dataset", "revision": repo.revision or "main"}
    found = huggingface_hub.try_to_load_from_cache(repo.name, "README.md", **wanted)
    if not isinstance(found, str):
        raise FileNotFoundError
    return Path(found)


def _commit(repo: Repo) -> str:
    """The commit of a revision, as far as it is known here; the folder of the card is called like it."""
    if re.fullmatch(r"[0-9a-f]{40}", repo.revision):
        return repo.revision
    try:
        return _card(repo).parent.name
    except FileNotFoundError:
        return ""
