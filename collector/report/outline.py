"""Shows what a run would read: for a person in 80 columns, and for a machine."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from collector.core.text import display, human_age, human_bytes
from collector.records.outline import Outline, Step
from collector.records.rights import Allowed, PlannedRight
from collector.report.rights import fitting, rights_value

_INDENT = 25


def outline_text(outline: Outline, *, width: int = 80) -> str:
    """Returns the table of what would be read, then where it would go and what is left out."""
    plan = outline.plan
    lines = [
        display(f"context {plan.context} · {plan.server} · user {plan.user}", width),
        "Nothing was read yet. A run with these flags would ask for:",
        "",
        f"  {'collector':<12} {'requests':<9} what",
        *(line for step in outline.steps for line in _row(step, width)),
        "",
        *_field("namespaces", outline.where, width),
        *_field("pace", _pace(outline), width),
        *_field("bundle", f"{human_bytes(outline.bundle_bytes)} at most, in {outline.folder}", width),
        *_field("sent to", outline.notices_to or "nobody; the bundle stays in its folder", width),
    ]
    for reason, names in outline.skipped.items():
        lines += _field("not read", f"{', '.join(names)}: {reason}", width)
    lines += _denied(plan.missing, width)
    return "\n".join(lines)


def outline_json(outline: Outline) -> bytes:
    """Returns the same as JSON; ``rights`` is what preflight gives."""
    value = {
        "steps": [
            {
                "collector": step.collector,
                "requests_at_least": step.requests,
                "note": step.note,
                "asks": [f"{planned.right.verb} {planned.right.name}" for planned in step.rights],
                "asks_again": [{"list": name, "part": part} for name, part in step.again],
                "denied": [planned.right.name for planned in step.rights if planned.allowed is Allowed.NO],
            }
            for step in outline.steps
        ],
        "namespaces": outline.where,
        "limits": {
            "bundle_bytes": outline.bundle_bytes,
            "run_seconds": outline.run_seconds,
            "requests_per_second": outline.requests_per_second,
            "parallel_requests": outline.parallel_requests,
        },
        "folder": outline.folder,
        "notices_to": outline.notices_to,
        "skipped": dict(outline.skipped),
        "rights": rights_value(outline.plan),
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _row(step: Step, width: int) -> Iterator[str]:
    lists = step.again or any(planned.right.verb == "list" for planned in step.rights)
    more = "+" if lists else ""
    requests = f"{step.requests}{more}" if step.requests or not step.rights else "1 a log"
    head = f"  {display(step.collector, 12):<12} {requests:<9} "
    yield head + fitting(_names(step.rights) or ["nothing new"], width - len(head))
    for note in (step.note, *_again(step)):
        yield from textwrap.wrap(
            display(note), width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT
        )


def _again(step: Step) -> Iterator[str]:
    """Yields what is asked for again, lists of the same part in one sentence."""
    for part in dict.fromkeys(part for _, part in step.again):
        yield f"again {', '.join(name for name, told in step.again if told == part)}: {part}"


def _names(rights: Sequence[PlannedRight]) -> list[str]:
    """Returns what the rights are on, each once whatever may be done with it."""
    return list(dict.fromkeys(planned.right.name for planned in rights))


def _pace(outline: Outline) -> str:
    return (
        f"{human_age(outline.run_seconds)} at most, {outline.requests_per_second} requests a second, "
        f"{outline.parallel_requests} at once"
    )


def _field(name: str, text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(
        display(text),
        width,
        initial_indent=f"  {name:<12} ",
        subsequent_indent=" " * 15,
        break_on_hyphens=False,
        break_long_words=False,  # a path has to stay one to be of use
    )


def _denied(missing: Sequence[PlannedRight], width: int) -> Iterator[str]:
    if missing:
        yield from _field("not granted", ", ".join(_names(missing)), width)
        yield from _field(
            "", "conductor-diag preflight shows more, and writes the Role that grants it.", width
        )
