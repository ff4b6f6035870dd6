"""Reads the few facts of an X.509 certificate that a diagnosis needs, straight from its DER bytes.

The standard library decodes only certificates that it has verified, and exactly those that fail are of
interest; a cryptography library would be a large dependency for six fields. Input is hostile: bounded, and
anything unexpected is a ValueError.
"""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from collector.core.clock import rfc3339
from collector.core.text import display
from collector.records import Json

_LARGEST = 64 * 1024
_LONGEST_NAME = 200
_MOST_NAMES = 100
_SEQUENCE, _SET, _OID, _INTEGER, _OCTETS, _BOOLEAN = 0x30, 0x31, 0x06, 0x02, 0x04, 0x01
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18
_EXTENSIONS = 0xA3
_LONG_FORM, _LENGTH_BYTES = 0x80, 4
_CENTURY = 50
_SAN, _CONSTRAINTS = "2.5.29.17", "2.5.29.19"
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
}
# Universal string types by tag; anything else is shown as UTF-8 with replacements.
_ENCODINGS = {0x14: "latin-1", 0x1E: "utf-16-be"}

Part = tuple[int, bytes]


def certificate_facts(certificate: bytes) -> dict[str, Json]:
    """Returns the facts of one certificate, given as DER or as PEM.

    Keys: ``subject`` and ``issuer`` (``O=kubernetes, CN=kube-apiserver``, in the order of the certificate),
    ``serial`` (hexadecimal), ``not_before`` and ``not_after`` (RFC 3339), ``names`` (subject alternative
    names as ``DNS:api.example.com`` or ``IP:10.0.0.1``, at most 100), ``ca`` (True for an authority),
    ``sha256`` (of the DER bytes). Field numbers and tags: RFC 5280, section 4.1.

    Raises:
        ValueError: the bytes are no certificate.
    """
    der = _der(certificate)
    if len(der) > _LARGEST:
        raise ValueError("the certificate is too large")
    try:
        fields = list(_parts(_inside(_one(der), _SEQUENCE)))
        signed = list(_parts(_inside(fields[0], _SEQUENCE)))
        # The version, tagged [0], is left out by version 1 certificates.
        start = 0 if signed[0][0] == _INTEGER else 1
        serial, _, issuer, validity, subject = signed[start : start + 5]
        begin, end = _parts(_inside(validity, _SEQUENCE))
        extensions = dict(_extensions(signed))
        return {
            "subject": _name(subject),
            "issuer": _name(issuer),
            "serial": _inside(serial, _INTEGER).hex(),
            "not_before": rfc3339(_time(begin)),
            "not_after": rfc3339(_time(end)),
            "names": list(_names(extensions[_SAN])) if _SAN in extensions else [],
            "ca": _is_authority(extensions.get(_CONSTRAINTS, b"")),
            "sha256": hashlib.sha256(der).hexdigest(),
        }
    except (IndexError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError("the bytes are no certificate") from error


def _der(certificate: bytes) -> bytes:
    """Returns DER for PEM; of several PEM blocks the first counts."""
    begin, end = ssl.PEM_HEADER.encode(), ssl.PEM_FOOTER.encode()
    start = certificate.find(begin)
    if start < 0:
        return certificate
    stop = certificate.find(end, start)
    if stop < 0:
        raise ValueError("the PEM block has no end")
    return ssl.PEM_cert_to_DER_cert(certificate[start : stop + len(end)].decode("ascii", "replace"))


def _parts(data: bytes) -> Iterator[Part]:
    """Yields (tag, content) of the values that stand one after another in ``data``."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= _LONG_FORM:
            count = length - _LONG_FORM
            if not 1 <= count <= _LENGTH_BYTES:
                raise ValueError("a length of the certificate is not acceptable")
            length, at = int.from_bytes(data[at : at + count]), at + count
        if at + length > len(data):
            raise ValueError("the certificate is cut off")
        yield tag, data[at : at + length]
        at += length


def _one(data: bytes) -> Part:
    found = next(_parts(data), None)
    if found is None:
        raise ValueError("the certificate has an empty field")
    return found


def _inside(part: Part, tag: int) -> bytes:
    if part[0] != tag:
        raise ValueError("the bytes are no certificate")
    return part[1]


def _name(part: Part) -> str:
    """Returns a distinguished name as text fit to be shown."""
    shown = []
    for group in _parts(_inside(part, _SEQUENCE)):
        for attribute in _parts(_inside(group, _SET)):
            (oid, value) = _parts(_inside(attribute, _SEQUENCE))
            dotted = _dotted(_inside(oid, _OID))
            text = value[1].decode(_ENCODINGS.get(value[0], "utf-8"), "replace")
            shown.append(f"{_ATTRIBUTES.get(dotted, dotted)}={display(text, _LONGEST_NAME)}")
    return ", ".join(shown[:_MOST_NAMES])


def _dotted(oid: bytes) -> str:
    numbers, value = [], 0
    for byte in oid[:32]:
        value = (value << 7) | (byte & 0x7F)
        if not byte & _LONG_FORM:
            numbers.append(value)
            value = 0
    first, rest = numbers[0], numbers[1:]
    top = min(first // 40, 2)
    return ".".join(map(str, (top, first - 40 * top, *rest)))


def _time(part: Part) -> datetime:
    tag, text = part[0], part[1].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: 50 to 99 are of the twentieth century (RFC 5280, section 4.1.2.5.1).
        text = ("19" if int(text[:2]) >= _CENTURY else "20") + text
    elif tag != _GENERAL_TIME:
        raise ValueError("the certificate states no time that can be read")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _extensions(signed: list[Part]) -> Iterator[tuple[str, bytes]]:
    for tag, content in signed:
        if tag == _EXTENSIONS:
            for extension in _parts(_inside(_one(content), _SEQUENCE)):
                parts = list(_parts(_inside(extension, _SEQUENCE)))
                yield _dotted(_inside(parts[0], _OID)), _inside(parts[-1], _OCTETS)


def _names(extension: bytes) -> Iterator[str]:
    """Yields the alternative names that a client compares; other kinds are left out."""
    kinds = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
    for index, (tag, content) in enumerate(_parts(_inside(_one(extension), _SEQUENCE))):
        if index >= _MOST_NAMES:
            return
        if tag in kinds:
            yield f"{kinds[tag]}:{display(content.decode('ascii', 'replace'), _LONGEST_NAME)}"
        elif tag == 0x87:  # noqa: PLR2004 - iPAddress, the seventh kind of GeneralName
            yield f"IP:{ipaddress.ip_address(content)}"


def _is_authority(extension: bytes) -> bool:
    if not extension:
        return False
    parts = list(_parts(_inside(_one(extension), _SEQUENCE)))
    return bool(parts) and parts[0][0] == _BOOLEAN and any(parts[0][1])
