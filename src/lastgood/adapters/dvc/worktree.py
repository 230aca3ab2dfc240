"""The working tree of a DVC project: whether its pipeline is reproduced, and restoring its outputs from the cache.

A working tree can be restored, but never atomically (facts.md, D2 and D7): only a release is switched as a whole.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from lastgood.adapters.dvc.special import find_special
from lastgood.adapters.dvc.translate import quiet, translated
from lastgood.core.listing import why_unsafe
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError, LockedError

PATIENCE = 10.0
"""Seconds that a command waits for another DVC process; DVC itself gives up after three (facts.md, D15)."""

Answer = TypeVar("Answer")

WORDS = {"deleted": "is missing", "not in cache": "is not in the cache", "new": "was never recorded"}


def pipeline_findings(root: Path, *, patience: float = PATIENCE) -> tuple[Finding, ...]:
    """Findings where the working tree differs from `dvc.lock` and the `.dvc` files, or these differ from the committed
    ones. A stage that always runs, or is frozen, is judged by its recorded hashes. Contacts no remote."""

    def work(repo: Any) -> tuple[Finding, ...]:
        if special := _special(repo):
            return special  # DVC would read them
        # Without `check_updates` imports are not compared with their source, which would need the network.
        status, names = repo.status(check_updates=False), _names(repo)
        changed = [one for stage, facts in status.items() for one in _read(names.get(stage, stage), facts, names)]
        return (*changed, *_uncommitted(repo))

    return _with_repo(root, f"the pipeline's status in {root}", work, patience)


def checkout_outputs(
    root: Path,
    paths: Sequence[Path] | None,
    *,
    cache: Path | None = None,
    anew: bool = False,
    patience: float = PATIENCE,
) -> None:
    """Make the outputs (`None`: all) match the working tree's `dvc.lock` and `.dvc` files, from the cache.

    `cache` is the trusted configuration's, because the checked-out one may name another. With `anew` DVC's data index
    is not used: an error while it is written leaves a part of a tree there. DVC then takes that for the whole, removes
    the other outputs and calls that up to date (3.67.1). Local changes of outputs are overwritten.

    Raises `FindingsError` for outputs outside of the project, also by a link on the way, before DVC does anything; and
    for outputs whose objects the cache lacks. DVC removes those from the working tree, so fetch everything into the
    cache before.
    """
    targets = None if paths is None else [str((root / path).absolute()) for path in paths]
    if targets == []:
        return

    def work(repo: Any) -> None:
        from dvc.exceptions import CheckoutError

        if anew:
            repo.drop_data_index()
        _require_inside(repo)
        if special := _special(repo):
            raise FindingsError("; ".join(map(str, special)), special)
        chosen = targets
        if targets is None and not all(out.hash_info for out in repo.index.outs):
            # One that never ran: DVC removes what lies at its path.
            chosen = [out.fs_path for out in repo.index.outs if out.hash_info]
        try:
            repo.checkout(targets=chosen, force=True)
        except CheckoutError as error:
            found = [Finding(Flaw.MISSING, str(path), f"{path} cannot be restored") for path in error.target_infos]
            raise FindingsError("outputs could not be restored from the cache", found) from error

    _with_repo(root, f"checking out the outputs in {root}", work, patience, cache)


def _special(repo: Any) -> tuple[Finding, ...]:
    """The FIFOs, sockets and devices among the files that DVC would read for this project, also links to them."""
    parts = [part for stage in repo.index.stages for part in (*stage.deps, *stage.outs) if part.fs.protocol == "local"]
    found = {}
    for path in dict.fromkeys(Path(part.fs_path) for part in parts):
        for one, word in find_special(path):
            shown = os.path.relpath(one, repo.root_dir)
            found[one] = Finding(Flaw.SPECIAL, shown, f"{shown} is {word}, which a version cannot contain: remove it")
    return tuple(found.values())


def _require_inside(repo: Any) -> None:
    """Raise an error for outputs outside of the project, whatever a manifest says: DVC uses the files that were checked
    out."""
    top, found = os.path.realpath(repo.root_dir), []
    for out in repo.index.outs:
        inside = out.is_in_repo and out.protocol == "local"
        directory, _, name = out.fs_path.rpartition("/")
        target = f"{os.path.realpath(directory)}/{name}"
        if out.use_cache and not (inside and target.startswith(f"{top}/") and not why_unsafe(target[len(top) + 1 :])):
            found.append(Finding(Flaw.EXTERNAL, str(out), f"the output {out} lies outside of the project"))
    if found:
        raise FindingsError("outputs lie outside of the project: " + ", ".join(one.subject for one in found), found)


def _with_repo(
    root: Path, doing: str, work: Callable[[Any], Answer], patience: float, cache: Path | None = None
) -> Answer:
    """Do `work` with DVC's `Repo`, repeated while another process holds DVC's lock and there is time left."""
    quiet()
    end = monotonic() + patience
    while True:
        try:
            with translated(doing), _open(root, cache) as repo:
                _bound(repo.state)
                return work(repo)
        except LockedError:
            if monotonic() >= end:
                raise


def _open(root: Path, cache: Path | None) -> Any:
    from dvc.repo import Repo

    config = {"cache": {"dir": str(cache)}} if cache is not None else None
    try:
        return Repo(str(root.absolute()), config=config)
    except KeyError as error:  # of getpass.getuser: a container's user without an entry, or a file too many open
        raise LastgoodError(f"DVC does not learn who runs it: {error}", hint="export LOGNAME=NAME") from error


def _bound(state: Any) -> None:
    """Make DVC's state database raise if it cannot be written: diskcache retries without a pause and without end, even
    if SQLite refuses at once (5.6.3, `Cache._transact`)."""
    from dvc_data.hashfile.cache import Timeout

    def once(cache: Any) -> Any:
        begin = cache._transact  # noqa: SLF001  # the one place through which every write goes

        @contextmanager
        def transact(retry: bool = False, filename: str | None = None) -> Iterator[Any]:  # noqa: ARG001  # diskcache's signature
            try:
                with begin(retry=False, filename=filename) as transaction:
                    yield transaction
            except Timeout as error:
                reason = f"{cache.directory} cannot be written: {error.__context__}"
                raise LastgoodError(f"DVC's state in {reason}") from error

        return transact

    for cache in (state.hashes, state.links):
        cache._transact = once(cache)  # noqa: SLF001  # as above


def _names(repo: Any) -> dict[str, str]:
    """Stages, outputs and dependencies as the status names them, relative to the current directory, mapped to their
    names from the project's root."""
    names = {}
    for stage in repo.index.stages:
        file = repo.fs.relpath(stage.path, repo.root_dir)
        name = getattr(stage, "name", None) or file
        names[stage.addressing] = name if file in ("dvc.yaml", name) else f"{file}:{name}"
        for part in (*stage.deps, *stage.outs):
            inside = part.fs.protocol == "local" and repo.fs.isin(part.fs_path, repo.root_dir)
            names[str(part)] = repo.fs.relpath(part.fs_path, repo.root_dir) if inside else str(part)
    return names


