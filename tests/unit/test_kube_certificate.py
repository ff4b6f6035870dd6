"""Certificates are read as OpenSSL reads them, and nothing but ValueError comes out of hostile ones."""

from __future__ import annotations

import ipaddress
import re
import ssl
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from collector.kube.certificate import certificate_facts

EXPIRED = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
AUTHORITY = trustme.CA(organization_name="Kubernetes \x1b[31mtest", organization_unit_name="cluster é")
LEAF = (
    AUTHORITY.issue_cert(
        "api.example.com",
        "10.0.0.1",
        "fd00::1",
        common_name="kube-apiserver",
        not_before=datetime(2019, 1, 1, tzinfo=UTC),
        not_after=EXPIRED,
    )
    .cert_chain_pems[0]
    .bytes()
)
PARSED = x509.load_pem_x509_certificate(LEAF)
DER = PARSED.public_bytes(Encoding.DER)


def test_the_facts_agree_with_another_reader() -> None:
    facts = certificate_facts(DER)
    assert facts["serial"].lstrip("0") == f"{PARSED.serial_number:x}"
    assert facts["not_before"] == "2019-01-01T00:00:00Z"
    assert facts["not_after"] == "2020-02-03T04:05:06Z"
    assert facts["names"] == ["DNS:api.example.com", "IP:10.0.0.1", "IP:fd00::1"]
    assert "CN=kube-apiserver" in facts["subject"]
    assert facts["sha256"] == PARSED.fingerprint(SHA256()).hex()
    assert facts["ca"] is False
    names = PARSED.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_address("fd00::1"),
    ]


def test_an_authority_is_told_from_a_server_and_control_characters_are_not_shown() -> None:
    facts = certificate_facts(AUTHORITY.cert_pem.bytes())
    assert facts["ca"] is True
    assert facts["subject"] == facts["issuer"] == "O=Kubernetes ?[31mtest, OU=cluster é"


def test_pem_and_der_give_the_same_and_text_around_a_block_is_ignored() -> None:
    assert certificate_facts(b"subject=x\n" + LEAF + b"trailing") == certificate_facts(DER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x82\xff\xff",
        b"\x30\x80\x00\x00",
        DER[:-1],
        b"\x30\x84\xff\xff\xff\xff",
        DER + b"\x00" * 70_000,
        b"-----BEGIN CERTIFICATE-----\nMII",
        LEAF.replace(b"MII", b"\xff\xff\xff"),
    ],
)
def test_what_is_no_certificate_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=re.compile("certificate|PEM|base64|padding|ascii", re.IGNORECASE)):
        certificate_facts(data)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_facts_or_a_value_error(at: int, value: int) -> None:
    changed = DER[:at] + bytes([value]) + DER[at + 1 :]
    try:
        facts = certificate_facts(changed)
    except ValueError:
        return
    assert set(facts) == set(certificate_facts(DER))


@given(st.binary(max_size=300))
def test_any_bytes_give_facts_or_a_value_error(data: bytes) -> None:
    for candidate in (data, b"-----BEGIN CERTIFICATE-----\n" + data + b"\n" + ssl.PEM_FOOTER.encode()):
        with pytest.raises(ValueError):  # noqa: PT011 - any words will do
            certificate_facts(candidate)
