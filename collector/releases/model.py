"""The shapes of the release tables in configs/releases. Every row names its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from collector.findings import Platform

Minor: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}$")]
Exact: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){2}$")]
Digest: TypeAlias = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Day: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Frozen, strict, camelCase keys."""


class Release(_Table, frozen=True, kw_only=True):
    """One MAJOR.MINOR of the platform; ``kubernetes`` is the lowest and the highest minor that it lists."""

    version: Minor
    platform: Platform
    released: Day
    kubernetes: tuple[Minor, Minor] | None = None
    kommander: str = ""
    source: str


class Published(_Table, frozen=True, kw_only=True):
    """A window as a page spells it out for one current release."""

    current: Minor
    supported: tuple[Minor, ...]
    source: str


class OsName(_Table, frozen=True, kw_only=True):
    """How an operating system names itself; group 1 of the pattern is its version."""

    name: str
    pattern: str


class Kernel(_Table, frozen=True, kw_only=True):
    """A kernel that gives away the minor version of the system that ships it."""

    prefix: str
    version: str


class SystemList(_Table, frozen=True, kw_only=True):
    """The operating systems that one platform release lists, by name."""

    platform: Minor
    systems: Mapping[str, tuple[str, ...]]
    source: str


class Shipped(_Table, frozen=True, kw_only=True):
    """What one platform release brought along."""

    platform: Minor
    traefik: tuple[Exact, ...]
    cert_manager: tuple[Exact, ...]
    helm: Literal["2", "3"]
    source: str


class Platforms(_Table, frozen=True, kw_only=True):
    """configs/releases/platforms.yaml. ``window`` is how many releases it holds; releases are in order."""

    schema: Literal["conductor-diag/platform-releases/v1"]
    known_until: Day
    window: Annotated[int, Meta(ge=1, le=10)]
    current: Annotated[str, Meta(pattern=r"^([0-9]{1,3}\.[0-9]{1,3})?$")] = ""
    sources: Mapping[str, str]
    releases: Annotated[tuple[Release, ...], Meta(min_length=1)]
    published: tuple[Published, ...]
    os_names: tuple[OsName, ...]
    kernels: tuple[Kernel, ...]
    operating_systems: tuple[SystemList, ...]
    shipped: tuple[Shipped, ...]

    def release(self, version: str) -> Release | None:
        """Returns the release of that MAJOR.MINOR, or None."""
        return next((release for release in self.releases if release.version == version), None)


ApplicationKind: TypeAlias = Literal[
    "platform", "catalog", "partner", "internal", "experimental", "technical_preview"
]


class Application(_Table, frozen=True, kw_only=True):
    """One application that the platform ships.

    ``kinds`` says what it counts as from a platform release on, for example ``{"1.6": experimental}``;
    ``versions`` are chart or application versions by platform release. ``provisioners`` are those that
    StorageClasses name for the storage it provides.
    """

    name: str
    kinds: Mapping[Minor, ApplicationKind]
    versions: Mapping[Minor, str] = {}
    images: tuple[str, ...] = ()
    provisioners: tuple[str, ...] = ()
    source: str

    def kind(self, platform: str) -> ApplicationKind | None:
        """Returns what it counts as in that platform release; None for one before the first or unknown."""
        if not platform:
            return None
        since = [minor for minor in self.kinds if _number(minor) <= _number(platform)]
        return self.kinds[max(since, key=_number)] if since else None


class Applications(_Table, frozen=True, kw_only=True):
    """configs/releases/applications.yaml."""

    schema: Literal["conductor-diag/platform-applications/v1"]
    sources: Mapping[str, str]
    applications: tuple[Application, ...]

    def find(self, name: str) -> Application | None:
        """Returns the application of that name, or None."""
        return next((entry for entry in self.applications if entry.name == name), None)

    def provider(self, provisioner: str) -> Application | None:
        """Returns the application that ships this storage provisioner, or None."""
        return next((entry for entry in self.applications if provisioner in entry.provisioners), None)


