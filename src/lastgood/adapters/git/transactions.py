"""Records a transaction: objects first, origin second, local refs last (ordering.md, O4).

A crash before the push leaves unreachable objects; a crash after it leaves local refs behind origin, which the next
fetch brings. No moment leaves a local tag that origin has not accepted. Without a remote, the move of the journal's ref
decides, and `land` writes missing tags afterwards.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.export import read_blobs
from lastgood.adapters.git.identity import Identity
from lastgood.adapters.git.packs import Pack
from lastgood.adapters.git.refs import list_origin, list_refs, unreachable
from lastgood.adapters.git.remotes import pushed_to
from lastgood.adapters.git.repository import is_ancestor
from lastgood.core.journal import GENESIS, Discount, Journal, Recorded, format_entry
from lastgood.core.manifest import Manifest
from lastgood.core.tags import TAGS
from lastgood.core.transaction import MOST_TAGS, NewTag, Transaction
from lastgood.errors import LockedError, PushRefusedError, StaleError, UnreachableError

_NOBODY = Identity("lastgood", "lastgood@localhost")
_LOST = ("non-fast-forward", "fetch first", "already exists", "stale info", "needs force")
_LOST_THERE = (
    "failed to update ref",
    "cannot lock ref",
    "reference already exists",
    "incorrect old value",
    "failed to lock",
)
_LOST_IN_TRANSACTION = re.compile(
    r"cannot lock ref .*?(but expected|already exists|unable to resolve|File exists)", re.DOTALL
)
"""receive-pack's messages on standard error when its one transaction for `--atomic` meets another writer's. A name that
collides with a directory of refs reads `…: 'a/b' exists; cannot create 'a'` and is no race."""
_LOCK_THERE = re.compile(r"Unable to create '(\S+\.lock)': File exists")
_FLUSHING = ("--receive-pack=git -c core.fsync=all receive-pack",)
"""Makes the receiving git on this machine flush what it writes: git does not pass `core.fsync` on to it, and a power
cut after exit 0 left empty objects in origin (ordering.md, O1). A host accepts no other command than its own."""
_BRANCH = (
    "a host that refuses other namespaces takes the journal as a branch: "
    '[registry] journal = "refs/heads/lastgood/{artifact}"'
)
_BROKEN_OFF = ("hung up unexpectedly", "unexpected disconnect", "RPC failed", "Connection reset", "Broken pipe")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction whose objects exist, but no ref: the refs to push and to write locally."""

    artifact: str
    tags: tuple[Recorded, ...]
    journal_ref: str
    journal: str
    previous: str | None
    gone: tuple[Discount, ...] = ()
    """Tags on the remote to delete with it."""

    @property
    def refspecs(self) -> tuple[str, ...]:
        """The refspecs of the push: tags to delete, new tags, which must not exist, and the journal, which must be a
        fast-forward."""
        deleted = (f":{TAGS}{one.name}" for one in self.gone)
        return (*deleted, *(f"{tag.oid}:{TAGS}{tag.name}" for tag in self.tags), f"{self.journal}:{self.journal_ref}")

    @property
    def leases(self) -> tuple[str, ...]:
        """The leases of the push: a discounted tag is deleted only while it is the discounted object."""
        return tuple(f"--force-with-lease={TAGS}{one.name}:{one.oid}" for one in self.gone)


def write_objects(
    git: Git,
    transaction: Transaction,
    journal: Journal,
    ref: str,
    identity: Identity,
    *,
    sign: Callable[[bytes], bytes] = bytes,
) -> Prepared:
    """Make the tag objects and the journal commit. No ref moves. `sign` adds a signature to a tag object's bytes."""
    pack = Pack(transaction.tags[0].commit if transaction.tags else transaction.discounts[0].oid)
    raws = [sign(_raw(tag, identity)) for tag in transaction.tags]
    recorded = tuple(Recorded(pack.add("tag", raw), tag.name) for raw, tag in zip(raws, transaction.tags, strict=True))
    files = {f"tag-{number}": raw for number, raw in enumerate(raws, 1)}
    if transaction.manifest is not None:
        files["manifest.json"] = str(transaction.manifest).encode() + b"\n"
    found = [git.objects.read(one.oid) for one in transaction.discounts]
    files |= {f"discounted-{number}": one[1] for number, one in enumerate(found, 1) if one is not None}
    parents = [transaction.commit] if transaction.commit else []
    message = format_entry(transaction.subject, recorded, discounts=transaction.discounts, said=transaction.said)
    commit = _add_entry(pack, journal, message, files, parents, (identity, transaction.latest))
    pack.write(git)
    return Prepared(transaction.artifact, recorded, ref, commit, journal.tip)


