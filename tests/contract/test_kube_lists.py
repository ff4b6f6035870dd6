"""Lists come whole and once, whatever becomes of continue tokens, page sizes and forms."""

from __future__ import annotations

from typing import Any

import pytest

from collector.demo import messages
from collector.demo.recording import Answer, Recording
from collector.kube import errors
from collector.kube.api import Api, RefusedRequestError
from collector.kube.discovery import ApiResource
from collector.kube.lists import MAX_PAGE_BYTES, ListRead
from tests.lib import faulty, hostile
from tests.lib.clusters import served
from tests.lib.recordings import VERSIONS, recording

SECRET = "czNjcjN0LXZhbHVl"


def resource(plural: str, kind: str, *, namespaced: bool = True) -> ApiResource:
    return ApiResource(
        group="", version="v1", plural=plural, kind=kind, namespaced=namespaced, verbs=frozenset({"list"})
    )


PODS = resource("pods", "Pod")
SECRETS = resource("secrets", "Secret")
CONFIGMAPS = resource("configmaps", "ConfigMap")


def in_order(known: Recording) -> Recording:
    """The recorded pods in the order of a server's store."""
    answer = known.answers["/api/v1/pods"].json
    items = sorted(answer["items"], key=lambda i: f"{i['metadata']['namespace']}/{i['metadata']['name']}")
    return known.with_answers({"/api/v1/pods": Answer.of({**answer, "items": items})})


def names(read: ListRead) -> list[str]:
    return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in read]


def test_a_lost_token_starts_the_list_again_and_skips_what_was_read() -> None:
    with served(in_order(recording())) as (server, api):
        whole = names(ListRead(api, PODS))
        server.on("*continue=*", hostile.lost(), times=3, skip=2)
        read = ListRead(api, PODS, page=5)
        assert names(read) == whole
    assert read.inconsistent
    assert len(whole) > 40


def test_a_list_that_is_lost_again_and_again_ends_with_what_was_read() -> None:
    with served(in_order(recording())) as (server, api):
        server.on("*continue=*", hostile.lost())
        seen: list[str] = []
        with pytest.raises(errors.GoneError):
            seen.extend(item["metadata"]["uid"] for item in ListRead(api, PODS, page=5))
        pages = [request for request in server.requests if request.status == 200]
    assert len(seen) == len(set(seen)) == 5
    assert len(pages) == 4


def test_a_list_in_no_order_is_not_started_again() -> None:
    known = in_order(recording())
    answer = known.answers["/api/v1/pods"].json
    mixed = known.with_answers({"/api/v1/pods": Answer.of({**answer, "items": answer["items"][::-1]})})
    with served(mixed) as (server, api):
        server.on("*continue=*", hostile.lost(), times=1)
        with pytest.raises(errors.GoneError):
            names(ListRead(api, PODS, page=5))


def test_objects_that_vanish_before_the_restart_do_not_confuse_it() -> None:
    known = in_order(recording())
    answer = known.answers["/api/v1/pods"].json
    with served(known) as (server, api):
        whole = names(ListRead(api, PODS))
        server.on("*continue=*", hostile.lost(), times=1)
        read = iter(ListRead(api, PODS, page=5))
        first = [next(read)["metadata"]["name"] for _ in range(5)]
        # The last one read is gone when the list starts again.
        shorter = {**answer, "items": answer["items"][:4] + answer["items"][5:]}
        server.api.recording = known.with_answers({"/api/v1/pods": Answer.of(shorter)})
        rest = [item["metadata"]["name"] for item in read]
    assert [*first, *rest] == [name.partition("/")[2] for name in whole]


def test_a_fresh_token_is_followed_even_in_a_list_without_order() -> None:
    with served(recording()) as (server, api):
        whole = names(ListRead(api, PODS))
        server.on("*continue=*", faulty.gone(), times=2)
        assert names(ListRead(api, PODS, page=5)) == whole


