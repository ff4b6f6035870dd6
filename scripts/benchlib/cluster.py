"""A synthetic cluster as an API: pods, events, deployments and logs of its own, the rest as recorded."""

from __future__ import annotations

import base64
import gzip
import itertools
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.core.clock import SystemClock
from collector.core.resources import config_path
from collector.demo.apiserver import RecordedApi
from collector.demo.messages import Request, Response
from collector.demo.recording import Recording
from collector.demo.stage import RECORDING
from scripts.benchlib import names, objects
from scripts.benchlib.corpus import LAST_CHUNK, Corpus
from scripts.benchlib.pods import pods
from scripts.benchlib.text import SHARES

_JSON = "application/json"
_PIECE = 1024 * 1024
_GZIP_FROM = 128 * 1024
_OK, _CREATED, _BAD_REQUEST = 200, 201, 400
_AUTHORIZATION = "authorization.k8s.io"
_REVIEWS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
}
_NO_PREVIOUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "previous terminated container not found",
    "reason": "BadRequest",
    "code": _BAD_REQUEST,
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large the cluster is: pods, and bytes of log over all of them."""

    pods: int
    log_bytes: int


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer, ready to be sent. ``log_bytes`` is the text in it when it is a log."""

    status: int
    headers: tuple[str, ...]
    body: Sequence[memoryview | bytes]
    log_bytes: int = 0


class SyntheticCluster:
    """Answers requests from bytes that are rendered once.

    Args:
        shape: how many pods, how much log.
        corpus: the folder that ``write_corpus`` filled.
    """

    def __init__(self, shape: Shape, corpus: Path) -> None:
        self._log_size = shape.log_bytes // max(shape.pods, 1)
        recording = Recording.load(config_path("demo", RECORDING))
        self._rest = RecordedApi(recording, SystemClock())
        recorded = recording.answers["/api/v1/namespaces"].json["items"]
        kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
        corpora = {kind: Corpus.open(corpus, kind) for kind in SHARES}
        self._logs = {
            (names.namespace_of(number), names.pod_name(number)): (
                corpora[kinds[number * 37 % 100]],
                number,
            )
            for number in range(shape.pods)
        }
        self._lists = {
            "/api/v1/pods": _List("PodList", "v1", pods(shape.pods)),
            "/api/v1/events": _List("EventList", "v1", objects.events(shape.pods)),
            "/apis/apps/v1/deployments": _List("DeploymentList", "apps/v1", objects.deployments(shape.pods)),
            "/api/v1/namespaces": _List(
                "NamespaceList", "v1", itertools.chain(recorded, objects.namespaces(shape.pods))
            ),
        }

    def answer(self, request: Request) -> Reply:
        """Returns the answer to one request."""
        match request.segments:
            case ("apis", group, version, kind) if group == _AUTHORIZATION and kind in _REVIEWS:
                return _allowed(f"{group}/{version}", _REVIEWS[kind])
        return self._own(request) or _plain(self._rest.answer(request))

    def _own(self, request: Request) -> Reply | None:
        """Returns the answer where it is not the recording's."""
        match request.segments:
            case ("api", "v1", "namespaces", namespace, "pods", pod, "log") if (namespace, pod) in self._logs:
                return self._log(namespace, pod, request)
            case ("api", "v1", "namespaces", name):
                return self._lists["/api/v1/namespaces"].one("", name)
            case ("api", "v1", "namespaces", namespace, plural, *name):
                found = self._lists.get(f"/api/v1/{plural}")
            case ("apis", group, version, "namespaces", namespace, plural, *name):
                found = self._lists.get(f"/apis/{group}/{version}/{plural}")
            case _:
                namespace, name, found = "", [], self._lists.get(request.path)
        if found is None:
            return None
        return found.one(namespace, name[0]) if name else found.page(namespace, request)

    def _log(self, namespace: str, pod: str, request: Request) -> Reply:
        if request.flag("previous"):
            return _json(_NO_PREVIOUS, _BAD_REQUEST)
        corpus, number = self._logs[namespace, pod]
        log = corpus.log(number * 131, self._log_size)
        view = memoryview(corpus.wire)
        parts = [
            view[at : min(at + _PIECE, end)] for first, end in log.ranges for at in range(first, end, _PIECE)
        ]
        return Reply(
            status=_OK,
            headers=("Content-Type: text/plain", "Transfer-Encoding: chunked"),
            body=[*parts, LAST_CHUNK],
            log_bytes=log.size,
        )


