"""lastgood's own bare repository: on a serving host, and for the refs that a shallow clone lacks. The user's clone is
never changed."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from lastgood.adapters.git import refs
from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.refs import unreachable
from lastgood.core.tags import TAGS
from lastgood.errors import LockedError, UnreachableError, UsageError
from lastgood.releases import lock
from lastgood.releases.place import Place

REMOTE = "origin"
_WITHOUT_FILES = ("--filter=blob:none",)
_COMMITS_ALONE = ("--filter=tree:0", "--depth=1")
_BRANCH = (f"+HEAD:refs/remotes/{REMOTE}/HEAD",)
_EVERYTHING = (f"+refs/heads/*:refs/remotes/{REMOTE}/*", f"{TAGS}*:{TAGS}*")
_NOT_GIVEN = ("unadvertised object", "not our ref", "couldn't find remote ref", "bad pack header")
"""git's messages for an object or a ref that the remote does not serve; the last one by protocol 0."""
_BARE = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


def open_for_clone(path: Path, common_dir: Path) -> Git:
    """The mirror beside a shallow clone. It includes the clone's configuration: same remote, same credentials."""
    git = _open(path)
    # The include stands first: what git reads later counts, and the clone says that it is not bare.
    included = str(common_dir / "config").replace("\\", "\\\\").replace('"', '\\"')
    wanted = f'[include]\n\tpath = "{included}"\n{_BARE}'.encode()
    if (path / "config").read_bytes() != wanted:
        fresh = path / f"config.{os.urandom(6).hex()}"  # of our own: another process may be at the same
        fresh.write_bytes(wanted)
        fresh.replace(path / "config")
    return git


def open_for_host(path: Path, url: str | None) -> Git:
    """A serving host's mirror of the repository at `url`, or of the one it already mirrors."""
    git = _open(path)
    if url is not None:
        absolute = str(Path(url).resolve()) if Path(url).is_dir() else url
        code, known, _ = git.attempt("config", "--get", f"remote.{REMOTE}.url")
        fetched = git.line("for-each-ref", "--count=1")  # an address that was never reached may be corrected
        if code == 0 and fetched and known.decode().strip() not in {absolute, url}:
            raise UsageError(
                f"{path.parent} mirrors {known.decode().strip()}, not {url}",
                hint="use another --root for another repository",
            )
        git.run("config", f"remote.{REMOTE}.url", absolute)
    return git


def fetch_branch(git: Git, remote: str, deadline: float) -> str | None:
    """Fetch the remote's default branch without the files. Returns its commit, or `None` for an empty repository."""
    try:
        # Asked first: a branch that moves on in between is then fetched with the commit that was named.
        out = git.run("ls-remote", remote, "HEAD", deadline=deadline).decode(errors="replace")
    except GitError as error:
        hint = "check the address with `git ls-remote URL`; one that never answered can be given anew with --repo"
        raise unreachable(remote, error.words, hint=hint) from error
    oid = out.partition("\t")[0]
    if oid and git.objects.read(oid) is None:
        _fetch(git, remote, _BRANCH, deadline, _WITHOUT_FILES)
    return oid or None


def fetch(git: Git, remote: str, tags: Sequence[str], journals: Sequence[str], deadline: float) -> None:
    """Fetch tags, by refspecs, with their commits but without the files; and whole journals.

    Beside a shallow clone the tags come without the history behind them, if the remote supports that. The tags come
    first: the commits that the journals name are then here, and their history is not fetched. Raises
    `UnreachableError`.
    """
    options = _COMMITS_ALONE if _is_cut_off(git) else _WITHOUT_FILES
    for refspecs, chosen in ((tags, options), (journals, ("--no-filter",))):
        if refspecs:
            _fetch(git, remote, refspecs, deadline, chosen)
    if any("*" in refspec for refspec in tags):  # thousands of small files: 4 KiB and an `open` each time they are read
        with suppress(LockedError):
            git.attempt("pack-refs", "--all")


def bring(git: Git, remote: str, commits: Mapping[str, str], deadline: float) -> None:
    """Fetch all missing files of these commits, by one fetch; none if nothing is missing.

    `commits` maps each to a tag that points to it. Raises `UnreachableError`.
    """
    if missing := _missing(git, commits):
        _bring(git, remote, missing, [f"+{TAGS}{tag}:{TAGS}{tag}" for tag in commits.values()], deadline)


