"""Edits of recordings: each takes one and returns another that is as consistent as a real cluster's."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from collector.core.clock import rfc3339
from collector.demo.recording import Answer, Json, LogKey, Recording, encode, log_key

_PLATFORM_NAMESPACES = frozenset({"kubeaddons", "konvoy"})
_SIGN = re.compile("konvoy|kubeaddons", re.IGNORECASE)
_VENDOR_SUFFIX = re.compile(r"(v\d+\.\d+\.\d+)\+d2iq\.\d+")
_WORKLOADS = re.compile(r"/apis/(apps|extensions)/[^/]+/(deployments|statefulsets|daemonsets)")
_LISTS = re.compile(r"/api/[^/]+/[^/?]+|/apis/[^/]+/[^/]+/[^/?]+")

Keep = Callable[[str, Json], bool]
Change = Callable[[Json], Json]


def without_konvoy(recording: Recording) -> Recording:
    """Returns the same incident on a cluster that nothing marks as Konvoy's.

    Takes away node labels and what selects them, the platform's namespaces with all in them, its API group,
    CRDs and Addons, and the vendor's suffix of version numbers. The cluster's other applications stay.
    """
    for group in {group for group, _ in recording.resources if _SIGN.search(group)}:
        recording = without_group(recording, group)
    recording = _keeping(recording, _is_not_the_platforms)
    recording = _mapped(recording, _unmarked)
    texts = {
        target: replace(answer, body=_plain(answer.body.decode("latin-1")).encode("latin-1"))
        for target, answer in recording.answers.items()
        if not answer.is_json and _SIGN.search(answer.body.decode("latin-1"))
    }
    return recording.with_answers(texts)


def without_group(recording: Recording, group: str) -> Recording:
    """Returns a recording whose server does not have the API group: discovery, objects, CRDs, APIService."""
    root = f"/apis/{group}"
    gone: dict[str, Answer | None] = {
        target: None for target in recording.answers if target == root or target.startswith(f"{root}/")
    }
    groups = copy.deepcopy(recording.answers["/apis"].json)
    groups["groups"] = [entry for entry in groups["groups"] if entry["name"] != group]
    recording = recording.with_answers({**gone, "/apis": Answer.of(groups)})
    if "/apis" in recording.aggregated:
        document = copy.deepcopy(recording.aggregated["/apis"].json)
        document["items"] = [item for item in document["items"] if item["metadata"]["name"] != group]
        changed = replace(recording.aggregated["/apis"], body=encode(document))
        recording = recording.with_aggregated({"/apis": changed})
    registries = ("apiservices", "customresourcedefinitions")
    return _keeping(
        recording, lambda resource, item: resource not in registries or item["spec"].get("group") != group
    )


def with_image(recording: Recording, namespace: str, workload: str, image: str) -> Recording:
    """Returns a recording in which a workload's first container, and all that came of it, runs ``image``.

    ``workload`` names a Deployment, StatefulSet or DaemonSet. Raises LookupError when there is none.
    """
    owners = [item for item in _workloads(recording) if _place(item) == (namespace, workload)]
    if not owners:
        raise LookupError(f"no workload {namespace}/{workload} in the recording")
    old = owners[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    family = _family(recording, {owner["metadata"]["uid"] for owner in owners})

    def change(item: Json) -> Json:
        if item.get("metadata", {}).get("uid") not in family:
            return item
        return _strings(item, lambda text: _other_image(text, old, image))

    return _mapped_items(recording, change)


def with_server_version(recording: Recording, version: str) -> Recording:
    """Returns a recording of a server and nodes of ``version`` (``v1.18.20``); discovery stays as it was."""
    document = copy.deepcopy(recording.answers["/version"].json)
    nodes = recording.answers["/api/v1/nodes"].json["items"] if "/api/v1/nodes" in recording.answers else []
    old = {document["gitVersion"], *(node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes)}
    known = re.compile("|".join(rf"{re.escape(text)}(?![\d.])" for text in sorted(old)))
    recording = _mapped(recording, lambda value: _strings(value, lambda text: known.sub(version, text)))
    major, minor = version.lstrip("v").split(".")[:2]
    document |= {"gitVersion": version, "major": major, "minor": minor}
    return recording.with_answers({"/version": Answer.of(document)})


def without_workload(recording: Recording, namespace: str, workload: str) -> Recording:
    """Returns a recording without a workload and all that came of it. Raises LookupError if there is none."""
    owners = [item for item in _workloads(recording) if _place(item) == (namespace, workload)]
    if not owners:
        raise LookupError(f"no workload {namespace}/{workload} in the recording")
    family = _family(recording, {owner["metadata"]["uid"] for owner in owners})
    return _keeping(recording, lambda _, item: item["metadata"].get("uid") not in family)


def changed_workload(recording: Recording, namespace: str, workload: str, change: Change) -> Recording:
    """Returns a recording in which ``change`` was made to a workload, in every version of its API."""
    return _mapped_items(
        recording,
        lambda item: (
            change(copy.deepcopy(item))
            if _place(item) == (namespace, workload) and "containers" in json.dumps(item.get("spec", {}))
            else item
        ),
    )


def with_object(recording: Recording, path: str, item: Json) -> Recording:
    """Returns a recording with one more object in the list at ``path``, in order of namespace and name."""
    answer = recording.answers[path]
    items = sorted([*answer.json["items"], item], key=_place)
    return recording.with_answers({path: replace(answer, body=encode({**answer.json, "items": items}))})


def with_group(
    recording: Recording, group: str, version: str, resource: Json, items: list[Json]
) -> Recording:
    """Returns a recording whose server has one more API group, with one namespaced resource.

    ``resource`` has name and kind. The aggregated form of discovery goes: a server may not offer it.
    """
    served = f"{group}/{version}"
    entry = {
        "name": group,
        "versions": [{"groupVersion": served, "version": version}],
        "preferredVersion": {"groupVersion": served, "version": version},
    }
    groups = copy.deepcopy(recording.answers["/apis"].json)
    groups["groups"].append(entry)
    full = {
        **resource,
        "singularName": resource["kind"].lower(),
        "namespaced": True,
        "verbs": ["get", "list"],
    }
    listing = {"kind": f"{resource['kind']}List", "apiVersion": served, "metadata": {"resourceVersion": "1"}}
    found = recording.with_answers(
        {
            "/apis": Answer.of(groups),
            f"/apis/{group}": Answer.of({"kind": "APIGroup", "apiVersion": "v1", **entry}),
            f"/apis/{served}": Answer.of(
                {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": [full]}
            ),
            f"/apis/{served}/{resource['name']}": Answer.of({**listing, "items": items}),
        }
    )
    return replace(found, aggregated={})


def with_log(
    recording: Recording, namespace: str, pod: str, container: str, text: str, *, previous: bool = False
) -> Recording:
    """Returns a recording in which a container logged ``text``; every line begins with its RFC 3339 time."""
    key = LogKey(namespace=namespace, pod=pod, container=container, previous=previous)
    changes: dict[str, Answer | None] = {
        target: None for target in recording.answers if log_key(target) == key
    }
    query = f"container={container}&timestamps=true" + ("&previous=true" if previous else "")
    target = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}"
    answer = Answer(status=200, content_type="text/plain", body=text.encode())
    return recording.with_answers({**changes, target: answer})


def with_broken_group(recording: Recording, broken: Recording, group: str) -> Recording:
    """Returns ``recording`` with an aggregated group whose backend is gone, as recorded in ``broken``."""
    root = f"/apis/{group}"
    added = {target: answer for target, answer in broken.answers.items() if target.startswith(root)}
    entries = [entry for entry in broken.answers["/apis"].json["groups"] if entry["name"] == group]
    if not entries:
        raise LookupError(f"no group {group} in the recording")
    groups = copy.deepcopy(recording.answers["/apis"].json)
    groups["groups"] += entries
    aggregated = {"/apis": broken.aggregated["/apis"]} if broken.aggregated else {}
    changed = recording.with_answers({**added, "/apis": Answer.of(groups)}).with_aggregated(aggregated)
    service = _broken_service(entries[0], rfc3339(recording.recorded_at))
    for version in ("v1", "v1beta1"):
        target = f"/apis/apiregistration.k8s.io/{version}/apiservices"
        if target in changed.answers:
            changed = plant(changed, target, "/items/-", service)
    return changed


def plant(recording: Recording, path: str, pointer: str, value: Json) -> Recording:
    """Returns a recording with ``value`` at a JSON pointer (RFC 6901) in the answer to ``path``.

    An empty pointer replaces the whole answer, or makes one; ``-`` appends to a list. Raises LookupError
    when there is no such place.
    """
    if not pointer:
        return recording.with_answers({path: Answer.of(value)})
    document = copy.deepcopy(recording.answers[path].json)
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    place = document
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if isinstance(place, list) and last == "-":
        place.append(value)
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return recording.with_answers({path: replace(recording.answers[path], body=encode(document))})


def _is_not_the_platforms(resource: str, item: Json) -> bool:
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    if resource == "customresourcedefinitions":
        return not _SIGN.search(name)
    return (name if resource == "namespaces" else namespace) not in _PLATFORM_NAMESPACES


def _unmarked(value: Json) -> Json:
    """Drops every key that is a sign, what that empties, and the sign in every other text."""
    if isinstance(value, dict):
        kept = {key: _unmarked(part) for key, part in value.items() if not _SIGN.search(key)}
        return {key: part for key, part in kept.items() if part != {} or value[key] == {}}
    if isinstance(value, list):
        return [_unmarked(part) for part in value]
    if not isinstance(value, str) or not (_SIGN.search(value) or _VENDOR_SUFFIX.search(value)):
        return value
    nested = _nested(value)
    return _plain(value) if nested is None else json.dumps(_unmarked(nested), separators=(",", ":")) + "\n"


def _nested(text: str) -> Json:
    """Returns what a text that is JSON itself holds, such as kubectl's annotation, or None."""
    try:
        return json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None


