"""The collectors, in order of value: what a diagnosis needs first is asked for first."""

from collector.collectors.alterations import ALTERATIONS
from collector.collectors.base import Collector, Context, Need, Reread
from collector.collectors.choice import Choice, choose
from collector.collectors.cluster import CLUSTER
from collector.collectors.conductor import CONDUCTOR
from collector.collectors.digest import Digest
from collector.collectors.errbit import ERRBIT
from collector.collectors.facts import FACTS
from collector.collectors.itself import ITSELF
from collector.collectors.local import local_collector
from collector.collectors.logs import LOGS
from collector.collectors.postgres import POSTGRES
from collector.collectors.resources import RESOURCES
from collector.collectors.versions import VERSIONS
from collector.collectors.workloads import WORKLOADS

COLLECTORS = (
    WORKLOADS,
    CLUSTER,
    CONDUCTOR,
    LOGS,
    POSTGRES,
    ERRBIT,
    VERSIONS,
    ALTERATIONS,
    FACTS,
    RESOURCES,
    ITSELF,
)

__all__ = [
    "COLLECTORS",
    "Choice",
    "Collector",
    "Context",
    "Digest",
    "Need",
    "Reread",
    "choose",
    "local_collector",
]