def bring_files(git: Git, remote: str, commit: str, paths: Sequence[str], deadline: float) -> None:
    """Fetch these files of the default branch's commit, by one fetch at most. Raises `UnreachableError`."""
    lines = git.run("ls-tree", "-z", "--full-tree", commit, "--", *paths).decode(errors="replace").split("\0")
    oids = [line.partition("\t")[0].split()[2] for line in lines if line]
    if missing := [oid for oid in oids if git.objects.read(oid) is None]:
        _bring(git, remote, missing, _BRANCH, deadline)


def _bring(git: Git, remote: str, oids: Sequence[str], refspecs: Sequence[str], deadline: float) -> None:
    """Fetch objects by their ids; if the remote does not allow that, by the refs that lead to them; else everything.

    The remote does not learn what is here: it would assume that the files of a commit are here as well.
    """
    depth = ("--depth=1",) if _is_cut_off(git) else ()
    for wanted, more in ((oids, depth), (refspecs, depth), (_EVERYTHING, ())):
        try:
            _fetch(git, remote, wanted, deadline, ("--refetch", "--no-filter", *more))
        except UnreachableError as error:
            if wanted is _EVERYTHING or not any(sign in error.message for sign in _NOT_GIVEN):
                raise
        else:
            return


def _fetch(git: Git, remote: str, wanted: Iterable[str], deadline: float, options: Iterable[str]) -> None:
    """Run one fetch at a time: a second one that cuts history off would fail, and a killed one leaves its lock."""
    environment = {**_promising(remote), "LC_ALL": "C"}  # for `_NOT_GIVEN`
    with ExitStack() as held:
        try:  # longer than the deadlines of its holder nobody has to wait
            held.enter_context(lock.hold(Place(git.directory.parent), lock.FETCH, "fetch", wait=deadline))
        except OSError as error:  # the mirror is another user's
            raise unreachable(remote, str(error)) from error
        (git.directory / "shallow.lock").unlink(missing_ok=True)
        refs.fetch(git, remote, wanted, deadline, options=options, environment=environment)


def _missing(git: Git, commits: Iterable[str]) -> list[str]:
    """The missing trees and blobs of these commits, as far as known: the content of a missing tree is not. A missing
    commit is lost: every tag came with its own."""
    here = "".join(f"{commit}\n" for commit in commits if git.objects.read(commit) is not None)
    if not here:
        return []
    options = ("--objects", "--no-object-names", "--no-walk", "--missing=print", "--stdin")
    lines = git.run("rev-list", *options, stdin=here.encode()).decode().splitlines()
    return [line[1:] for line in lines if line.startswith("?")]


def _is_cut_off(git: Git) -> bool:
    """Whether this is the mirror beside a shallow clone: it alone includes another configuration."""
    return (git.directory / "config").read_text().startswith("[include]")


def _promising(remote: str) -> dict[str, str]:
    """Variables that make one git command accept missing objects, as ones that the remote keeps.

    They are not in the mirror's configuration: there every command, also one that reads, would fetch missing objects,
    one by one and without a deadline (`GIT_NO_LAZY_FETCH` needs git 2.44).
    """
    settings = {f"remote.{remote}.promisor": "true", f"remote.{remote}.partialclonefilter": "blob:none"}
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for place, (key, value) in enumerate(settings.items(), first):
        variables |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
    return variables


def _open(path: Path) -> Git:
    if not all((path / name).exists() for name in ("HEAD", "config", "refs", "objects/info")):  # the last one made last
        _create(path)
    return Git(path, git_dir=path)


def _create(path: Path) -> None:
    from git import GitCommandError, Repo  # here, once for a repository: the import costs what eight git processes do

    from lastgood.adapters.git.stale import mend

    path.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            return Repo.init(path, bare=True).close()
        except GitCommandError as error:
            if not mend(Git(path, git_dir=path), str(error.stderr)):  # not the lock of a git that crashed during this
                raise GitError(("init",), 128, str(error.stderr)) from error