def _read(
    stage: str, facts: Sequence[str | Mapping[str, Mapping[str, str]]], names: Mapping[str, str]
) -> Iterator[Finding]:
    for fact in facts:
        if fact == "always changed":
            continue  # what it made the last time is recorded all the same, and compared above
        if isinstance(fact, str):
            text = fact.removeprefix("changed ").replace("checksum", "definition")
            yield Finding(Flaw.CHANGED_STAGE, stage, f"{stage}: its {text} changed since it last ran: run `dvc repro`")
            continue
        for paths in fact.values():
            for shown, state in paths.items():
                path = names.get(shown, shown)
                words = WORDS.get(str(state), "changed")
                yield Finding(Flaw.CHANGED_DATA, path, f"{stage}: {path} {words}: run `dvc repro` or `dvc checkout`")


def _uncommitted(repo: Any) -> Iterator[Finding]:
    from dvc.scm import SCMError

    try:
        committed = repo.scm.get_fs("HEAD")
    except SCMError:  # no commit yet
        committed = None
    files = {path for stage in repo.index.stages for path in _files_of(stage)}
    for path in sorted(path for path in files if path.is_file()):
        inside = path.relative_to(repo.scm.root_dir).as_posix()
        if committed is None or not committed.exists(f"/{inside}") or _differs(path, committed, f"/{inside}"):
            yield Finding(
                Flaw.UNCOMMITTED, inside, f"{inside} is not committed as it is: `git add {inside}` and commit"
            )


def _files_of(stage: Any) -> Iterator[Path]:
    yield Path(stage.dvcfile.path)
    if lock := getattr(stage.dvcfile, "_lockfile", None):
        yield Path(lock.path)


def _differs(path: Path, committed: Any, inside: str) -> bool:
    """Whether two contents differ, apart from line ends, which git may have changed."""
    with committed.open(inside, mode="rb") as file:
        return bool(file.read().replace(b"\r\n", b"\n") != path.read_bytes().replace(b"\r\n", b"\n"))
