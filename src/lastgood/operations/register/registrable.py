"""What is asked of a commit before it is registered: that other machines can restore it, and what its outputs are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath

from lastgood.adapters.dvc.ignoring import ignored
from lastgood.adapters.dvc.version import Pinned
from lastgood.adapters.dvc.worktree import pipeline_findings
from lastgood.adapters.git import export
from lastgood.core.digests import Digests
from lastgood.core.manifest import Manifest, Output
from lastgood.core.preflight import check_code
from lastgood.errors import Finding, FindingsError, Flaw, RefusedError, counted
from lastgood.project import Project
from lastgood.releases import proving
from lastgood.releases.proofs import Proofs
from lastgood.versions.restorable import gather_code, unpinned
from lastgood.worktree.outputs import tracked_inside


def require_registrable(project: Project, manifest: Manifest, pinned: Pinned) -> None:
    """Raise `FindingsError` with everything that would keep another machine from restoring this version."""
    project.on_step("check")
    findings = [*pinned.problems, *unpinned(manifest)]
    told = {(finding.kind, finding.subject) for finding in findings}
    code = check_code("this commit", manifest, gather_code(project, manifest, manifest.outputs))
    findings += [finding for finding in code if (finding.kind, finding.subject) not in told]
    root = project.worktree.directory / manifest.project
    changed = pipeline_findings(root)
    findings += [*changed, *_tracked_findings(project, PurePosixPath(manifest.project), pinned, changed)]
    if findings:
        raise FindingsError(
            f"{manifest.artifact} could not be restored from this commit: {counted(len(findings), 'finding')}",
            findings,
            hint=_advise({finding.kind for finding in findings}),
        )


def _advise(kinds: set[str]) -> str:
    if kinds & {Flaw.COLLISION, Flaw.TRACKED}:
        return "git rm --cached what the output holds, then git commit"
    changed = any(kind.startswith(("changed", "uncommitted")) for kind in kinds)
    return "dvc repro (or dvc commit), then git commit" if changed else ""


def _tracked_findings(
    project: Project, directory: PurePosixPath, pinned: Pinned, changed: Sequence[Finding]
) -> list[Finding]:
    """Why DVC calls a directory output changed that is as it was recorded: `dvc repro` and `dvc commit` do not help."""
    root, found = project.worktree.directory, []
    subjects = {directory / one.subject for one in changed}
    for output in pinned.outputs:
        if output.storage == "dvc" and output.path in subjects:
            tracked = tracked_inside(project, output)
            found += sorted(tracked - ignored(root, root / output.path, tracked))
    return [
        Finding(
            Flaw.TRACKED,
            path,
            f"git tracks {path} inside an output: name it in .dvcignore, or `git rm --cached` it",
        )
        for path in (file.relative_to(root).as_posix() for file in found)
    ]


def prove_outputs(project: Project, manifest: Manifest) -> Manifest:
    """The manifest with SHA-256, size and file count of every output, read from the objects that will be pushed."""
    project.on_step("prove")
    store = project.store(manifest.project)
    cache = store.cache()

    project.place.create()
    with Proofs(project.place.proofs) as proofs:
        outputs = manifest.outputs
        parts = proving.gather(outputs, cache.place_of, store.members)
        states = proving.find_missing(parts)
        found = proving.prove(outputs, parts, states, cache.place_of, proofs)
    of_output: dict[PurePosixPath, list[proving.Part]] = {}
    for part in parts:
        of_output.setdefault(part.output.path, []).append(part)
    proved = tuple(_proved(project, manifest.commit, one, of_output.get(one.path, []), found) for one in outputs)
    return replace(manifest, outputs=proved)


def _proved(
    project: Project, commit: str, output: Output, parts: list[proving.Part], found: Mapping[str, Digests]
) -> Output:
    if output.storage == "dvc":
        size = sum(found[part.source].size for part in parts)
        digest = proving.sha256_of(output, parts, found) if parts or output.is_directory else None
        return replace(output, sha256=digest, size=size, files=len(parts))
    # As git holds it, which is what a release gets: the working tree may have other line ends.
    content = None if output.is_directory else export.read_file(project.git, commit, str(output.path))
    if output.storage == "git" and content is not None:
        return replace(output, sha256=hashlib.sha256(content).hexdigest(), size=len(content), files=1)
    return output


def find_loading_code(project: Project, manifest: Manifest) -> tuple[Finding, ...]:
    """The files that run code when they are loaded, by their bytes; none is loaded. Raises `RefusedError` by policy."""
    from lastgood.core.loading import SUSPECT, find_code

    store = project.store(manifest.project)
    model = PurePosixPath(manifest.path)
    findings = []
    for part in proving.gather(manifest.outputs, store.cache().place_of, store.members):
        path = PurePosixPath(part.path)
        if path.is_relative_to(model) or path.suffix.lower() in SUSPECT:
            with Path(part.source).open("rb") as stream:
                why = find_code(path, stream)
            if why:
                findings.append(
                    Finding(Flaw.RUNS_CODE, part.path, f"{part.path} is {why}: load it only if you trust it")
                )
    for entry in (
        export.list_tree(project.git, manifest.commit, manifest.path)
        if manifest.path and "://" not in manifest.path
        else ()
    ):
        content = export.read_file(project.git, manifest.commit, entry.path)
        if content is not None and (why := find_code(PurePosixPath(entry.path), BytesIO(content))):
            findings.append(Finding(Flaw.RUNS_CODE, entry.path, f"{entry.path} is {why}: load it only if you trust it"))
    if findings and project.config.register.refuse_code:
        raise RefusedError(
            f"{'; '.join(map(str, findings[:5]))}",
            hint="save the model in a format that is only data (safetensors, ONNX, LightGBM's text), "
            "or set [register] refuse_code = false in lastgood.toml",
        )
    return tuple(findings)
