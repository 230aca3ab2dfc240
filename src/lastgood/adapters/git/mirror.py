"""Our own bare repository: on a serving host, and for what a shallow clone lacks. The user's clone is never changed."""

from pathlib import Path

from lastgood.adapters.git.command import Git
from lastgood.errors import UsageError

REMOTE = "origin"


def open_for_clone(path: Path, common_dir: Path) -> Git:
    """The mirror beside a shallow clone. It includes the clone's configuration: same remote, same credentials."""
    git = _open(path)
    git.run("config", "--replace-all", "include.path", str(common_dir / "config"))
    git.run("config", "core.bare", "true")
    return git


def open_for_host(path: Path, url: str | None) -> Git:
    """A serving host's mirror of the repository at `url`, or of the one it already mirrors."""
    git = _open(path)
    if url is not None:
        absolute = str(Path(url).resolve()) if Path(url).is_dir() else url
        code, known, _ = git.attempt("config", "--get", f"remote.{REMOTE}.url")
        if code == 0 and known.decode().strip() not in {absolute, url}:
            raise UsageError(
                f"{path.parent} mirrors {known.decode().strip()}, not {url}; nothing was changed",
                hint="use another --root for another repository",
            )
        git.run("config", f"remote.{REMOTE}.url", absolute)
    return git


def fetch_all(git: Git, remote: str, deadline: float) -> str | None:
    """Bring branches up to date; the commit of the remote's default branch, or `None` in an empty repository."""
    git.run(
        "fetch", "--prune", "--no-tags", "--no-write-fetch-head", "--quiet", remote,
        "+refs/heads/*:refs/remotes/origin/*", deadline=deadline,
    )  # fmt: skip
    out = git.run("ls-remote", "--symref", remote, "HEAD", deadline=deadline).decode(errors="replace")
    for line in out.splitlines():
        oid, _, name = line.partition("\t")
        if name == "HEAD" and not oid.startswith("ref:"):
            return oid
    return None


def _open(path: Path) -> Git:
    if not (path / "HEAD").is_file():
        path.mkdir(parents=True, exist_ok=True)
        Git(path).run("init", "--bare", "--quiet", ".")
    return Git(path, git_dir=path)