def test_fresh_tokens_without_end_are_an_end() -> None:
    def always(exchange: faulty.Exchange) -> bool:
        token = exchange.request.query.get("continue", "")
        return bool(token) and exchange.send(
            messages.failure(410, "Expired", "too old", metadata={"continue": f"{token}x"})
        )

    with served(recording()) as (server, api):
        server.on("*", always)
        with pytest.raises(errors.GoneError):
            names(ListRead(api, PODS, page=5))
        assert len(server.requests) < 20


def large(count: int, size: int) -> Recording:
    items = [
        {
            "metadata": {"namespace": "conductor", "name": f"c{n:03}", "uid": str(n)},
            "data": {"blob": "x" * size},
        }
        for n in range(count)
    ]
    answer = {
        "kind": "ConfigMapList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1"},
        "items": items,
    }
    return recording().with_answers({"/api/v1/configmaps": Answer.of(answer)})


def test_pages_too_large_for_memory_are_asked_for_in_smaller_portions() -> None:
    with served(large(40, 900_000)) as (_, api):
        read = ListRead(api, CONFIGMAPS)
        found = names(read)
        sizes = [entry.size for entry in api.log if entry.status == 200]
    assert found == [f"conductor/c{n:03}" for n in range(40)]
    assert read.page == 4
    assert not read.inconsistent
    assert max(sizes) < MAX_PAGE_BYTES + 1_000_000


def test_an_object_alone_may_be_larger_than_a_page() -> None:
    with served(large(2, MAX_PAGE_BYTES + 1)) as (_, api):
        assert len(names(ListRead(api, CONFIGMAPS))) == 2


def test_an_absurd_continue_token_is_not_sent_back() -> None:
    answer = {"kind": "PodList", "metadata": {"continue": "x" * 20_000}, "items": []}
    known = recording().with_answers({"/api/v1/pods": Answer.of(answer)})
    with served(known) as (server, api):
        server.on("*", faulty.refused(messages.Response.of(answer)))
        with pytest.raises(errors.MalformedError, match="leads nowhere"):
            names(ListRead(api, PODS))
        assert len(server.requests) == 1


def with_secrets(version: str) -> Recording:
    def secret(name: str) -> dict[str, Any]:
        applied = f'{{"data":{{"password":"{SECRET}"}}}}'
        return {
            "metadata": {
                "name": name,
                "namespace": "conductor",
                "labels": {"owner": "helm"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
                "managedFields": [{"manager": "kubectl"}],
            },
            "data": {"password": SECRET},
            "type": "Opaque",
        }

    answer = {"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}}
    whole = Answer.of({**answer, "items": [secret("a"), secret("b")]})
    return recording(version).with_answers({"/api/v1/secrets": whole})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("namespace", [None, "conductor"])
def test_metadata_only_gives_names_and_labels_and_no_value_on_any_server(
    version: str, namespace: str | None
) -> None:
    with served(with_secrets(version)) as (_, api):
        found = list(ListRead(api, SECRETS, namespace, metadata_only=True))
    assert found == [
        {"metadata": {"name": name, "namespace": "conductor", "labels": {"owner": "helm"}}} for name in "ab"
    ]


def test_a_server_that_sends_the_values_all_the_same_is_not_listened_to() -> None:
    with served(with_secrets("v1.17")) as (server, api):
        server.on("*", hostile.whatever_the_form())
        with pytest.raises(errors.MalformedError) as caught:
            list(ListRead(api, SECRETS, metadata_only=True))
    assert SECRET not in str(caught.value)


def test_the_plain_way_to_secrets_is_closed() -> None:
    def read(api: Api) -> None:
        list(ListRead(api, SECRETS))

    with served(with_secrets("v1.17")) as (server, api):
        with pytest.raises(RefusedRequestError):
            read(api)
        assert not server.requests


def test_excluded_namespaces_are_left_out_by_the_server() -> None:
    params = {"fieldSelector": "metadata.namespace!=conductor,metadata.namespace!=velero"}
    with served(recording()) as (_, api):
        spaces = {name.partition("/")[0] for name in names(ListRead(api, PODS, params=params))}
        everything = {name.partition("/")[0] for name in names(ListRead(api, PODS))}
    assert everything - spaces == {"conductor", "velero"}
