"""Writes configs/schemas/*.schema.json of redaction's files from their models."""

from __future__ import annotations

import json

from collector.core.resources import config_path
from collector.redaction.schema import redaction_schemas


def main() -> None:
    """Overwrites the files."""
    for name, schema in redaction_schemas().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        config_path("schemas", f"{name}.schema.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
