"""A recorded cluster with many more pods in it, each with a log of its own."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.demo.recording import Answer, Json, Recording, log_key
from tests.lib.bundles import log_text
from tests.lib.faulty import Exchange, Fault
from tests.lib.streams import sends

NAMESPACE = "shop"
_PODS = "/api/v1/pods"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A pod to add: started again so many times, and ready or not."""

    name: str
    restarts: int = 0
    ready: bool = True


def crowd(troubled: int, healthy: int) -> tuple[Extra, ...]:
    """Returns so many pods that were started again, and so many that never had to be, in mixed order."""
    pods = [Extra(name=f"bad-{number:04}", restarts=3) for number in range(troubled)]
    pods += [Extra(name=f"calm-{number:04}") for number in range(healthy)]
    return tuple(sorted(pods, key=lambda pod: hashlib.sha256(pod.name.encode()).digest()))


def with_pods(known: Recording, pods: Sequence[Extra]) -> Recording:
    """Returns a recording with these pods, of one container each, in a namespace of their own."""
    document = copy.deepcopy(known.answers[_PODS].json)
    model = next(pod for pod in document["items"] if pod["metadata"]["namespace"] == "traefik")
    document["items"] += [_pod(model, extra) for extra in pods]
    document["items"].sort(key=lambda pod: (pod["metadata"]["namespace"], pod["metadata"]["name"]))
    return known.with_answers({_PODS: Answer.of(document)})


def _pod(model: Json, extra: Extra) -> Json:
    pod = copy.deepcopy(model)
    pod["metadata"] |= {"name": extra.name, "namespace": NAMESPACE, "uid": f"uid-{extra.name}"}
    pod["metadata"]["labels"] = {"app": NAMESPACE}
    pod["metadata"].pop("ownerReferences", None)
    for status in pod["status"]["containerStatuses"]:
        status |= {"restartCount": extra.restarts, "ready": extra.ready}
    return pod


def chatty(size: int) -> Fault:
    """Every log of the crowd holds ``size`` bytes, different for each and alike enough to compress."""

    def fault(exchange: Exchange) -> bool:
        key = log_key(exchange.request.target)
        if key is None or key.namespace != NAMESPACE:
            return False
        seed = int.from_bytes(hashlib.sha256(exchange.request.target.encode()).digest()[:4], "big")
        return sends(_pieces(size, seed))(exchange)

    return fault


def _pieces(size: int, seed: int) -> Iterator[bytes]:
    yield log_text(size, seed)
