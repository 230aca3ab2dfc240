"""Our own bare repository: on a serving host, and for what a shallow clone lacks. The user's clone is never changed."""

from pathlib import Path
from secrets import token_hex

from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.refs import unreachable
from lastgood.errors import UsageError

REMOTE = "origin"
_BARE = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


def open_for_clone(path: Path, common_dir: Path) -> Git:
    """The mirror beside a shallow clone. It includes the clone's configuration: same remote, same credentials."""
    git = _open(path)
    # The include stands first: what git reads later counts, and the clone says that it is not bare.
    included = str(common_dir / "config").replace("\\", "\\\\").replace('"', '\\"')
    wanted = f'[include]\n\tpath = "{included}"\n{_BARE}'.encode()
    if (path / "config").read_bytes() != wanted:
        fresh = path / f"config.{token_hex(6)}"  # of our own: another process may be at the same
        fresh.write_bytes(wanted)
        fresh.replace(path / "config")
    return git


def open_for_host(path: Path, url: str | None) -> Git:
    """A serving host's mirror of the repository at `url`, or of the one it already mirrors."""
    git = _open(path)
    if url is not None:
        absolute = str(Path(url).resolve()) if Path(url).is_dir() else url
        code, known, _ = git.attempt("config", "--get", f"remote.{REMOTE}.url")
        fetched = git.line("for-each-ref", "--count=1")  # an address that was never reached may be mended
        if code == 0 and fetched and known.decode().strip() not in {absolute, url}:
            raise UsageError(
                f"{path.parent} mirrors {known.decode().strip()}, not {url}; nothing was changed",
                hint="use another --root for another repository",
            )
        git.run("config", f"remote.{REMOTE}.url", absolute)
    return git


def fetch_all(git: Git, remote: str, deadline: float) -> str | None:
    """Bring branches up to date; the commit of the remote's default branch, or `None` in an empty repository."""
    try:
        # Asked first: a branch that moves on in between is then fetched with the commit that was named.
        out = git.run("ls-remote", "--symref", remote, "HEAD", deadline=deadline).decode(errors="replace")
        git.run(
            "fetch", "--prune", "--no-tags", "--no-write-fetch-head", "--quiet", remote,
            "+refs/heads/*:refs/remotes/origin/*", deadline=deadline,
        )  # fmt: skip
    except GitError as error:
        hint = "check the address with `git ls-remote URL`; one that never answered can be given anew with --repo"
        raise unreachable(remote, error.words, hint=hint) from error
    for line in out.splitlines():
        oid, _, name = line.partition("\t")
        if name == "HEAD" and not oid.startswith("ref:"):
            return oid
    return None


def _open(path: Path) -> Git:
    if not all((path / name).exists() for name in ("HEAD", "config", "refs", "objects/info")):  # the last one made last
        _create(path)
    return Git(path, git_dir=path)


def _create(path: Path) -> None:
    from git import GitCommandError, Repo  # here, once for a repository: the import costs what eight git processes do

    path.mkdir(parents=True, exist_ok=True)
    try:
        Repo.init(path, bare=True).close()
    except GitCommandError as error:
        raise GitError(("init",), 128, str(error.stderr)) from error
