"""What is needed of the DVC remotes: by every version, branch, tag, DVC experiment and journal entry on origin now, and
by this clone. It reads git; what the DVC side needs is told by the worker (`adapters.dvc.cleaning`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lastgood.adapters.git import export, refs, repository
from lastgood.adapters.git.command import GitError
from lastgood.core import tags as grammar
from lastgood.core.journal import Entry
from lastgood.core.manifest import Manifest, Output
from lastgood.core.needed import hashes_in, is_pinning
from lastgood.core.tags import TAGS, Action
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.project import Project
from lastgood.registry.view import View

BRANCHES, EXPERIMENTS = "refs/heads/", "refs/exps/"
OWN = (BRANCHES, EXPERIMENTS, "refs/stash")
_KINDS = {BRANCHES: "branch", TAGS: "tag", EXPERIMENTS: "experiment"}
CHUNK = 1000


@dataclass(frozen=True)
class Needs:
    """`refs` are origin's, by full name; `commits` those that must stay restorable, each with what leads to it, and
    `projects` their DVC projects, one commit for all that have the same DVC files. `written` is everything that looks
    like a hash in DVC's files, `outputs` what the journals' manifests pin, each with its DVC project; `entries` counts
    journal entries.
    """

    refs: Mapping[str, str]
    commits: Mapping[str, str] = field(default_factory=dict)
    projects: tuple[tuple[str, str, str], ...] = ()
    written: frozenset[str] = frozenset()
    outputs: tuple[tuple[str, Output], ...] = ()
    entries: int = 0

    def request(self, project: Project, taken: Iterable[str] = ()) -> dict[str, Any]:
        """As the worker takes it: what is needed of each DVC project of the checkout, and of all."""
        parts: dict[str, dict[str, Any]] = {}

        def part(directory: str) -> dict[str, Any]:
            root = str(project.store(directory).root.absolute())
            return parts.setdefault(root, {"root": root, "outputs": [], "commits": []})

        for directory in repository.projects_at(project.worktree, "HEAD"):
            part(directory)
        for directory, output in self.outputs:
            part(directory)["outputs"].append(output.to_json())
        for commit, directory, name in self.projects:
            part(directory)["commits"].append([commit, directory, name])
        return {
            "git": export.git_directory(project.git),
            "parts": list(parts.values()),
            "written": sorted(self.written),
            "taken": sorted(taken),
        }


def list_refs(project: Project) -> Mapping[str, str]:
    """Every ref on origin that needs something. Raises `UnreachableError`."""
    patterns = (TAGS, BRANCHES, EXPERIMENTS, project.journal_prefix)
    return refs.list_origin(project.git, str(project.remote), [f"{one}*" for one in patterns], project.deadline).refs


def find_needs(project: Project, view: View) -> Needs:
    """Everything that is needed. Raises `FindingsError` for what cannot be read, for then nobody can tell."""
    there = list_refs(project)
    try:
        commits, outputs, entries = _gather(project, view, there)
        files, projects = _read_trees(project, commits)
    except GitError as error:
        raise _unreadable("the repository", error.message) from error
    written = _hashes(project, files) | {output.md5 for _, output in outputs}
    return Needs(there, commits, tuple(projects), frozenset(written), tuple(dict.fromkeys(outputs)), entries)


def _gather(
    project: Project, view: View, there: Mapping[str, str]
) -> tuple[dict[str, str], list[tuple[str, Output]], int]:
    names = _names(project, there)
    _bring(project, there)
    commits: dict[str, str] = {}
    peeled = repository.peel(project.git, names)
    for oid, name in names.items():
        kind, commit = peeled.get(oid, ("", ""))
        if not kind:
            raise _unreadable(name, f"{oid[:12]} is not available")
        if kind == "commit":
            commits.setdefault(commit, name)
    for history in view.registry.artifacts.values():
        for event in history.events:
            commits.setdefault(event.commit, f"tag {event.tag}")
    outputs: list[tuple[str, Output]] = []
    entries = 0
    for ref in refs.list_refs(project.git, project.journal_prefix):
        journal = refs.read_journal(project.git, project.journal_of(ref), ref)
        if journal.tip is None:
            raise _unreadable(ref, "this journal cannot be read")
        entries += len(journal.entries)
        for entry in journal.entries:
            if (manifest := _manifest(project, ref, entry)) is not None:
                commits.setdefault(manifest.commit, f"{manifest.artifact} {manifest.version}")
                outputs += ((manifest.project, output) for output in manifest.stored)
    return commits, outputs, entries


def _names(project: Project, there: Mapping[str, str]) -> dict[str, str]:
    """Every object that a ref on origin, or one of this clone's own, names, and how a person calls it."""
    names: dict[str, str] = {}
    for ref, oid in there.items():
        for prefix, kind in _KINDS.items():
            if ref.startswith(prefix):
                names.setdefault(oid, f"{kind} {ref.removeprefix(prefix)}")
    for ref, oid in refs.list_refs(project.git, *OWN).items():
        names.setdefault(oid, f"{ref.removeprefix(BRANCHES)} of this clone")
    head = repository.head(project.git)
    return names if head is None else {**names, head: names.get(head, "HEAD of this clone")}