def write_adoption(  # the facts of one entry
    git: Git,
    journal: Journal,
    recorded: Sequence[Recorded],
    ref: str,
    identity: Identity,
    when: int,
    *,
    manifest: Manifest | None = None,
) -> Prepared:
    """Write the journal entry that adopts tags as they are, by their own bytes; `manifest` is that of the version among
    them, if known."""
    pack = Pack(recorded[0].oid)
    raws = read_blobs(git, [tag.oid for tag in recorded])
    files = {f"tag-{number}": raw for number, raw in enumerate(raws, 1)}
    if manifest is not None:
        files["manifest.json"] = str(manifest).encode() + b"\n"
    message = format_entry(f"Adopt {len(recorded)} tags of {journal.artifact}", recorded, adoption=True)
    parents = [manifest.commit] if manifest is not None else []
    commit = _add_entry(pack, journal, message, files, parents, (identity, when))
    pack.write(git)
    return Prepared(journal.artifact, tuple(recorded), ref, commit, journal.tip)


def write_entry(git: Git, journal: Journal, message: str, ref: str, identity: Identity, when: int) -> Prepared:
    """Write a journal entry without tags, for people to read. It changes nothing."""
    pack = Pack(journal.tip or git.line("hash-object", "-t", "tree", "/dev/null"))
    commit = _add_entry(pack, journal, message, {}, [], (identity, when))
    pack.write(git)
    return Prepared(journal.artifact, (), ref, commit, journal.tip)


def publish(git: Git, prepared: Prepared, remote: str, deadline: float, *, more: Sequence[str] = ()) -> None:
    """Push everything at once or nothing.

    Raises `StaleError` if somebody was faster, `PushRefusedError` with the server's words if origin refuses,
    `UnreachableError` if it does not answer.
    """
    here = pushed_to(git, remote)
    flushing = _FLUSHING if here else ()
    try:
        code, out, words = git.attempt(
            "push", "--atomic", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed",
            "--recurse-submodules=no", *flushing, *prepared.leases, remote, *prepared.refspecs, *more,
            deadline=deadline, remote=remote,
        )  # fmt: skip
    except (GitError, UnreachableError) as error:
        raise _broken_off(remote, error.message) from error
    if code == 0:
        for there in here:
            _flush_directories(there if not (there / ".git").is_dir() else there / ".git", prepared)
        return
    lines = [line.split("\t")[1:] for line in out.decode(errors="replace").splitlines() if line.startswith("!")]
    if not lines:
        raise _unanswered(remote, words)
    refused = {line[0]: line[1] for line in lines if len(line) == 2 and "atomic push fail" not in line[1]}
    refusals = "; ".join(f"{names.partition(':')[2]}: {why}" for names, why in refused.items())
    for names in refused.keys() & set(more):
        if any(reason in refused[names] for reason in _LOST):  # no race: it stays behind, however often it is tried
            branch = names.rpartition(":")[2].removeprefix("refs/heads/")
            raise PushRefusedError(
                f"{remote} refused the push: {refusals}",
                hint=f"git pull --rebase {remote} {branch}, or leave the branch out",
                unchanged=True,
            )
    if any(reason in why for why in refused.values() for reason in (*_LOST, *_LOST_THERE)) or (
        any("atomic transaction failed" in why for why in refused.values())
        and (_LOST_IN_TRANSACTION.search(words) or _moved_on(git, prepared, remote, deadline))
    ):
        raise StaleError(f"{remote} moved on: {refusals}", hint=_lock_there(words))
    said = " ".join(line.removeprefix("remote:").strip() for line in words.splitlines() if line.startswith("remote:"))
    told_of = [
        line.split("\t") for line in out.decode(errors="replace").splitlines() if line.startswith(("*\t", " \t"))
    ]
    taken = [line[1].partition(":")[2] for line in told_of]
    but = f"; its git took {', '.join(taken)} all the same" if taken else ""
    raise PushRefusedError(
        f"{remote} refused the push: {said or refusals or words.strip()}{but}",
        unchanged=not taken,
        hint=_BRANCH if prepared.refspecs[-1] in refused and not prepared.journal_ref.startswith("refs/heads/") else "",
    )


def _unanswered(remote: str, words: str) -> UnreachableError:
    """The error for a push that ended without an answer about any ref: it never began, or the connection broke."""
    if not any(sign in words for sign in _BROKEN_OFF):
        return unreachable(remote, words)
    return _broken_off(remote, f"{remote} closed the connection: {' '.join(words.split())}")


def _broken_off(remote: str, what: str) -> UnreachableError:
    return UnreachableError(
        f"{what}; nothing was changed here, but it is unknown whether {remote} accepted the push",
        hint="run the same command again to find out",
    )


def _lock_there(words: str) -> str:
    """The hint about a lock on another host that stays; local locks were examined already (stale.py)."""
    found = _LOCK_THERE.search(words)
    return f"if that lock stays and no git is at work there, on that host: rm {found[1]}" if found else ""


