"""The flags that send the bundle itself somewhere; their settings are made elsewhere, so help stays quick."""

from __future__ import annotations

from collector.cli.parser import ENVIRONMENT, Parser

TOKEN = ENVIRONMENT + "ERRBIT_TOKEN"
TOKEN_PAGE = "copy it again from the user's own page in Errbit"
POSTGRES_DSN = ENVIRONMENT + "POSTGRES_DSN"
STORE_URL = ENVIRONMENT + "STORE_URL"
_DEFAULT_REGION = "us-east-1"


def add_source_flags(made: Parser) -> None:
    """Adds the flags that have Conductor's own Errbit read as evidence."""
    option = made.option
    option(
        "--errbit-source-url",
        "address of Conductor's Errbit, to read its exceptions; in the cluster it is found",
        default="",
    )
    option("--errbit-token-file", f"file with a user's token for it (or {TOKEN})", default="", metavar="FILE")


def add_database_flag(made: Parser) -> None:
    """Adds the flag that has a database outside the cluster's pods asked."""
    made.option(
        "--postgres-dsn-file",
        f"file with the DSN of a database to ask over the network (or {POSTGRES_DSN})",
        default="",
        metavar="FILE",
    )


def add_bundle_flags(made: Parser, *, upload: str = "no") -> None:
    """Adds the flags. Without any of them the bundle stays on this machine, unless ``upload`` is yes."""
    option = made.option
    option(
        "--upload-bundle",
        "upload the bundle itself to the endpoint, in pieces (yes, no)",
        nargs="?",
        const="yes",
        choices=("yes", "no"),
        default=upload,
    )
    option("--upload-max-size", "a larger bundle is announced only", default="16Mi", metavar="SIZE")
    option("--upload-chunk-size", "size of a piece before encoding", default="512Ki", metavar="SIZE")
    option(
        "--upload-key-file", "file with the API key of an application for bundles", default="", metavar="FILE"
    )
    option("--upload-recipient", "age public key to encrypt for what leaves this machine", default="")
    option(
        "--store-url-file",
        f"file with an address that was signed for PUT (or {STORE_URL})",
        default="",
        metavar="FILE",
    )
    option("--store-bucket", "bucket of an S3-compatible store, as NAME or NAME/PREFIX", default="")
    option("--store-endpoint", "address of that store; its keys are AWS_ACCESS_KEY_ID and so on", default="")
    option("--store-region", "region of that store", default=_DEFAULT_REGION)
