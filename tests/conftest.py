"""Every request that any test makes our client send has to be covered by the RBAC that we ship or write."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.lib.granted import Watcher

# The same examples everywhere, so that a failure can be had again, and no clock that a busy machine misses.
# To look further: pytest --hypothesis-profile=default
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Lets signals be felt that a shell has ignored for what it starts in the background or under nohup."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="session")
def watcher() -> Iterator[Watcher]:
    """Sees all requests to recorded servers, those of fixtures included."""
    found = Watcher()
    with pytest.MonkeyPatch.context() as patch:
        found.install(patch)
        yield found


@pytest.fixture(autouse=True)
def _every_request_is_granted(watcher: Watcher) -> Iterator[None]:
    yield
    assert watcher.problems() == []