def _moved_on(git: Git, prepared: Prepared, remote: str, deadline: float) -> bool:
    """Whether the remote's journal does not continue the local one: a race, whatever git's words or language."""
    try:
        there = list_origin(git, remote, [prepared.journal_ref], deadline).refs.get(prepared.journal_ref)
    except UnreachableError:
        return False
    return there is not None and not is_ancestor(git, there, prepared.journal)


def land(git: Git, prepared: Prepared, *, accepted: bool) -> bool:
    """Write the local refs; an existing tag stays. Returns whether all are as prepared now.

    With `accepted`, origin has everything: a journal that another process moved here meanwhile, or a ref that a living
    git keeps locked, is left to the next fetch. Without a remote the event is recorded here, and `StaleError` or
    `LockedError` is raised.
    """
    try:
        if _land(git, prepared, accepted=accepted):
            return True
    except (GitError, LockedError):
        if not accepted:
            raise
    here = list_refs(git, prepared.journal_ref, *(TAGS + tag.name for tag in prepared.tags[:MOST_TAGS]))
    wanted = {TAGS + tag.name: tag.oid for tag in prepared.tags[:MOST_TAGS]}
    return here == {prepared.journal_ref: prepared.journal, **wanted}


def _land(git: Git, prepared: Prepared, *, accepted: bool) -> bool:
    none = "0" * len(prepared.journal)
    # One after the other, the journal first, once all are locked: git's own order (refs/files-backend.c).
    lines = [f"update {prepared.journal_ref} {prepared.journal} {prepared.previous or none}\n"]
    lines += [f"create {TAGS}{tag.name} {tag.oid}\n" for tag in prepared.tags]
    few = len(prepared.tags) <= MOST_TAGS  # more are an adoption's, and there
    with suppress(GitError):  # killed
        if few and git.attempt("update-ref", "--stdin", stdin="".join(lines).encode())[0] == 0:
            _flush_directories(git.directory / git.line("rev-parse", "--git-common-dir"), prepared)
            return True
    try:
        git.run("update-ref", prepared.journal_ref, prepared.journal, prepared.previous or none)
    except GitError as error:
        now = git.attempt("rev-parse", "--verify", "--quiet", prepared.journal_ref)[1].decode().strip()
        if not accepted and now != prepared.journal:
            raise StaleError(f"the journal {prepared.journal_ref} moved on") from error
    put_tags(git, prepared.tags)
    return False


def _flush_directories(repository: Path, prepared: Prepared) -> None:
    """Flush the directories of the refs just written. git flushes the content of a ref, never its name: after a power
    cut the lock file could be back and stop every later command (ordering.md, O1)."""
    names = (prepared.journal_ref, *(TAGS + tag.name for tag in prepared.tags))
    for directory in {(repository / name).parent for name in names}:
        with suppress(OSError):  # packed, or a reftable
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def put_tags(git: Git, recorded: Sequence[Recorded]) -> None:
    """Create the local refs of recorded tags that have none. Never moves one."""
    here = list_refs(git, TAGS) if len(recorded) > MOST_TAGS else {}
    for tag in recorded:
        if TAGS + tag.name in here:
            continue  # an adoption's are all here: no process for each of 10,000
        git.attempt("update-ref", TAGS + tag.name, tag.oid, "0" * len(tag.oid))


def drop_tags(git: Git, discounts: Iterable[Discount]) -> None:
    """Delete the local refs of discounted tags; a ref to another object stays."""
    for one in discounts:
        git.attempt("update-ref", "-d", TAGS + one.name, one.oid)


def _raw(tag: NewTag, identity: Identity) -> bytes:
    header = f"object {tag.commit}\ntype commit\ntag {tag.name}\ntagger {identity} {tag.when} +0000\n"
    return f"{header}\n{tag.message}".encode(errors="replace")


def _add_entry(
    pack: Pack, journal: Journal, message: str, files: dict[str, bytes], parents: list[str], who: tuple[Identity, int]
) -> str:
    # The same transaction by the same actor in the same second would be the same commit: both racers would win.
    message = f"{message}Writer: {os.urandom(8).hex()}\n"
    tree = pack.add_tree(files)
    former = journal.tip or _add_commit(pack, pack.add_tree({}), [], GENESIS, (_NOBODY, 0))
    return _add_commit(pack, tree, [former, *parents], message, who)


def _add_commit(pack: Pack, tree: str, parents: list[str], message: str, who: tuple[Identity, int]) -> str:
    identity, when = who
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"{role} {identity} {when} +0000" for role in ("author", "committer")]
    return pack.add("commit", "\n".join([*lines, "", message]).encode(errors="replace"))
