"""Fetches the registry's refs from origin, and knows when that was done last."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from lastgood.adapters.git import mirror, refs, repository
from lastgood.core import tags as grammar
from lastgood.core.tags import TAGS
from lastgood.errors import UsageError
from lastgood.project import Project
from lastgood.registry import origin_tags
from lastgood.releases import durable
from lastgood.releases.lock import MAIN, is_taken

MANY = 300
"""The most new tags that are fetched by name; git's time for names is quadratic."""
FETCHED = "fetched"
PUSHING = "pushing"
"""The push marker: a file that exists during a push. If it is left behind, origin may have events that the local refs
lack."""


def fetch_refs(project: Project) -> tuple[refs.Origin, Mapping[str, str]]:
    """Fetch what is missing here. Returns origin's refs, and the local refs from before the fetch."""
    project.on_step("fetch")
    remote = str(project.remote)
    here = refs.list_refs(project.git, TAGS, project.journal_prefix)
    origin = refs.list_origin(project.git, remote, (TAGS + "*", project.journal_prefix + "*"), project.deadline)
    origin = _without_foreign_tags(project, here, origin)
    wanted = []
    for ref, oid in origin.refs.items():
        if ref.startswith(TAGS):
            if ref not in here and grammar.parse(ref.removeprefix(TAGS)):
                wanted.append(f"{ref}:{ref}")
        elif ref.startswith(project.journal_prefix) and here.get(ref) != oid:
            wanted.append(f"{ref}:{ref}")
    journals = [spec for spec in wanted if not spec.startswith(TAGS)]
    names = [spec for spec in wanted if spec.startswith(TAGS)]
    if len(wanted) > MANY and names:
        names = _patterns(names)
    if project.git.git_dir is not None:
        mirror.fetch(project.git, remote, names, journals, project.deadline * 10)
    elif wanted:
        refs.fetch(project.git, remote, [*names, *journals], project.deadline * 10)
    differing = {
        ref.removeprefix(TAGS): oid
        for ref, oid in origin.refs.items()
        if ref.startswith(TAGS) and here.get(ref, oid) != oid and grammar.parse(ref.removeprefix(TAGS))
    }
    origin_tags.bring(project, differing)
    project.place.create()
    durable.touch(project.place.root / FETCHED)
    if not is_taken(project.place, MAIN):
        (project.place.root / PUSHING).unlink(missing_ok=True)
    return origin, here


def _without_foreign_tags(project: Project, here: Mapping[str, str], origin: refs.Origin) -> refs.Origin:
    """Origin's refs without stage tags of artifacts that have neither a version nor a journal, here or there. They are
    ignored, and a repository may have thousands of foreign tags that look like them. Those that are here already
    stay."""
    known: set[str | None] = {None}
    for ref in (*here, *origin.refs):
        if not ref.startswith(TAGS):
            known.add(project.journal_of(ref))
        elif "@" in ref and (parsed := grammar.parse(ref.removeprefix(TAGS))) is not None:
            known.add(parsed.artifact)

    def is_strange(ref: str) -> bool:
        return ref.startswith(TAGS) and "#" in ref and grammar.artifact_of(ref.removeprefix(TAGS)) not in known

    return refs.Origin({ref: oid for ref, oid in origin.refs.items() if ref in here or not is_strange(ref)})


def _patterns(specs: Iterable[str]) -> list[str]:
    """Refspecs that fetch these tags by artifact. By name, each other tag would be a file of its own, flushed to
    disk."""
    artifacts = {spec.partition(":")[0].removeprefix(TAGS).partition("@")[0].partition("#")[0] for spec in specs}
    begins = [f"{TAGS}{name}{mark}*" for name in sorted(artifacts) for mark in "@#"]
    return [f"{begin}:{begin}" for begin in begins] if len(begins) <= MANY else [f"{TAGS}*:{TAGS}*"]


def require_no_remote(project: Project) -> None:
    """Raise an error, instead of recording only in this clone, if the remote's name differs from the configured one."""
    names = repository.remotes(project.git)
    if names:
        wanted = project.config.registry.remote
        raise UsageError(
            f"no git remote is called {wanted} (there are {', '.join(names)})",
            hint=f'say in lastgood.toml which one keeps the versions: [registry] remote = "{names[0]}"',
        )


def is_uncertain(project: Project) -> bool:
    """Whether the local refs may lack events of origin: the mirror was never filled, or a push was interrupted."""
    unread_mirror = project.root is not None and project.git.git_dir is not None and as_of(project) is None
    return unread_mirror or (project.place.root / PUSHING).exists()


def as_of(project: Project) -> datetime | None:
    """The time of the last fetch here; `None` if there was none."""
    try:
        return datetime.fromtimestamp((project.place.root / FETCHED).stat().st_mtime, UTC)
    except OSError:  # not there yet, or not for this user's eyes
        return None
