"""A database asked over its own protocol, for servers that no pod of the cluster runs."""

from collector.sql.database import Database
from collector.sql.session import Asked, ask

__all__ = ["Asked", "Database", "ask"]
