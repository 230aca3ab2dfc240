"""Restores tags as the journal recorded them: their objects bit for bit, then origin's refs, then the local ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.refs import is_tag, recorded_bytes, unreachable
from lastgood.core.journal import Entry, Recorded
from lastgood.core.tags import TAGS
from lastgood.errors import UnreachableError


@dataclass(frozen=True, slots=True)
class Astray:
    """A recorded tag that is missing or moved. `here` and `there` are the objects of this clone and origin under its
    name, `None` if missing; `there` is as recorded if no origin was read."""

    entry: Entry
    recorded: Recorded
    here: str | None
    there: str | None

    @property
    def name(self) -> str:
        """The tag's name."""
        return self.recorded.name

    @property
    def is_moved_there(self) -> bool:
        """Whether origin has another object under its name."""
        return self.there not in {None, self.recorded.oid}


def rebuild(git: Git, astray: Astray) -> bool:
    """Restore the tag's object here, from the bytes in its journal entry if needed. Returns whether it exists."""
    oid = astray.recorded.oid
    if git.objects.read(oid) is not None:
        return True
    for raw in recorded_bytes(git, astray.entry.commit):
        if is_tag(raw, oid):
            return git.attempt("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw)[0] == 0
    return False


def push_tags(git: Git, remote: str, tags: Iterable[Astray], deadline: float) -> dict[str, str]:
    """Give origin's tags their recorded objects. Returns the refused ones, by name, with the reason.

    A tag that differs on origin is forced, but only from the object that was seen. Each tag is accepted or refused
    alone: a host that protects one does not prevent restoring another. Raises `UnreachableError`.
    """
    wanted = list(tags)
    leases = [f"--force-with-lease={TAGS}{tag.name}:{tag.there or ''}" for tag in wanted]
    refspecs = [f"{tag.recorded.oid}:{TAGS}{tag.name}" for tag in wanted]
    return _push(git, remote, [*leases, remote, *refspecs], deadline)


def push_together(git: Git, remote: str, wanted: Mapping[str, str], deadline: float) -> str:
    """Give origin's refs, by full name, these objects: new ones or fast-forwards, all or none. Returns the reason of a
    refusal, or an empty text.

    Raises `UnreachableError`.
    """
    refspecs = [f"{oid}:{ref}" for ref, oid in wanted.items()]
    refused = _push(git, remote, ["--atomic", remote, *refspecs], deadline)
    return "; ".join(why for why in dict.fromkeys(refused.values()))


def _push(git: Git, remote: str, arguments: Sequence[str], deadline: float) -> dict[str, str]:
    options = ("--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
    try:
        code, out, words = git.attempt("push", *options, *arguments, deadline=deadline, remote=remote)
    except (GitError, UnreachableError) as error:
        raise unreachable(remote, error.message) from error
    lines = [line.split("\t")[1:] for line in out.decode(errors="replace").splitlines() if line.startswith("!")]
    if code != 0 and not lines:
        raise unreachable(remote, words)
    return {line[0].partition(":")[2].removeprefix(TAGS): line[1] for line in lines if len(line) == 2}


def put_here(git: Git, tags: Iterable[Astray]) -> None:
    """Give the local refs the recorded objects, each only from the object that was seen."""
    for tag in tags:
        none = "0" * len(tag.recorded.oid)
        git.attempt("update-ref", TAGS + tag.name, tag.recorded.oid, tag.here or none)


def find_astray(
    recorded: Iterable[tuple[Entry, Recorded]], here: Mapping[str, str], there: Mapping[str, str] | None
) -> list[Astray]:
    """The recorded tags that are missing or moved, here or on origin; both by full ref name."""
    found = []
    for entry, tag in recorded:
        mine = here.get(TAGS + tag.name)
        theirs = tag.oid if there is None else there.get(TAGS + tag.name)
        if mine != tag.oid or theirs != tag.oid:
            found.append(Astray(entry, tag, mine, theirs))
    return found