class _List:
    """One resource: its objects rendered on first use, its pages kept for the next run."""

    def __init__(self, kind: str, version: str, items: Iterable[names.Object]) -> None:
        self._kind = kind
        self._version = version
        self._items: dict[str, list[bytes]] = {"": []}
        self._named: dict[tuple[str, str], bytes] = {}
        for item in items:
            rendered = names.encode(item)
            namespace = item["metadata"].get("namespace", "")
            self._items[""].append(rendered)
            if namespace:
                self._items.setdefault(namespace, []).append(rendered)
            self._named[namespace, item["metadata"]["name"]] = rendered
        self._pages: dict[tuple[str, int, int, bool], bytes] = {}
        self._lock = threading.Lock()

    def page(self, namespace: str, request: Request) -> Reply:
        """Returns one page, compressed when that is asked for and worth it."""
        token = request.query.get("continue", "")
        start = int(base64.urlsafe_b64decode(token)) if token else 0
        limit = request.number("limit") or 0
        packed = "gzip" in request.headers.get("accept-encoding", "")
        with self._lock:
            body = self._kept((namespace, start, limit, packed))
        gzipped = ("Content-Encoding: gzip",) if body.startswith(b"\x1f\x8b") else ()
        return Reply(status=_OK, headers=(f"Content-Type: {_JSON}", *gzipped, _length(body)), body=(body,))

    def one(self, namespace: str, name: str) -> Reply | None:
        """Returns a single object, None if there is none of the name."""
        found = self._named.get((namespace, name))
        if found is None:
            return None
        head = names.encode({"kind": self._kind.removesuffix("List"), "apiVersion": self._version})
        body = head[:-1] + b"," + found[1:]
        return Reply(status=_OK, headers=(f"Content-Type: {_JSON}", _length(body)), body=(body,))

    def _kept(self, key: tuple[str, int, int, bool]) -> bytes:
        if key not in self._pages:
            namespace, start, limit, packed = key
            body = self._render(self._items.get(namespace, []), start, limit)
            # Servers compress at the fastest level, and only what is large.
            self._pages[key] = gzip.compress(body, 1, mtime=0) if packed and len(body) >= _GZIP_FROM else body
        return self._pages[key]

    def _render(self, items: list[bytes], start: int, limit: int) -> bytes:
        end = min(start + limit, len(items)) if limit else len(items)
        metadata: dict[str, object] = {"resourceVersion": "2000000"}
        if end < len(items):
            metadata["continue"] = base64.urlsafe_b64encode(str(end).encode()).decode()
            metadata["remainingItemCount"] = len(items) - end
        head = names.encode({"kind": self._kind, "apiVersion": self._version, "metadata": metadata})
        return head[:-1] + b',"items":[' + b",".join(items[start:end]) + b"]}"


def _allowed(version: str, kind: str) -> Reply:
    """Answers every question about our own rights with yes; some clients ask in a form that is not JSON."""
    status = {
        "allowed": True,
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [],
        "incomplete": False,
    }
    review = {"kind": kind, "apiVersion": version, "metadata": {}, "spec": {}, "status": status}
    return _json(review, _CREATED)


def _json(value: names.Object, status: int) -> Reply:
    body = names.encode(value)
    return Reply(status=status, headers=(f"Content-Type: {_JSON}", _length(body)), body=(body,))


def _plain(response: Response) -> Reply:
    headers = (
        f"Content-Type: {response.content_type}",
        _length(response.body),
        *(f"{name}: {value}" for name, value in response.headers.items()),
    )
    return Reply(status=response.status, headers=headers, body=(response.body,))


def _length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"