class Component(_Table, frozen=True, kw_only=True):
    """How a component is recognised by its image, and how many numbers its tag needs to be exact."""

    name: str
    images: tuple[str, ...]
    parts: Annotated[int, Meta(ge=1, le=3)]

    def runs(self, repository: str) -> bool:
        """True if an image of this repository (without tag and digest) is this component."""
        return any(repository == name or repository.endswith(f"/{name}") for name in self.images)


class Components(_Table, frozen=True, kw_only=True):
    """configs/releases/components.yaml."""

    schema: Literal["conductor-diag/components/v1"]
    components: tuple[Component, ...]

    def of(self, repository: str) -> Component | None:
        """Returns the component that an image of this repository is, or None."""
        return next((entry for entry in self.components if entry.runs(repository)), None)


class ServerDefaults(_Table, frozen=True, kw_only=True):
    """configs/releases/kubernetes-defaults.yaml: what servers fill in, by the last part of a field's path."""

    schema: Literal["conductor-diag/kubernetes-defaults/v1"]
    source: str
    always: tuple[str, ...]
    defaults: Mapping[str, tuple[str | int | bool, ...]]

    def fills_in(self, key: str, value: object) -> bool:
        """True if a server may have put ``value`` where a manifest says nothing."""
        return key in self.always or value in self.defaults.get(key, ())


class Prerequisites(_Table, frozen=True, kw_only=True):
    """Conductor's list: both ends of a range belong to it."""

    kubernetes: tuple[Minor, Minor]
    traefik: Minor
    traefik_excluded: tuple[Exact, ...]
    cert_manager_last: Exact
    cert_manager_doubtful: tuple[Exact, ...]
    source: str


class Values(_Table, frozen=True, kw_only=True):
    """Chart values: those that the installation page names, and parts of names that each site sets itself."""

    documented: tuple[str, ...]
    own_to_each_site: tuple[str, ...]
    source: str


class OwnReleases(_Table, frozen=True, kw_only=True):
    """Charts that are Conductor's, and the names that documented ways to install give their releases."""

    charts: tuple[str, ...]
    names: tuple[str, ...]
    source: str


class KnownImage(_Table, frozen=True, kw_only=True):
    """The digests of one tag of the vendor's. ``image`` is the end of a repository's path."""

    image: Annotated[str, Meta(min_length=1)]
    tag: Annotated[str, Meta(min_length=1)]
    digests: Annotated[tuple[Digest, ...], Meta(min_length=1)]
    source: str

    def names(self, repository: str, tag: str) -> bool:
        """True if an image of that repository (registry and all) and tag is this one."""
        return self.tag == tag and f"/{repository}".endswith(f"/{self.image}")


class Mounts(_Table, frozen=True, kw_only=True):
    """Absolute paths, each standing for all below it: the code's, and those that hold none anywhere.

    ``code_folders`` are names of folders that hold code wherever they stand.
    """

    code: tuple[str, ...]
    code_folders: tuple[str, ...]
    known: tuple[str, ...]


class Injected(_Table, frozen=True, kw_only=True):
    """A container that an admission controller adds. ``image`` is the end of a repository's path."""

    name: Annotated[str, Meta(min_length=1)]
    image: Annotated[str, Meta(min_length=1)]

    def matches(self, name: str, repository: str) -> bool:
        """True if a container of that name and image (registry and all, no tag) is this one."""
        return name == self.name and f"/{repository}".endswith(f"/{self.image}")


class ConductorTable(_Table, frozen=True, kw_only=True):
    """configs/releases/conductor.yaml. The support page does not speak of ``before_support_page``."""

    schema: Literal["conductor-diag/conductor-releases/v1"]
    sources: Mapping[str, str]
    prerequisites: Prerequisites
    releases: OwnReleases
    images: tuple[KnownImage, ...] = ()
    before_support_page: tuple[Minor, ...]
    values: Values
    mounts: Mounts
    injected: tuple[Injected, ...]


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
