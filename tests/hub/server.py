"""A hub of one's own, on loopback: as much of the Hugging Face Hub's HTTP API as huggingface_hub needs.

Repositories lie in memory: each has commits (whole trees), branches and tags. What the server is asked for is kept in
``requests``, and faults can be switched on, by name or for one file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".png")  # what the Hub keeps as LFS, by its .gitattributes
TOKEN = "hf_of_the_tests"


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # branches and tags
    messages: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)  # of each commit, and what it changed

    def commit(self, branch: str, files: dict[str, bytes], message: str = "", changed: tuple[str, ...] = ()) -> str:
        named = f"{len(self.commits)}{branch}{sorted(files)}".encode() + b"".join(files.values())
        sha = hashlib.sha1(named).hexdigest()
        self.commits[sha] = files
        self.refs[branch] = sha
        self.messages.append((message, changed))
        return sha

    def tree(self, revision: str) -> dict[str, bytes]:
        return self.commits[self.refs.get(revision, revision)]


@dataclass
class Fault:
    """What goes wrong at a path.

    Attributes:
        kind: a status such as ``"500"``; ``"slow"``, ``"cut"`` (off half way), ``"long"`` (a wrong length), ``"other"``
            (other bytes of the same length), ``"elsewhere"`` (a redirect to another host).
        where: a pattern that is searched for in ``"METHOD /path"``.
        times: how often; then it is gone.
        value: the host of a redirect, or the seconds that ``"slow"`` takes.
    """

    kind: str
    where: str = "."
    times: int = 10**6
    value: Any = ""


class Hub:
    """``with Hub() as hub:`` serves at ``hub.url``."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.authorised: list[str] = []  # requests that came with a token
        hub = self

        class Handler(_Handler):
            def __init__(self, *given: Any) -> None:
                self.hub = hub
                super().__init__(*given)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """A repository of one commit more, which is returned."""
        repository = self.repositories.setdefault(name, Repository(private))
        return repository.commit("main", files, "added", tuple(files))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _take(self) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = f"{self.command} {path}"
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(asked)
        self.has_token = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if self.headers.get("Authorization"):
            self.hub.authorised.append(asked)
        self.fault = ""
        for fault in self.hub.faults:
            if fault.times > 0 and re.search(fault.where, asked):
                fault.times -= 1
                if fault.kind.isdigit():
                    return self._json({"error": "switched on"}, int(fault.kind))
                if fault.kind == "slow":
                    threading.Event().wait(fault.value)  # a test may have no patience with the client's own sleep
                self.fault, self.elsewhere = fault.kind, fault.value
        for pattern, method in self._ROUTES:
            if found := re.fullmatch(pattern, asked):
                return method(self, **found.groupdict())
        return self._json({"error": f"no such thing: {asked}"}, 404)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _take

    def _whoami(self) -> None:
        if not self.has_token:
            return self._json({"error": "Invalid username or password."}, 401)
        return self._json({"type": "user", "name": "me", "auth": {"accessToken": {"role": "write"}}})

    def _yaml(self) -> None:
        self._json({"errors": [], "warnings": []})

    def _create(self) -> None:
        if not self.has_token:
            return self._json({"error": "Invalid username or password."}, 401)
        asked = json.loads(self.body)
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        url = {"url": f"{self.hub.url}/{name}"}
        if name in self.hub.repositories:
            return self._json({"error": "You already created this model repo", **url}, 409)
        private = asked.get("visibility") == "private" or asked.get("private") is True
        repository = self.hub.repositories[name] = Repository(private)
        repository.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        return self._json(url)

    def _repository(self, name: str, *, write: bool = False) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None or ((repository.private or write) and not self.has_token):
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            self._json({"error": "Repository not found"}, 401 if not self.has_token else 404, headers)
            return None
        return repository

    def _commit_of(self, repository: Repository, revision: str) -> str | None:
        sha = repository.refs.get(revision, revision)
        if sha not in repository.commits:
            self._json({"error": f"Invalid rev id: {revision}"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return None
        return sha

    def _info(self, name: str, revision: str | None = None) -> None:
        if (repository := self._repository(name)) and (sha := self._commit_of(repository, revision or "main")):
            files = repository.commits[sha]
            siblings = [{"rfilename": path, "size": len(data)} for path, data in files.items()]
            self._json({"id": name, "modelId": name, "sha": sha, "private": repository.private, "siblings": siblings})

    def _tree(self, name: str, revision: str, path: str | None = None) -> None:
        if (repository := self._repository(name)) and (sha := self._commit_of(repository, revision)):
            below = f"{path}/" if path else ""
            files = {file: data for file, data in repository.commits[sha].items() if file.startswith(below)}
            if not files:
                return self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            flat = "recursive=true" not in self.path.lower()
            folders = {below + file.removeprefix(below).split("/")[0] for file in files} - files.keys()
            entries = [
                self._entry(file, data)
                for file, data in files.items()
                if not flat or file.count("/") == below.count("/")
            ]
            return self._json(
                [*({"type": "directory", "path": folder, "oid": blob(b"")} for folder in folders), *entries]
            )
        return None

    def _paths(self, name: str, revision: str) -> None:
        if (repository := self._repository(name)) and (sha := self._commit_of(repository, revision)):
            wanted = json.loads(self.body)["paths"] if self.body[:1] == b"{" else []
            self._json([self._entry(path, data) for path, data in repository.commits[sha].items() if path in wanted])

    def _entry(self, path: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob(data)}
        if path.endswith(LARGE):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return entry

    def _preupload(self, name: str, revision: str) -> None:
        if (repository := self._repository(name, write=True)) and self._commit_of(repository, revision):
            tree = repository.tree(revision)
            files = []
            for asked in json.loads(self.body)["files"]:
                path = asked["path"]
                large = path.endswith(LARGE)
                known = {}
                if path in tree:
                    known = {"oid": hashlib.sha256(tree[path]).hexdigest() if large else blob(tree[path])}
                mode = "lfs" if large else "regular"
                files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
            self._json({"files": files})

    def _batch(self, name: str) -> None:
        if self._repository(name, write=True):
            objects = []
            for asked in json.loads(self.body)["objects"]:
                entry = {"oid": asked["oid"], "size": asked["size"]}
                if asked["oid"] not in self.hub.objects:
                    entry["actions"] = {"upload": {"href": f"{self.hub.url}/objects/{asked['oid']}"}}
                objects.append(entry)
            self._json({"transfer": "basic", "objects": objects})

    def _upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self._json({"error": "the bytes are not those of the oid"}, 400)
        self.hub.objects[oid] = self.body
        return self._json({})

    def _commit(self, name: str, revision: str) -> None:
        if not (repository := self._repository(name, write=True)) or not self._commit_of(repository, revision):
            return
        lines = [json.loads(line) for line in self.body.splitlines()]
        files, changed = dict(repository.tree(revision)), []
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            elif line["key"] == "header":
                continue
            changed.append(value["path"])
        message = next(line["value"]["summary"] for line in lines if line["key"] == "header")
        sha = repository.commit(revision, files, message, tuple(changed))
        self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha, "success": True})

    def _ref(self, name: str, kind: str, revision: str) -> None:
        if not (repository := self._repository(name, write=True)):
            return None
        asked = json.loads(self.body or b"{}")
        made = asked["tag"] if kind == "tag" else revision
        start = revision if kind == "tag" else asked.get("startingPoint", "main")
        if made in repository.refs:
            return self._json({"error": "Reference already exists"}, 409)
        repository.refs[made] = repository.refs.get(start, start)
        return self._json({})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if not (repository := self._repository(name)) or not (sha := self._commit_of(repository, revision)):
            return None
        data = repository.commits[sha].get(path)
        if data is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}
            return self._json({"error": "Entry not found"}, 404, headers)
        large = path.endswith(LARGE)
        etag = hashlib.sha256(data).hexdigest() if large else blob(data)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if large:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))}
        if self.fault == "elsewhere":
            return self._answer(302, b"", {**headers, "Location": f"{self.elsewhere}{self.path}"})
        if self.fault == "other":
            data = bytes(byte ^ 1 for byte in data)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found and self.command == "GET":
            start, end = int(found[1]), int(found[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            return self._answer(206, data[start : end + 1], headers)
        return self._answer(200, data, headers)

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        length = len(data) + 7 if self.fault == "long" and self.command == "GET" else len(data)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault in ("cut", "long") and self.command == "GET":
            self.wfile.write(data[: len(data) // 2] if self.fault == "cut" else data)
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data)

    # The repository of a dataset is called datasets/owner/name here, as in its address.
    _NAME = r"(?P<name>(?:datasets/)?[^/]+/[^/]+)"
    _API = rf"/api/(?:models/|(?=datasets/)){_NAME}"
    _ROUTES = (
        (r"GET /api/whoami-v2", _whoami),
        (r"POST /api/validate-yaml", _yaml),
        (r"POST /api/repos/create", _create),
        (rf"GET {_API}", _info),
        (rf"GET {_API}/revision/(?P<revision>[^/]+)", _info),
        (rf"GET {_API}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", _tree),
        (rf"POST {_API}/paths-info/(?P<revision>[^/]+)", _paths),
        (rf"POST {_API}/preupload/(?P<revision>[^/]+)", _preupload),
        (rf"POST {_API}/commit/(?P<revision>[^/]+)", _commit),
        (rf"POST {_API}/(?P<kind>tag|branch)/(?P<revision>[^/]+)", _ref),
        (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _batch),
        (r"PUT /objects/(?P<oid>[0-9a-f]{64})", _upload),
        (rf"(?:GET|HEAD) /{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    )


def blob(data: bytes) -> str:
    """The name that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