def _plain(text: str) -> str:
    return _VENDOR_SUFFIX.sub(r"\1", _SIGN.sub("kubernetes", text))


def _broken_service(group: Json, created: str) -> Json:
    version = group["preferredVersion"]["version"]
    message = "failing or missing response: dial tcp 10.0.0.99:443: connect: connection refused"
    condition = {"type": "Available", "status": "False", "reason": "FailedDiscoveryCheck", "message": message}
    uid = "00000000-0000-4000-8000-000000000001"
    return {
        "metadata": {"name": f"{version}.{group['name']}", "uid": uid, "creationTimestamp": created},
        "spec": {
            "service": {"namespace": "kube-system", "name": "metrics-server", "port": 443},
            "group": group["name"],
            "version": version,
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
        "status": {"conditions": [condition]},
    }


def _workloads(recording: Recording) -> Iterator[Json]:
    for target, answer in recording.answers.items():
        if _WORKLOADS.fullmatch(target):
            yield from answer.json["items"]


def _place(item: Json) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _family(recording: Recording, uids: set[str]) -> set[str]:
    """Returns the uids and those of everything they own, however far down."""
    owners = [
        (
            item["metadata"].get("uid"),
            {owner["uid"] for owner in item["metadata"].get("ownerReferences") or ()},
        )
        for _, answer in _lists(recording)
        for item in answer.json["items"]
    ]
    found = set(uids)
    while more := {uid for uid, above in owners if uid not in found and above & found}:
        found |= more
    return found


def _other_image(text: str, old: str, new: str) -> str:
    if text == old:
        return new
    if text.startswith("{"):
        return text.replace(json.dumps(old), json.dumps(new))
    repository = old.rpartition(":")[0] or old
    if "@sha256:" in text and text.partition("@")[0].endswith(repository):
        return f"{new.rpartition(':')[0] or new}@{text.partition('@')[2]}"
    return text


def _lists(recording: Recording) -> Iterator[tuple[str, Answer]]:
    for target, answer in recording.answers.items():
        if _LISTS.fullmatch(target) and answer.is_json and isinstance(answer.json.get("items"), list):
            yield target, answer


def _keeping(recording: Recording, keep: Keep) -> Recording:
    changes: dict[str, Answer | None] = {}
    for target, answer in _lists(recording):
        resource, items = target.rpartition("/")[2], answer.json["items"]
        kept = [item for item in items if keep(resource, item)]
        if len(kept) != len(items):
            changes[target] = replace(answer, body=encode({**answer.json, "items": kept}))
    return recording.with_answers(changes)


def _mapped_items(recording: Recording, change: Change) -> Recording:
    changes: dict[str, Answer | None] = {}
    for target, answer in _lists(recording):
        items = [change(item) for item in answer.json["items"]]
        if items != answer.json["items"]:
            changes[target] = replace(answer, body=encode({**answer.json, "items": items}))
    return recording.with_answers(changes)


def _mapped(recording: Recording, change: Change) -> Recording:
    def changed(answers: Mapping[str, Answer]) -> dict[str, Answer | None]:
        found: dict[str, Answer | None] = {}
        for target, answer in answers.items():
            value = change(answer.json) if answer.is_json else None
            if answer.is_json and value != answer.json:
                found[target] = replace(answer, body=encode(value))
        return found

    return recording.with_answers(changed(recording.answers)).with_aggregated(changed(recording.aggregated))


def _strings(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, dict):
        return {key: _strings(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [_strings(part, change) for part in value]
    return change(value) if isinstance(value, str) else value
