"""All threads of a run keep one pace, and all of them wait when the server asks one of them to."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from collector.core.clock import OffsetClock, SystemClock
from collector.core.deadline import Deadline
from collector.demo.apiserver import RecordedApi, serve
from collector.demo.messages import Request, Response
from collector.kube import errors
from collector.kube.api import Api
from collector.kube.manners import Manners
from collector.kube.requestlog import RequestLog
from tests.lib import faulty, hostile
from tests.lib.clusters import PatientClock, connection, served
from tests.lib.recordings import recording

SYSTEM = SystemClock()
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.mark.parametrize("status", [429, 503])
def test_when_one_request_is_told_to_come_back_later_all_wait(status: int) -> None:
    with served(recording(), clock=SYSTEM) as (server, api):
        server.on("/healthz", hostile.asking_back(status, "1"), times=1)
        first = threading.Thread(target=lambda: api.get_text("/healthz"))
        first.start()
        while not api.log.total:
            time.sleep(0.005)
        told = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: api.view("other", api.deadline).get_json("/version"), range(4)))
        assert time.monotonic() - told > 0.8
        first.join()
        assert api.log.waited > 4.0


def test_a_server_that_states_a_moment_means_it_by_its_own_clock() -> None:
    # The recorded server's clock, by which this is two seconds from now, is far from ours.
    clock = PatientClock()
    with served(recording(), clock=clock) as (server, api):
        moment = recording().recorded_at.timestamp() + 5
        server.on(
            "/version", hostile.asking_back(503, time.strftime(HTTP_DATE, time.gmtime(moment))), times=1
        )
        api.get_json("/version")
    assert 3 < sum(clock.slept) < 6


@pytest.mark.parametrize("stated", ["soon", "-1", "1e9", "", "٣", "Fri, 99 Nov 9999 99:99:99 GMT"])
def test_a_moment_that_cannot_be_read_is_none(stated: str) -> None:
    clock = PatientClock()
    with served(recording(), clock=clock) as (server, api):
        server.on("/version", hostile.asking_back(429, stated.encode().decode("latin-1")), times=1)
        api.get_json("/version")
    assert sum(clock.slept) < 1


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    clock = PatientClock()
    with served(recording(), clock=clock, seconds=10) as (server, api):
        server.on("/version", hostile.asking_back(429, "30"))
        with pytest.raises(errors.ThrottledError):
            api.get_json("/version")
        with pytest.raises(errors.ResponseTimeoutError):
            api.get_json("/healthz")
        assert len(server.requests) == 1
    assert clock.slept == []


def test_a_server_that_says_when_to_come_back_is_asked_more_often() -> None:
    with served(recording()) as (server, api):
        server.on("/version", hostile.asking_back(503, "1"), times=4)
        api.get_json("/version")
        server.on("/version", faulty.unavailable(), times=4)
        with pytest.raises(errors.ServerError):
            api.get_json("/version")


def test_the_pace_is_kept_on_the_wire() -> None:
    with serve(RecordedApi(recording(), OffsetClock(recording().recorded_at))) as url:
        link = connection(url)
        api = Api(
            link,
            clock=SYSTEM,
            deadline=Deadline(SYSTEM, 20),
            log=RequestLog(),
            bundle_id="cndtest",
            manners=Manners(SYSTEM, requests_per_second=10, parallel=4),
        )
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: api.get_text("/healthz"), range(70)))
        link.pool.clear()
    # Sixty at once, then ten a second.
    assert 0.9 < time.monotonic() - began < 10
    assert api.log.waited > 0.9


def test_streams_that_hang_do_not_hold_up_the_rest() -> None:
    with served(recording(), clock=SYSTEM, request_timeout=2.0) as (server, api):
        server.on("/api/v1/namespaces/*/log*", faulty.silent())
        few = Api(
            api.connection,
            clock=SYSTEM,
            deadline=Deadline(SYSTEM, 20),
            log=api.log,
            bundle_id="cndtest",
            manners=Manners(SYSTEM, parallel=2),
        )

        def hang(_: int) -> None:
            with (
                contextlib.suppress(errors.ResponseTimeoutError),
                few.stream("/api/v1/namespaces/x/pods/y/log", {"container": "z"}) as chunks,
            ):
                list(chunks)

        with ThreadPoolExecutor(2) as pool:
            hanging = [pool.submit(hang, n) for n in range(2)]
            while not server.requests:
                time.sleep(0.005)
            began = time.monotonic()
            few.get_json("/version")
            assert time.monotonic() - began < 1.5
            assert not any(future.done() for future in hanging)


def test_a_place_is_waited_for_no_longer_than_the_deadline() -> None:
    with served(recording(), clock=SYSTEM, request_timeout=3.0) as (server, api):
        server.on("/healthz", faulty.silent())
        alone = Api(
            api.connection,
            clock=SYSTEM,
            deadline=Deadline(SYSTEM, 20),
            log=api.log,
            bundle_id="cndtest",
            manners=Manners(SYSTEM, parallel=1),
        )
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(alone.get_text, "/healthz")
            while not server.requests:
                time.sleep(0.005)
            began = time.monotonic()
            with pytest.raises(errors.ResponseTimeoutError, match="no time left"):
                alone.within(0.3).get_json("/version")
            assert time.monotonic() - began < 2
            assert isinstance(hanging.exception(), errors.ResponseTimeoutError)


def test_priority_and_fairness_is_counted_and_nothing_but_uids_is_kept() -> None:
    class Fair(RecordedApi):
        level = "5d16d5f1-9b5e-4e9a-8d6c-2f2a0b3f9f11"

        def answer(self, request: Request) -> Response:
            answer = super().answer(request)
            object.__setattr__(answer, "headers", {"X-Kubernetes-Pf-Prioritylevel-Uid": self.level})
            return answer

    fair = Fair(recording(), OffsetClock(recording().recorded_at))
    with serve(fair) as url:
        link = connection(url)
        api = Api(link, clock=SYSTEM, deadline=Deadline(SYSTEM, 20), log=RequestLog(), bundle_id="cndtest")
        for _ in range(3):
            api.get_text("/healthz")
        fair.level = "<script>"
        api.get_text("/healthz")
        link.pool.clear()
    assert dict(api.log.priority_levels) == {"5d16d5f1-9b5e-4e9a-8d6c-2f2a0b3f9f11": 3}
    assert dict(api.log.flow_schemas) == {}
