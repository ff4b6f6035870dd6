"""The one way anything read from a cluster turns into bytes that may be written."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec

from collector.records import Json, Objects, Redacted
from collector.redaction import jsontext, stream
from collector.redaction.causes import Counts, structural
from collector.redaction.engines import Engines, installed
from collector.redaction.errors import RedactionError
from collector.redaction.linefilter import LineFilter
from collector.redaction.marker import Marker
from collector.redaction.markup import redact_html
from collector.redaction.rules import Rules
from collector.redaction.selfcheck import check
from collector.redaction.survey import MAX_ITEM, Memory
from collector.redaction.text import Searches, TextEngine
from collector.redaction.unpack import opened

_UNLOGGED = "a line of the log could not be redacted and was withheld"
_PAGE = (b"<!doctype html", b"<html")
_MANAGED_FIELDS = structural("managed-fields")
_NAME = structural("name")
_KEPT_OF_EVENT = ("ts", "level", "run_id")


class Redactor:
    """Redacts objects, streams of text, our own documents and our own words.

    Thread-safe: it holds nothing that changes, and each call counts into the caller's counter alone
    (cause to number of values). ``entry`` is the path under which the content will stand: rules that are for
    some entries only are left out elsewhere. Where it is None every rule applies.

    Args:
        rules: from ``load_rules``.
        key: HMAC key of the placeholders, so that equal values of a run show as equal. Random when None;
            it never leaves the object, so no placeholder can be traced back after the run.
        configmap_values: ``namespace/name`` patterns of ConfigMaps whose values may stay, subject to the
            text rules; by default none may.
        engines: what to search with; by default what is installed.

    Raises, in every method:
        RedactionError: something unexpected happened; the piece must be withheld. Errors of the iterables
            given by the caller pass through unchanged.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        key: bytes | None = None,
        configmap_values: Collection[str] = (),
        engines: Engines | None = None,
    ) -> None:
        self._engine = TextEngine(
            rules,
            Marker(rules.kinds, key),
            Searches(rules, engines or installed()),
            configmap_values=tuple(configmap_values),
        )
        check(self._engine, rules)

    def objects(self, record: Objects, counts: Counts) -> Iterator[Redacted]:
        """Yields a JSON document, one object a line, in the form of a Kubernetes list.

        Each object gets the ``apiVersion`` and ``kind`` that servers leave out of list items. A record
        without a kind becomes a bare array.
        """
        yield Redacted(_opening(record))
        separator = b""
        memory = Memory()
        engine = self._engine.within(record.path)
        for item in record.items:
            with _failing_closed("an object"):
                line = _object(engine, item, record, counts, memory)
            yield Redacted(separator + line)
            separator = b",\n"
        yield Redacted(b"\n]}\n" if record.kind else b"\n]\n")

    def lines(self, chunks: Iterable[bytes], counts: Counts, entry: str | None = None) -> Iterator[Redacted]:
        """Yields text redacted line by line, the same however ``chunks`` are cut, in bounded memory.

        A gzip stream is unpacked, and becomes text.
        """
        lines = LineFilter(self._engine.within(entry), counts)
        for block in stream.blocks(opened(chunks), self._engine.marker, counts):
            with _failing_closed("text"):
                clean = lines.feed(block)
            yield Redacted(clean)

    def document(self, value: Json, counts: Counts, entry: str | None = None) -> Redacted:
        """Returns one JSON document of our own, indented by 1, in the order given, newline at the end."""
        with _failing_closed("a document"):
            clean = self._engine.within(entry).structure.value(value, counts)
            return Redacted(msgspec.json.format(msgspec.json.encode(clean), indent=1) + b"\n")

    def manifest(self, pieces: Callable[[Callable[[Json], bytes]], Iterator[bytes]]) -> Iterator[Redacted]:
        """Yields a document that is put together from values redacted one by one.

        Args:
            pieces: gets the function that redacts one value and returns it as JSON; yields the document.
        """
        counts: Counts = Counter()
        return map(Redacted, pieces(lambda value: self.document(value, counts).data))

    def name(self, path: str, counts: Counts, *, own: int) -> str:
        """Returns an entry's path with the names in it redacted; placeholders are fit for file systems.

        Redacting the result again changes nothing, so that whoever reads the bundle finds the same path.

        Args:
            path: of the entry; rules for some entries are asked about it as it is here.
            counts: takes what was found.
            own: how many of its leading segments are the layout's and stay.
        """
        with _failing_closed("a name"):
            segments = path.split("/")
            names = segments[own:]
            engine = self._engine.within(path)
            if not names or not engine.gate.candidates("\n".join(names).encode("utf-8", "replace")):
                return path
            return "/".join((*segments[:own], *(_named(engine, name, counts) for name in names)))

    def text(self, text: str, counts: Counts, entry: str | None = None) -> str:
        """Returns a short text, such as a server's error message, redacted."""
        with _failing_closed("text"):
            return self._engine.within(entry).string(text, counts)

    def finished(self, data: bytes, counts: Counts, entry: str | None = None) -> Redacted:
        """Returns a rendered report (HTML, JSON or text) after a second look.

        What is clean comes back byte for byte; JSON stays JSON and tags stay tags in what is not.
        """
        with _failing_closed("a report"):
            engine = self._engine.within(entry)
            head = data[:200].lstrip().lower()
            if head.startswith(_PAGE):
                return Redacted(_html(engine, data.decode("utf-8"), counts).encode("utf-8"))
            if head.startswith((b"{", b"[")):
                read = _json(engine, data, counts)
                if read is not None:
                    return Redacted(read)
            lines = LineFilter(engine, counts)
            return Redacted(b"".join(map(lines.feed, stream.blocks((data,), self._engine.marker, counts))))

    def needs_whole(self, entry: str) -> bool:
        """True when a customer's rule looks at places in objects of this entry: its text is not enough."""
        return self._engine.within(entry).has_places

    def redact_event(self, event: MutableMapping[str, Any]) -> dict[str, Any]:
        """Returns one event of our own log redacted; one that cannot be is replaced by words that say so."""
        counts: Counts = Counter()
        try:
            with _failing_closed("a log event"):
                return dict(self._engine.structure.value(_plain(event), counts))
        except RedactionError:
            kept = {name: event[name] for name in _KEPT_OF_EVENT if name in event}
            return {**kept, "msg": _UNLOGGED}

    def processor(self, _: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        """As ``redact_event``, in the shape structlog wants."""
        return self.redact_event(event)


@contextlib.contextmanager
def _failing_closed(what: str) -> Iterator[None]:
    """Turns whatever goes wrong into RedactionError, without the content that may hang on the cause."""
    try:
        yield
    except RedactionError as error:
        raise RedactionError(f"{what} could not be redacted: {error}") from None
    except Exception as error:  # noqa: BLE001 - failing closed means: on anything at all
        raise RedactionError(f"{what} could not be redacted: {type(error).__name__}") from None


def _object(
    engine: TextEngine, item: Mapping[str, Json], record: Objects, counts: Counts, memory: Memory
) -> bytes:
    whole = _without_managed_fields(item, counts)
    if record.item_kind and not whole.get("kind"):
        whole = {
            "apiVersion": whole.get("apiVersion") or record.api_version,
            "kind": record.item_kind,
            **whole,
        }
        whole["kind"] = record.item_kind
    clean = engine.structure.value(engine.placed(whole, counts), counts, numbers=True, memory=memory)
    line = msgspec.json.encode(clean)
    if len(line) > MAX_ITEM:
        raise RedactionError(f"larger than {MAX_ITEM} bytes")
    return line


def _named(engine: TextEngine, name: str, counts: Counts) -> str:
    """Returns one segment of a path redacted, in a form that no rule touches again."""
    local: Counts = Counter()
    clean = engine.string(name, local)
    if clean == name:
        return name
    written = engine.marker.in_path(clean)
    if engine.string(written, Counter()) != written:
        local = Counter()
        written = engine.marker.in_path(engine.marker.mark_text(_NAME, name, local))
    counts.update(local)
    return written


def _json(engine: TextEngine, data: bytes, counts: Counts) -> bytes | None:
    """Returns a JSON document redacted, indented as it was; None if it is not JSON."""
    found = jsontext.find(data)
    if found is None:
        return None
    clean = engine.structure.value(engine.placed_in(found.value, counts), counts)
    if found.ambiguous and clean != found.value:
        raise RedactionError("a key stands twice in it")
    if clean == found.value:
        return None if found.ambiguous else data
    indent = _indent(data)
    if indent is None:
        return found.dump(clean)
    return json.dumps(clean, indent=indent, ensure_ascii=data.isascii()).encode() + b"\n"


def _html(engine: TextEngine, page: str, counts: Counts) -> str:
    def data(text: str) -> str | None:
        read = _json(engine, text.encode(), counts)
        return None if read is None else read.decode()

    return redact_html(
        page,
        lambda text: engine.string(text, counts),
        data,
        lambda text: engine.formally(text.encode()),
    )


def _without_managed_fields(item: Mapping[str, Json], counts: Counts) -> dict[str, Json]:
    """Returns a copy of ``item`` without what every object has and no reader wants: it need not be walked."""
    whole = dict(item)
    metadata = whole.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        whole["metadata"] = {key: value for key, value in metadata.items() if key != "managedFields"}
        counts[_MANAGED_FIELDS] += 1
    return whole


def _opening(record: Objects) -> bytes:
    if not record.kind:
        return b"[\n"
    kind = msgspec.json.encode(record.kind)
    version = msgspec.json.encode(record.api_version)
    return b'{"kind":' + kind + b',"apiVersion":' + version + b',"metadata":{},"items":[\n'


def _plain(value: Any) -> Json:
    """Returns plain JSON for whatever someone put into a log event."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return str(value)


def _indent(data: bytes) -> int | None:
    """Returns by how many spaces a document is indented; None if it stands on one line."""
    head, newline, rest = data.strip().partition(b"\n")
    if not newline or head not in (b"{", b"["):
        return None
    return len(rest) - len(rest.lstrip(b" "))
