"""Rules on images: whether Conductor's containers run what its release names, as far as digests can tell.

A reference names an image; only a digest proves one. Where no digest of the shipped image is known, nothing
is called altered: a mirror may hold the same image, and a registry may have moved the tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.analysis.compared import compared, differences, entries, evidence, shipped_images, subject
from collector.analysis.context import Rule, RuleContext
from collector.analysis.running import Key, Running, running_images
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome
from collector.records import Json
from collector.records.access import string
from collector.releases import load_conductor
from collector.releases.images import parse_image, same_repository

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_MAX_NAMED = 4
_SHOWN = 19  # sha256: and 12 digits, as tools shorten it


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What speaks against a running image. ``proven``: it is another one than the release names."""

    said: str
    needs: str
    proven: bool
    evidence: tuple[Evidence, ...]


def references(context: RuleContext) -> Iterator[Finding]:
    """A container's reference is not the one in the manifest, and digests do not show the same image."""
    running = running_images(context)
    for entry, changes in compared(context, "image"):
        for change in changes:
            shipped, live = string(change, "shipped"), string(change, "live")
            runs = [one for one in running.get(_key(entry, _container(change)), ()) if one.reference == live]
            proof = _proof(shipped, live, runs)
            if proof == "same":
                continue
            yield context.finding(
                "CND-ALT-001",
                subject(entry),
                f"{string(entry, 'name')}: {_container(change)} runs {live}, its release names {shipped}",
                outcome=Outcome.UNKNOWN if proof == "none" else Outcome.WARN,
                impact=Impact.RISK,
                evidence=[*evidence(entry), *(one.evidence for one in runs[:_MAX_NAMED])],
                facts={"proof": proof, "image": live},
                confidence=Confidence.UNKNOWN if proof == "none" else Confidence.PROVEN,
                needs=_wanted(shipped, runs) if proof == "none" else "",
            )


def images(context: RuleContext) -> Iterator[Finding]:
    """A container has the release's reference and may run another image all the same."""
    running = running_images(context)
    for entry in entries(context):
        changed = {_container(change) for change in differences(entry, "image")}
        doubts = [
            doubt
            for container, shipped in shipped_images(entry).items()
            if container not in changed
            for doubt in _doubts(container, shipped, running.get(_key(entry, container), ()))
        ]
        if not doubts:
            continue
        proven = any(doubt.proven for doubt in doubts)
        needs = dict.fromkeys(doubt.needs for doubt in doubts if doubt.needs)
        yield context.finding(
            "CND-ALT-009",
            subject(entry),
            f"{string(entry, 'name')}: {'; '.join(doubt.said for doubt in doubts[:_MAX_NAMED])}",
            outcome=Outcome.WARN if proven else Outcome.UNKNOWN,
            impact=Impact.RISK,
            evidence=[*(at for doubt in doubts[:_MAX_NAMED] for at in doubt.evidence), *evidence(entry)],
            facts={"proof": "digest" if proven else "none"},
            confidence=Confidence.PROVEN if proven else Confidence.UNKNOWN,
            needs="" if proven else "; ".join(needs),
            count=len(doubts),
        )


RULES: tuple[Rule, ...] = (references, images)


def _doubts(container: str, shipped: tuple[str, ...], running: Iterable[Running]) -> Iterator[Doubt]:
    """Yields what speaks against the images that run under a reference of the release's own."""
    for reference in shipped:
        runs = [one for one in running if one.reference == reference]
        pinned, listed = _pinned(reference), _listed(reference)
        strange = [one for one in runs if one.digest and one.digest not in pinned | listed]
        if listed or pinned:
            if strange:
                yield _other_digest(container, reference, strange, proven=bool(listed))
            runs = [one for one in runs if not one.digest]
        elif len({one.digest for one in strange}) > 1:
            yield _two_images(container, reference, strange)
            continue
        yield from _elsewhere(container, reference, runs)


def _other_digest(container: str, reference: str, runs: list[Running], *, proven: bool) -> Doubt:
    """What a pinned reference stands for may be an index, and what runs the part for a node's platform."""
    found = ", ".join(_short(one.digest) for one in runs[:_MAX_NAMED])
    return Doubt(
        said=f"{container} runs {found}, which is "
        + (f"no digest known of {reference}" if proven else f"not the digest in {reference}"),
        needs="" if proven else f"docker manifest inspect {reference}: whether it lists {found}",
        proven=proven,
        evidence=tuple(one.evidence for one in runs[:_MAX_NAMED]),
    )


def _two_images(container: str, reference: str, runs: list[Running]) -> Doubt:
    digests = dict.fromkeys(_short(one.digest) for one in runs)
    return Doubt(
        said=f"{container} runs {len(digests)} images as {reference}: {', '.join([*digests][:_MAX_NAMED])}",
        needs=f"the vendor's digest of {reference}",
        proven=False,
        evidence=tuple(one.evidence for one in runs[:_MAX_NAMED]),
    )


def _elsewhere(container: str, reference: str, runs: Iterable[Running]) -> Iterator[Doubt]:
    asked = parse_image(reference).repository
    for one in runs:
        if one.repository and same_repository(one.repository, asked):
            continue
        place = (
            f"came as {one.repository}" if one.repository else "came from no registry (loaded or built there)"
        )
        digest = f"; it runs {_short(one.digest)}" if one.digest else ""
        yield Doubt(
            said=f"{container}'s image {reference} {place}{digest}",
            needs=f"the vendor's digest of {reference}, and the node's: crictl inspecti {reference}",
            proven=False,
            evidence=(one.evidence,),
        )


def _proof(shipped: str, live: str, runs: list[Running]) -> str:
    """Returns same where digests show one image; digest or reference, by which it is another; else none."""
    known = _pinned(shipped) | _listed(shipped)
    found = _pinned(live) or {one.digest for one in runs if one.digest}
    if known and found:
        return "same" if found <= known else "digest"
    return "none" if _last(shipped) == _last(live) else "reference"


def _wanted(shipped: str, runs: Iterable[Running]) -> str:
    here = ", ".join(dict.fromkeys(_short(one.digest) for one in runs if one.digest))
    return f"the vendor's digest of {shipped}" + (f"; {here} runs here" if here else "")


def _pinned(reference: str) -> set[str]:
    found = _DIGEST.search(reference)
    return {found[0].removeprefix("@")} if found else set()


def _listed(reference: str) -> set[str]:
    """Returns the digests that the table of the vendor's images has for a reference."""
    image = parse_image(reference)
    return {
        digest
        for known in load_conductor().images
        if known.names(image.repository, image.tag)
        for digest in known.digests
    }


def _last(image: str) -> str:
    """Returns name and tag without registry, path and digest: all that a mirror leaves as it is."""
    return _DIGEST.sub("", image).rpartition("/")[2]


def _short(digest: str) -> str:
    return digest[:_SHOWN]


def _container(change: Json) -> str:
    return string(change, "field").partition("[")[2].partition("]")[0]


def _key(entry: Json, container: str) -> Key:
    return string(entry, "kind"), string(entry, "namespace"), string(entry, "name"), container
