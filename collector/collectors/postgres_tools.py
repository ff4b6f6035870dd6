"""Asks the backup tools beside a server, and looks at dump files: catalogues, archives, heads and ends."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from collector.collectors.postgres_steps import Steps
from collector.kube.exec import Ran, Target
from collector.postgres import barman, dumpfile, pgbackrest, walg
from collector.postgres.decode import OutputError, moment
from collector.postgres.listing import ArchiveListing
from collector.postgres.model import Archive, Cluster, DumpFile, Repository, Volume
from collector.spec import Postgres

_MOST_DUMPS = 6
_LISTED = re.compile(rb"(\d{1,18}) (\d{1,12}) (/[^\n]{1,1000})")
_RETENTION = re.compile(r"repo(\d{1,3})[-_]retention[-_]full *= *(\d{1,6})", re.IGNORECASE)
_DATA_MOUNT = re.compile(r"/.*(?:postgres|pgdata|pgwal|pgbackrest|backup|bitnami|/data)")
_DF = re.compile(r"^(\S+)\s+(\d+)\s+\d+\s+(\d+)\s+\S+\s+(/\S*)$", re.MULTILINE)
_KIB = 1024
# pgBackRest's codes for an option that is required and for a file that is missing.
_NO_CONFIGURATION = (37, 55)
_ANY = range(1, 256)
_UNREADABLE = "what it printed cannot be read: it is no such answer, or too long"


def ask_tools(cluster: Cluster, target: Target, steps: Steps, spec: Postgres) -> Cluster:
    """Returns the cluster with what each tool that is there says."""
    tools = set(steps.run(target, "tools", quiet=True).output.decode("utf-8", "replace").split())
    if "pgbackrest" in tools:
        cluster = _pgbackrest(cluster, target, steps)
    if "wal-g" in tools:
        cluster = _walg(cluster, target, steps)
    if "barman" in tools:
        cluster = _barman(cluster, target, steps)
    volumes = tuple(_volumes(steps.run(target, "volumes", quiet=True)))
    dumps = tuple(dump for folder in spec.dump_dirs for dump in _dumps(target, steps, folder))
    return replace(cluster, volumes=volumes, dumps=dumps)


def _unset(cluster: Cluster, tool: str, codes: Collection[int]) -> Collection[int]:
    """Returns the exit statuses that mean "never set up": none if the server archives with the tool."""
    used = cluster.primary is not None and cluster.primary.settings.get("archive_command") == tool
    return () if used else codes


def _pgbackrest(cluster: Cluster, target: Target, steps: Steps) -> Cluster:
    try:
        info = pgbackrest.read_info(
            steps.run(
                target, "pgbackrest-info", unset=_unset(cluster, "pgbackrest", _NO_CONFIGURATION)
            ).output
        )
    except OutputError:
        steps.doubt(_UNREADABLE)
        return cluster
    keeps, stopped = _retention(steps.run(target, "pgbackrest-retention", quiet=True))
    info = replace(
        info,
        repositories=tuple(
            replace(one, keeps=keeps.get(one.key, keeps.get("")), stopped=stopped)
            for one in info.repositories
        ),
    )
    size = cluster.primary.segment_size if cluster.primary else 0
    for stanza in info.stanzas if steps.deep else ():
        ran = steps.run(target, "pgbackrest-verify", stanza=stanza)
        info = pgbackrest.with_verify(info, ran.output.decode("utf-8", "replace"), segment_size=size)
    verified = {one.repository for one in info.archives if one.listed}
    # A listing that was too long to be read whole says less than the ranges of a verification.
    listed = {
        one.repository: one
        for one in _archives(size, info, target, steps)
        if not (one.truncated and one.repository in verified)
    }
    # What the operator's objects say of the same repositories is less than what the tool says.
    return replace(
        cluster,
        repositories=(*(r for r in cluster.repositories if r.tool != pgbackrest.TOOL), *info.repositories),
        backups=(*(b for b in cluster.backups if b.tool != pgbackrest.TOOL), *info.backups),
        archives=tuple(listed.get(one.repository, one) for one in info.archives),
    )


def _archives(size: int, info: pgbackrest.Info, target: Target, steps: Steps) -> Iterator[Archive]:
    for repository in info.repositories:
        if repository.state != "ok":
            continue
        listing = ArchiveListing(_archive_id(info, repository))
        try:
            ran = steps.run(
                target,
                "pgbackrest-archive",
                sink=listing.feed,
                stanza=repository.name,
                repo=repository.key,
            )
            yield listing.archive(
                tool=pgbackrest.TOOL,
                repository=f"{repository.name}/{repository.key}",
                segment_size=size,
                complete=ran.status == "ok" and not ran.truncated,
            )
        except OutputError:
            steps.doubt(_UNREADABLE)


def _archive_id(info: pgbackrest.Info, repository: Repository) -> str:
    name = f"{repository.name}/{repository.key}"
    return next((one.id for one in info.archives if one.repository == name), "")


def _retention(ran: Ran) -> tuple[Mapping[str, int], bool]:
    """Returns how many full backups each repository keeps ("" for any other), and if the tool was stopped."""
    text = ran.output.decode("utf-8", "replace")
    found = {key: int(count) for key, count in _RETENTION.findall(text)}
    words = set(text.split())
    return {"": 0, **found} if "seen" in words and not found else found, "stop" in words


def _walg(cluster: Cluster, target: Target, steps: Steps) -> Cluster:
    try:
        repository, backups = walg.read_backups(
            steps.run(target, "wal-g-backups", unset=_unset(cluster, "wal-g", _ANY)).output
        )
        cluster = replace(
            cluster,
            repositories=(*cluster.repositories, repository),
            backups=(*cluster.backups, *backups),
        )
        archives = walg.read_wal(steps.run(target, "wal-g-archive").output)
    except OutputError:
        steps.doubt(_UNREADABLE)
        return cluster
    return replace(cluster, archives=(*cluster.archives, *archives))


def _barman(cluster: Cluster, target: Target, steps: Steps) -> Cluster:
    try:
        listed, backups = barman.read_backups(
            steps.run(target, "barman-backups", unset=_unset(cluster, "barman", _ANY)).output
        )
    except OutputError:
        steps.doubt(_UNREADABLE)
        return cluster
    try:
        checked = barman.read_checks(steps.run(target, "barman-checks", quiet=True).output)
    except OutputError:
        steps.doubt(_UNREADABLE)
        checked = ()
    return replace(
        cluster,
        repositories=(*cluster.repositories, *barman.merged(listed, checked)),
        backups=(*cluster.backups, *backups),
    )


def _volumes(ran: Ran) -> Iterator[Volume]:
    seen = set()
    for device, size, available, mount in _DF.findall(ran.output.decode("utf-8", "replace")):
        if _DATA_MOUNT.search(mount) and device not in seen:
            seen.add(device)
            yield Volume(mount=mount[:200], size=int(size) * _KIB, available=int(available) * _KIB)


def _dumps(target: Target, steps: Steps, folder: str) -> Iterator[DumpFile]:
    """Yields the verdicts on the newest dumps in a folder; a folder that is not there has none."""
    ran = steps.run(target, "dump-list", folder=folder, quiet=True)
    files = {
        path.decode("utf-8", "replace"): (int(size), int(time))
        for size, time, path in _LISTED.findall(ran.output)
    }
    members = {path.rpartition("/")[0] for path in files if path.endswith("/toc.dat")}
    wanted = [path for path in files if path.endswith("/toc.dat") or path.rpartition("/")[0] not in members]
    for path in sorted(wanted, key=lambda one: files[one][1], reverse=True)[:_MOST_DUMPS]:
        yield _dump(target, steps, path, files, folder)


def _dump(
    target: Target, steps: Steps, path: str, files: Mapping[str, tuple[int, int]], folder: str
) -> DumpFile:
    size, time = files[path]
    head = steps.run(target, "dump-head", file=path).output if size else b""
    tail = steps.run(target, "dump-tail", file=path).output if size > len(head) else b""
    parent, _, last = path.rpartition("/")
    directory = last == "toc.dat"
    content = dumpfile.Content(
        name=(parent if directory else path).removeprefix(folder).lstrip("/") or last,
        size=size,
        head=head,
        tail=tail,
        modified=moment(time),
        members={
            one.rpartition("/")[2]: found[0]
            for one, found in files.items()
            if directory and one.rpartition("/")[0] == parent
        },
    )
    if size and not head:
        return replace(
            dumpfile.judge(content, now=steps.clock.now()), verdict="unknown", detail="not readable"
        )
    return dumpfile.judge(content, now=steps.clock.now())
