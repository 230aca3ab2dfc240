"""Opens the DVC project of a commit, without the working tree and without the version's own configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from lastgood.adapters.dvc.bounded import bounded
from lastgood.adapters.dvc.translate import missing_plug_in, quiet, scrub
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError, NotAProjectError


class _AnyRemote(dict[str, dict[str, str]]):
    """The remotes that a version names, all unreachable: `remote://NAME/…` parses and leads nowhere."""

    def __missing__(self, name: str) -> dict[str, str]:
        return {"url": f"/nonexistent/{name}"}


@contextmanager
def opened(git_dir: Path, commit: str, project: PurePosixPath) -> Iterator[Any]:
    """DVC's `Repo` for `commit`, read from git objects. Raises `FindingsError` (kind `unreadable`) for pipeline files
    that DVC refuses, `LastgoodError` with the extra for a missing plug-in."""
    quiet()
    from dvc.exceptions import NotDvcRepoError
    from dvc_objects.fs.errors import RemoteMissingDepsError

    repo = None
    try:
        repo = _open(git_dir, commit, project)
        yield repo
    except (LastgoodError, MemoryError):  # the latter is the limit's business (`reader`)
        raise
    except NotDvcRepoError as error:
        message = f"commit {commit[:12]} has no DVC project in `{project}`"
        raise NotAProjectError(message) from error
    except (ImportError, RemoteMissingDepsError) as error:
        raise missing_plug_in(f"reading commit {commit[:12]}", error) from error
    except Exception as error:  # a hostile file meets whatever DVC's parsers raise: RecursionError, AttributeError …
        reason = scrub(str(error)) or type(error).__name__
        message = f"the pipeline files of commit {commit[:12]} cannot be read: {reason}"
        raise FindingsError(message, [Finding(Flaw.UNREADABLE, commit, message)]) from error
    finally:
        if repo is not None:
            repo.close()


def _open(git_dir: Path, commit: str, project: PurePosixPath) -> Any:
    from dvc.config import Config
    from dvc.fs import GitFileSystem
    from dvc.repo import Repo
    from dvc.scm import SCM, SCMError

    # `Repo(rev=…)` fails in subdirectories and mirrors, and takes the version's URLs (facts.md, D19). With a
    # Config of its own the version's `.dvc/config` is never read: no remote, credential or cache directory comes from
    # there.
    config = Config(validate=True)
    config["remote"] = _AnyRemote()
    config["cache"] = {"dir": "/nonexistent"}
    config["core"].pop("remote", None)
    pinned = type("PinnedRepo", (Repo,), {"config": config})
    try:
        scm = SCM(str(git_dir))
    except SCMError as error:
        raise NotAProjectError(f"{git_dir} is not a git repository") from error
    filesystem = bounded(GitFileSystem)(scm=scm, rev=commit)
    for entry in filesystem.fs.trie.trie.itervalues():
        entry.backend = None  # with it pygit2 reads every file in a thread, and waits for ever for one that fails
    return pinned(str(PurePosixPath("/") / project), fs=filesystem, scm=scm)
