"""An Errbit-compatible endpoint on the loopback interface: for demo, tests, and who has no Errbit yet."""

from collector.receiver.app import Receiver
from collector.receiver.faults import Fault, Faults
from collector.receiver.model import Problem, StoredNotice
from collector.receiver.server import serve
from collector.receiver.store import Store

__all__ = ["Fault", "Faults", "Problem", "Receiver", "Store", "StoredNotice", "serve"]
