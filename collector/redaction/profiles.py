"""Rules for personal data, apart from those for secrets: used only where a customer asks for them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.redaction.rules import Rules, RuleText, ready


class ProfilesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The whole of configs/redaction/profiles.yaml: profile name to rules."""

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["RedactionProfiles"]
    profiles: dict[str, tuple[RuleText, ...]]


def with_profiles(rules: Rules, profiles: Collection[str], path: Path | None = None) -> Rules:
    """Returns ``rules`` and those of the named profiles, from ``path`` or from what ships with the program.

    Raises:
        SpecError: there is no such profile, or the file is not valid.
    """
    if not profiles:
        return rules
    source = YamlFile(path or config_path("redaction", "profiles.yaml"), SpecError)
    known = source.decode(ProfilesFile).profiles
    unknown = sorted(set(profiles) - known.keys())
    if unknown:
        raise SpecError(
            f"there is no redaction profile {unknown[0]!r}",
            hint=f"known profiles: {', '.join(sorted(known))}",
        )
    written = [rule for name, texts in known.items() if name in profiles for rule in texts]
    return rules.extended(
        [ready(source.path, rule, {}, rules.names) for rule in written], kinds={rule.kind for rule in written}
    )
