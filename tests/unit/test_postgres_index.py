"""Every recorded command is judged: read by an adapter, heard in a log, or named as one never seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.postgres import barman
from collector.postgres.decode import OutputError
from collector.postgres.model import Cluster, Server
from tests.lib import pgsamples as pg
from tests.lib.planted import redacted_lines

CRITICAL, HIGH, MEDIUM, UNKNOWN = "critical", "high", "medium", "unknown"
BROKEN = {"PG-030": CRITICAL}
NONE = {"PG-002": CRITICAL}
OLD_DAMAGE = {"PG-025": HIGH}
FAILING = pg.archiver("pg_stat_archiver-false", ready={"ready": 5, "oldest": "2026-11-20T15:07:20Z"})
NOOP = pg.archiver("pg_stat_archiver-bintrue", settings={"archive_command": "/bin/true"})
STOPPED = pg.archiver("pg_stat_archiver-pgbackrest-stopped", ready={"ready": 4, "oldest": None})
OTHER = pg.archiver("pg_stat_archiver-system-id-mismatch", system={"system_id": "7710279087037925425"})

Reading = Callable[[str], Cluster]


def info(*servers: Server, listing: str = "") -> Reading:
    return lambda name: pg.asked(pg.info(f"{name}.out", listing=listing), *servers)


def listing(of: str) -> Reading:
    return lambda name: pg.info(f"{of}.out", listing=f"{name}.out")


def verify(of: str) -> Reading:
    return lambda name: pg.info(f"{of}.out", verify=f"{name}.out")


def backups(checks: str = "") -> Reading:
    return lambda name: pg.barman_server(backups=f"{name}.out", checks=checks and f"{checks}.out")


def checks(of: str) -> Reading:
    return lambda name: pg.barman_server(backups=f"{of}.out", checks=f"{name}.out")


def in_pod(*, code: int, archives_with: str = "") -> Reading:
    return lambda name: pg.asked_in_pod(
        {"pgbackrest-info": pg.ran(name, code=code)}, archives_with=archives_with
    )


def cloud(name: str) -> Cluster:
    return pg.barman_cloud(f"{name}.out")


READ: dict[str, tuple[Reading, dict[str, str]]] = {
    "barman-cloud/01-list-empty": (cloud, NONE),
    "barman-cloud/03-list": (cloud, {}),
    "barman-cloud/03d-list-barman-3.19": (cloud, {}),
    "barman-cloud/05-list-two-backups": (cloud, {}),
    "barman/01-check-before": (
        checks("barman/01b-list-backups-empty"),
        {"PG-002": CRITICAL, "PG-035": HIGH},
    ),
    "barman/01b-list-backups-empty": (backups(), NONE),
    "barman/04-check-ok": (checks("barman/05-list-backups"), {}),
    "barman/05-list-backups": (backups(), {}),
    "barman/13-check-receive-stopped": (checks("barman/05-list-backups"), {"PG-035": HIGH}),
    # The list goes on saying DONE: only 14-verify-backup-corrupt tells.
    "barman/14b-list-after-corrupt": (backups("barman/04-check-ok"), {}),
    "barman/15-check-min-redundancy": (
        checks("barman/05-list-backups"),
        {"PG-031": MEDIUM, "PG-035": HIGH},
    ),
    "barman/16-check-conn-failed": (
        checks("barman/16c-list-backups-with-failed"),
        {**BROKEN, "PG-031": MEDIUM},
    ),
    "barman/16c-list-backups-with-failed": (
        backups("barman/16-check-conn-failed"),
        {**BROKEN, "PG-031": MEDIUM},
    ),
    "pgbackrest/01-info-repo-empty-no-stanza-arg": (info(), NONE),
    "pgbackrest/02-info-stanza-missing": (info(), NONE),
    "pgbackrest/04-info-no-backup": (info(), NONE),
    "pgbackrest/08-info-full-diff-incr": (info(), {}),
    "pgbackrest/10-verify-ok": (verify("pgbackrest/08-info-full-diff-incr"), {}),
    "pgbackrest/10b-verify-ok-default": (verify("pgbackrest/08-info-full-diff-incr"), {}),
    "pgbackrest/12-info-archive-broken": (info(FAILING), {"PG-018": CRITICAL}),
    "pgbackrest/12c-info-after-failed-backup": (info(FAILING), {"PG-018": CRITICAL}),
    "pgbackrest/13b-info-archive-bintrue": (info(NOOP), {"PG-017": CRITICAL}),
    "pgbackrest/14-info-wal-gap": (info(listing="pgbackrest/15-repo-ls-archive.out"), {"PG-021": CRITICAL}),
    "pgbackrest/14b-verify-wal-gap": (verify("pgbackrest/14-info-wal-gap"), {"PG-021": CRITICAL}),
    "pgbackrest/15-repo-ls-archive": (listing("pgbackrest/14-info-wal-gap"), {"PG-021": CRITICAL}),
    "pgbackrest/15b-repo-ls-archive-nostanza": (
        listing("pgbackrest/14-info-wal-gap"),
        {"PG-021": CRITICAL},
    ),
    "pgbackrest/16-info-lock-held": (info(), {}),
    "pgbackrest/17-info-corrupted": (info(), {}),
    "pgbackrest/17b-verify-corrupted": (verify("pgbackrest/17-info-corrupted"), OLD_DAMAGE),
    "pgbackrest/17b2-verify-corrupted-default": (verify("pgbackrest/17-info-corrupted"), {}),
    "pgbackrest/18-info-backupinfo-tampered": (info(), BROKEN),
    "pgbackrest/18b-info-backupinfo-missing": (info(), NONE),
    "pgbackrest/18c-info-repo-noperm": (info(), BROKEN),
    "pgbackrest/18d-info-repo-path-missing": (info(), NONE),
    "pgbackrest/18e-info-config-missing": (
        in_pod(code=55, archives_with="pgbackrest archive-push %p"),
        {"PG-039": UNKNOWN},
    ),
    "pgbackrest/18f-info-s3-unreachable": (info(), BROKEN),
    "pgbackrest/19-info-two-repos-mixed": (info(), {"PG-002": HIGH}),
    "pgbackrest/20-info-encrypted-empty": (info(), NONE),
    "pgbackrest/20b-info-encrypted-wrong-key": (info(), BROKEN),
    "pgbackrest/21b-info-page-checksum-error": (info(), {"PG-025": CRITICAL}),
    "pgbackrest/21e-verify": (verify("pgbackrest/21b-info-page-checksum-error"), {"PG-025": CRITICAL}),
    "pgbackrest/22b-info-after-timeline-switch": (info(), OLD_DAMAGE),
    "pgbackrest/22c-repo-ls-archive-timeline": (
        listing("pgbackrest/22b-info-after-timeline-switch"),
        OLD_DAMAGE,
    ),
    "pgbackrest/22d-verify-timeline": (verify("pgbackrest/22b-info-after-timeline-switch"), OLD_DAMAGE),
    "pgbackrest/23-info-stopped": (info(STOPPED), {**OLD_DAMAGE, "PG-018": CRITICAL}),
    "pgbackrest/24-repo-ls-archive-gap": (
        listing("pgbackrest/24b-info-archive-gap"),
        {"PG-021": HIGH},
    ),
    "pgbackrest/24b-info-archive-gap": (info(), {}),
    "pgbackrest/25-mismatch-info": (info(OTHER), {**OLD_DAMAGE, "PG-024": CRITICAL}),
    "pgbackrest259/01-info": (info(), OLD_DAMAGE),
    "pgbackrest259/02-info-progress": (info(), {}),
    "pgbackrest259/04-verify": (verify("pgbackrest259/01-info"), OLD_DAMAGE),
    "pgbackrest259/05-info-empty": (info(), NONE),
    "pgbackrest259/05b-info-missing-stanza": (info(), NONE),
    "pgbackrest259/06-verify-corrupted": (verify("pgbackrest/17-info-corrupted"), OLD_DAMAGE),
    "pgbackrest259/06b-verify-corrupted-default": (verify("pgbackrest/17-info-corrupted"), {}),
    "pgbackrest259/07-two-repo-mixed": (info(), {**OLD_DAMAGE, "PG-002": HIGH}),
    "pgbackrest259/08-noperm": (info(), BROKEN),
    "pgbackrest259/10-info-lock-held": (info(), {}),
    "pgbackrest259/11-info-block": (info(), {}),
    "pgbackrest259/12-info-as-root": (in_pod(code=31), {"PG-039": UNKNOWN}),
}

FAILED = {"PG-004": HIGH}
CUT = {"restore-cut": {"PG-012": CRITICAL}}

HEARD: dict[str, dict[str, dict[str, str]]] = {
    "barman-cloud/01b-check-wal-archive": {},
    "barman-cloud/02-backup": {},
    "barman-cloud/03b-list-console": {},
    # Fails by design where there is a backup: it looks whether a place is free for a new server.
    "barman-cloud/04-check-wal-archive-nonempty": {},
    "barman-cloud/05b-list-console-two-backups": {},
    "barman-cloud/06-bad-bucket": {"barman-bucket": BROKEN},
    "barman-cloud/07-unreachable": {"barman-endpoint": BROKEN},
    "barman/02-switch-wal": {},
    "barman/03-backup": {},
    "barman/04b-check-nagios": {},
    "barman/04c-check-console": {},
    "barman/05b-list-backups-console": {},
    "barman/11-verify-backup": {},
    "barman/14-verify-backup-corrupt": {"barman-damaged": OLD_DAMAGE},
    "barman/16b-backup-failed": {"barman-not-started": FAILED},
    "pgbackrest/02b-check-stanza-missing": {"pgbackrest-no-stanza": NONE},
    "pgbackrest/02c-info-stanza-missing-text": {"pgbackrest-no-stanza": NONE},
    "pgbackrest/03-stanza-create": {},
    "pgbackrest/04b-check-ok": {},
    "pgbackrest/04c-info-no-backup-text": {"pgbackrest-no-backup": NONE},
    "pgbackrest/05-backup-full": {},
    "pgbackrest/06-backup-diff": {},
    "pgbackrest/07-backup-incr": {},
    "pgbackrest/08b-info-full-diff-incr-text": {},
    "pgbackrest/11-check-archive-broken": {"pgbackrest-not-archiving": {"PG-018": CRITICAL}},
    "pgbackrest/12b-backup-archive-broken": {"pgbackrest-not-archiving": {"PG-018": CRITICAL}},
    "pgbackrest/13-check-archive-bintrue": {"pgbackrest-noop": {"PG-017": CRITICAL}},
    # The newest of its backups was whole, so the restore went well.
    "pgbackrest/17c-restore-corrupted": {},
    "pgbackrest/21-backup-page-checksum-error": {"pgbackrest-pages": {"PG-025": CRITICAL}},
    "pgbackrest/21d-info-text": {"pgbackrest-damaged": OLD_DAMAGE},
    "pgbackrest/22-restore-delta": {},
    "pgbackrest/23b-backup-stopped": {"pgbackrest-stopped": {"PG-035": HIGH}},
    "pgbackrest/25-mismatch-backup": {"pgbackrest-other-database": {"PG-024": CRITICAL}},
    "pgbackrest/25-mismatch-check": {"pgbackrest-other-database": {"PG-024": CRITICAL}},
    "pgbackrest259/01b-info-text": {"pgbackrest-damaged": OLD_DAMAGE},
    "pgbackrest259/03-check": {},
    "pgbackrest259/09-backup-full-block": {},
    "pgdump/01-dump-custom": {},
    "pgdump/03b-restore-devnull-truncated-half": CUT,
    "pgdump/03c-restore-devnull-good": {},
    "pgdump/04-list-truncated-in-toc": CUT,
    "pgdump/05-list-empty": {"restore-empty": {"PG-011": CRITICAL}},
    "pgdump/06-restore-minus-1-byte": CUT,
    "pgdump/07-dump-plain": {},
    "pgdump/07b-list-plain": {"restore-plain": FAILED},
    "pgdump/07c-gzip-t-truncated": {"gzip-cut": {"PG-012": CRITICAL}},
    "pgdump/07d-gzip-t-good": {},
    "pgdump/08-dump-dir": {},
    "pgdump/08d-restore-devnull-dir-missing-data": CUT,
    "pgdump/09-dumpall": {},
    "pgdump/09b-globals": {},
    "pgdump/10-dump-nodb": {"dump-no-database": FAILED},
    "pgdump/10b-dump-badhost": {"dump-connection": FAILED},
    # Its status is 0, as that of a pipe's last command; the file is 20 bytes long.
    "pgdump/11-pipe-no-pipefail": {"dump-no-database": FAILED},
    "pgdump/12-dump-limited-role": {"dump-permission": FAILED},
    "pgdump/12b-dump-rls": {"dump-row-security": {"PG-014": HIGH}},
    "pgdump/13b-restore-devnull-killed": CUT,
    "pgdump/14-version-mismatch": {"dump-version": {"PG-015": HIGH}},
    "pgdump/15-list-newer-archive": {"restore-version": {"PG-015": HIGH}},
    "pgdump/16-dsn": {"dump-connection": FAILED},
}

CHECKER = "the output of a monitoring plug-in, which is not part of a backup"
CONTENTS = "a table of contents, which is whole although the data behind it may not be"
SHOWN = "a command that is never run, as others show the same"
# Why it is never seen, and the recorded command or the dump that shows the same state.
NEVER: dict[str, tuple[str, str]] = {
    "barman/01c-list-server": (SHOWN, "barman/05-list-backups"),
    "barman/06-show-backup": (SHOWN, "barman/05-list-backups"),
    "barman/07-status": (SHOWN, "barman/04-check-ok"),
    "barman/08-show-server": ("it prints connection strings, so it is never run", "barman/04-check-ok"),
    "barman/09-replication-status": (SHOWN, "barman/04-check-ok"),
    "barman/10-check-backup": (
        "it may change a backup's state, so it is never run",
        "barman/05-list-backups",
    ),
    "barman/12-receive-stop": ("a person's command, which no job gives", "barman/13-check-receive-stopped"),
    "barman/16d-status-conn-failed": (SHOWN, "barman/16-check-conn-failed"),
    "checkers/01-check_pgbackrest-archives-gap": (CHECKER, "pgbackrest/24-repo-ls-archive-gap"),
    "checkers/01b-check_pgbackrest-archives-gap-json": (CHECKER, "pgbackrest/24-repo-ls-archive-gap"),
    "checkers/02-check_pgbackrest-retention": (CHECKER, "pgbackrest/24b-info-archive-gap"),
    "checkers/03-check_pgbackrest-archives-ok": (CHECKER, "pgbackrest/22c-repo-ls-archive-timeline"),
    "checkers/04-check_pgbackrest-retention-error": (CHECKER, "pgbackrest/22b-info-after-timeline-switch"),
    "checkers/05-check_pgactivity-archiver": (CHECKER, "pgbackrest/08-info-full-diff-incr"),
    "checkers/06-check_pgactivity-list": (CHECKER, "pgbackrest/08-info-full-diff-incr"),
    "checkers/07-check_postgres-archive_ready": (CHECKER, "pgbackrest/08-info-full-diff-incr"),
    "pgbackrest/09-info-set-incr": (
        "one backup of several, where the whole catalogue is asked for",
        "pgbackrest/08-info-full-diff-incr",
    ),
    "pgbackrest/15c-repo-ls-backup": (SHOWN, "pgbackrest/14-info-wal-gap"),
    "pgbackrest/15d-repo-get-backup-info": (SHOWN, "pgbackrest/14-info-wal-gap"),
    "pgbackrest/21c-info-set-page-checksum-error": (
        "one backup of several, where the whole catalogue is asked for",
        "pgbackrest/21b-info-page-checksum-error",
    ),
    "pgbackrest/24c-history": (
        "what a history file holds; that it is there is what counts",
        "pgbackrest/22c-repo-ls-archive-timeline",
    ),
    "pgdump/02-list-good": (CONTENTS, "dumps/small-good.dump"),
    "pgdump/03-list-truncated-half": (CONTENTS, "dumps/small-trunc60.dump"),
    "pgdump/06b-list-minus-1-byte": (CONTENTS, "dumps/small-minus1.dump"),
    "pgdump/08b-list-dir": (CONTENTS, "dumps/small-dir"),
    "pgdump/08c-list-dir-missing-data": (CONTENTS, "dumps/small-dir-missing"),
    "pgdump/13-list-killed": (CONTENTS, "dumps/small-pipe-trunc60.dump"),
    "pgdump/13c-list-killed-stdout": (CONTENTS, "dumps/small-pipe-trunc60.dump"),
}
STATES = {
    "dumps/small-good.dump": {},
    "dumps/small-dir": {},
    "dumps/small-trunc60.dump": {"PG-012": CRITICAL},
    "dumps/small-minus1.dump": {"PG-012": CRITICAL},
    "dumps/small-dir-missing": {"PG-012": CRITICAL},
    "dumps/small-pipe-trunc60.dump": {"PG-012": CRITICAL},
}


def state(name: str) -> dict[str, str]:
    if name in READ:
        return pg.verdicts(READ[name][0](name))
    return pg.verdicts(pg.dumps(name.removeprefix("dumps/")))


# Recorded without being listed in the index.
BESIDE = {
    "pgbackrest/16-info-lock-held",
    "pgbackrest/24-repo-ls-archive-gap",
    "pgbackrest/24b-info-archive-gap",
    "pgbackrest/24c-history",
    "pgbackrest259/10-info-lock-held",
    "pgbackrest259/12-info-as-root",
    "pgdump/11-pipe-no-pipefail",
}


def test_every_recorded_command_is_in_one_table() -> None:
    tables = sorted([*READ, *HEARD, *NEVER, "barman/17-nonexistent-server"])
    assert tables == sorted({*pg.index(), *BESIDE})
    folders = {name.partition("/")[0] for name in pg.index()}
    stored = {
        str(path.relative_to(pg.DATA).with_suffix(""))
        for path in pg.DATA.rglob("*")
        if path.suffix in (".out", ".err") and path.parent.name in folders
    }
    assert stored <= set(tables)


@pytest.mark.parametrize("name", sorted(pg.index()))
def test_the_recording_is_as_long_as_it_was(name: str) -> None:
    found = pg.index()[name]
    assert (len(pg.sample(f"{name}.out")), len(pg.sample(f"{name}.err"))) == (found.out, found.err)


@pytest.mark.parametrize("name", sorted(READ))
def test_an_output_that_is_read(name: str) -> None:
    reading, expected = READ[name]
    assert pg.verdicts(reading(name)) == expected


@pytest.mark.parametrize("name", sorted(HEARD))
def test_a_text_that_stands_in_a_log(name: str) -> None:
    text = pg.printed(name)
    assert pg.said(text) == HEARD[name]
    assert pg.said(redacted_lines([text.encode()]).decode()) == HEARD[name]


@pytest.mark.parametrize("name", sorted(READ))
def test_an_answer_that_stands_in_a_log_says_nothing_else(name: str) -> None:
    rules = {rule for found in pg.said(pg.printed(name)).values() for rule in found}
    assert rules - {"PG-004"} <= set(READ[name][1])


@pytest.mark.parametrize("name", sorted(NEVER))
def test_a_command_whose_state_something_else_shows(name: str) -> None:
    reason, shows = NEVER[name]
    assert reason
    expected = READ[shows][1] if shows in READ else STATES[shows]
    assert state(shows) == expected
    rules = {rule for found in pg.said(pg.printed(name)).values() for rule in found}
    assert rules <= set(expected)


def test_an_unknown_server_is_no_list() -> None:
    with pytest.raises(OutputError):
        barman.read_backups(pg.sample("barman/17-nonexistent-server.out"))


def test_a_tool_that_was_never_set_up_is_no_finding() -> None:
    assert pg.verdicts(in_pod(code=55)("pgbackrest/18e-info-config-missing")) == {}


@pytest.mark.parametrize(("deep", "expected"), [(False, {}), (True, {"PG-021": CRITICAL})])
def test_a_verification_shows_the_hole_where_the_listing_was_too_long(
    deep: bool, expected: dict[str, str]
) -> None:
    answers = {
        "pgbackrest-info": pg.ran("pgbackrest/14-info-wal-gap"),
        "pgbackrest-archive": pg.ran("pgbackrest/15-repo-ls-archive", truncated=True),
        "pgbackrest-verify": pg.ran("pgbackrest/14b-verify-wal-gap"),
    }
    assert pg.verdicts(pg.asked_in_pod(answers, deep=deep)) == expected