def _bring(project: Project, there: Mapping[str, str]) -> None:
    """Have what origin's refs name here, under no ref of ours."""
    here = repository.peel(project.git, there.values())
    absent = [ref for ref, oid in there.items() if oid not in here]
    if absent:
        refs.fetch(project.git, str(project.remote), absent, project.deadline * 10)


def _manifest(project: Project, ref: str, entry: Entry) -> Manifest | None:
    raw = export.read_file(project.git, entry.commit, "manifest.json")
    names = [grammar.parse(tag.name) for tag in entry.tags]
    registers = any(name is not None and name.action is Action.REGISTER for name in names)
    if raw is None:
        if registers and not entry.adoption:
            raise _unreadable(ref, f"its entry {entry.commit[:12]} has no manifest")
        return None
    try:
        return Manifest.parse(raw)
    except ValueError as error:
        raise _unreadable(ref, f"the manifest in {entry.commit[:12]} cannot be used: {error}") from error


def _read_trees(project: Project, commits: Mapping[str, str]) -> tuple[set[str], list[tuple[str, str, str]]]:
    """The blobs of all DVC files of these commits, and `(commit, DVC project, name)` once for the same files."""
    blobs: set[str] = set()
    projects: dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, str, str]] = {}
    for done, (commit, name) in enumerate(commits.items(), 1):
        if not repository.has_commit(project.git, commit):
            raise _unreadable(name, f"the commit {commit[:12]} is not available")
        entries = export.list_tree(project.git, commit)
        blobs |= {entry.oid for entry in entries if is_pinning(entry.path)}
        deciding = frozenset((entry.path, entry.oid) for entry in entries if _decides(entry.path))
        for entry in entries:
            if entry.path == ".dvc/config" or entry.path.endswith("/.dvc/config"):
                directory = entry.path.removesuffix(".dvc/config").rstrip("/") or "."
                projects.setdefault((directory, deciding), (commit, directory, name))
        project.report("reading commits", done, len(commits), 0)
    return blobs, list(projects.values())


def _decides(path: str) -> bool:
    """Whether a file may decide about what DVC finds in a commit: parameters may, in a `dvc.yaml` with variables."""
    return is_pinning(path) or path.endswith((".yaml", ".yml", ".json", ".toml", ".py"))


def _hashes(project: Project, blobs: Iterable[str]) -> set[str]:
    found: set[str] = set()
    given = sorted(blobs)
    for start in range(0, len(given), CHUNK):
        for content in export.read_blobs(project.git, given[start : start + CHUNK]):
            found |= hashes_in(content)
    listed = project.worktree.run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for path in listed.decode(errors="surrogateescape").split("\0"):
        file = project.worktree.directory / path
        if is_pinning(path) and file.is_file():  # what was pushed and is still to be committed
            found |= hashes_in(file.read_bytes())
    return found


def _unreadable(name: str, why: str) -> FindingsError:
    message = f"{name}: {why}"
    return FindingsError(
        f"{message}; the objects it needs are unknown",
        [Finding(Flaw.UNREADABLE, name, message)],
        hint="lastgood verify",
    )
