"""The outputs of a commit as lastgood's values, and the problems that make them unrestorable elsewhere."""

from pathlib import PurePosixPath
from typing import Any

from lastgood.core.listing import clashes, is_md5, why_unsafe
from lastgood.core.manifest import Output
from lastgood.errors import Finding, Flaw


def check_outputs(repo: Any, trusted: frozenset[str] | None) -> tuple[tuple[Output, ...], tuple[Finding, ...]]:
    """All outputs with a usable path and hash, and every problem; `trusted` are the known remotes' names."""
    outputs: list[Output] = []
    problems: list[Finding] = []
    for out in sorted(repo.index.outs, key=lambda out: str(out.fs_path)):
        if refused := _refuse(out):
            problems.append(refused)
            continue
        output = _output(out)
        problems += _problems(repo, out, output, trusted)
        if output.storage == "git" or is_md5(output.md5):
            outputs.append(output)
    pairs = clashes(str(output.path) for output in outputs)
    problems += [_finding(Flaw.UNSAFE_PATH, str(two), f"{one} and {two} clash: rename one") for one, two in pairs]
    return tuple(outputs), tuple(problems)


def _refuse(out: Any) -> Finding | None:
    """Why the output must not be used at all: because of its path, or its recorded location."""
    shown = str(out.def_path)
    if not out.is_in_repo:
        advice = "copy it into the project and track it there"
        return _finding(
            Flaw.EXTERNAL,
            shown,
            f"the output {shown} of {out.stage.addressing} is outside the project: {advice}",
        )
    if why := why_unsafe(str(out.fs_path).removeprefix("/")):
        return _finding(Flaw.UNSAFE_PATH, shown, f"the output {shown} of {out.stage.addressing} {why}")
    return None


def _output(out: Any) -> Output:
    return Output(
        path=PurePosixPath(str(out.fs_path).removeprefix("/")),
        md5=str(out.hash_info.value or ""),
        size=out.meta.size,
        files=out.meta.nfiles,
        storage="dvc" if out.use_cache else "git",
        legacy=out.hash_name == "md5-dos2unix",
        executable=bool(out.meta.isexec),
        remote=out.remote,
    )


def _problems(repo: Any, out: Any, output: Output, trusted: frozenset[str] | None) -> list[Finding]:
    path, found = str(output.path), []
    if out.files or out.meta.version_id:
        text = "is kept by a cloud-versioned remote, which lastgood does not support: push it to an ordinary one"
        found.append(_finding(Flaw.CLOUD_VERSIONED, path, f"{path} {text}"))
    if output.storage == "git":
        if not repo.fs.exists(out.fs_path):
            text = "is `cache: false` and not in git: commit it, or let DVC cache it"
            found.append(_finding(Flaw.NOT_IN_GIT, path, f"{path} {text}"))
        return found
    if not output.md5:
        found.append(_finding(Flaw.NO_HASH, path, f"{path} has no recorded hash: run `dvc repro` and commit dvc.lock"))
    elif not is_md5(output.md5):
        found.append(
            _finding(Flaw.BAD_HASH, path, f"{path} has no md5: {output.md5!r}; run `dvc commit` and commit it")
        )
    if not out.can_push:
        text = "is `push: false`, so no other machine can have it: remove that line and run `dvc push`"
        found.append(_finding(Flaw.NOT_PUSHED, path, f"{path} {text}"))
    if output.remote is not None and trusted is not None and output.remote.lower() not in trusted:
        text = f"names the remote `{output.remote}`, which is not configured here: `dvc remote add {output.remote} URL`"
        found.append(_finding(Flaw.UNKNOWN_REMOTE, path, f"{path} {text}"))
    return found


def _finding(kind: Flaw, subject: str, message: str) -> Finding:
    return Finding(kind, subject, message)
