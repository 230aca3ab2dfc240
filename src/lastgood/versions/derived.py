"""Manifests derived from commits, remembered by tag object: DVC, which takes most of a second, is asked once."""

import json
from collections.abc import Iterator

from lastgood import __version__
from lastgood.adapters.dvc.installed import find_releases
from lastgood.core.manifest import Manifest, encode
from lastgood.core.registry import Version
from lastgood.project import Project
from lastgood.releases import derivations

FORMAT = 1
"""Raised whenever the same commit would give another manifest."""


def recall(project: Project, version: Version, *, values: bool) -> Manifest | None:
    """The manifest as it was derived before, or `None`. `values`: only if its metrics and parameters are from git
    alone; those that DVC stores depend on what its cache holds now."""
    content = derivations.recall(project.place, version.event.oid, _basis(project, version))
    if content is None:
        return None
    try:
        document = json.loads(content)
        return Manifest.from_json(document["manifest"]) if document["values"] or not values else None
    except (ValueError, KeyError, TypeError, RecursionError):  # sealed, so written by us: an older mistake of ours
        return None


def remember(project: Project, version: Version, manifest: Manifest, *, values: bool) -> None:
    """Have `recall` return this manifest. `values`: each of its metrics and parameters was read."""
    values = values and not any(_is_stored(manifest))
    content = encode({"values": values, "manifest": manifest.to_json()}).encode()
    derivations.remember(project.place, version.event.oid, _basis(project, version), content)


def _is_stored(manifest: Manifest) -> Iterator[bool]:
    """For each metric and parameter, whether its file is an output that DVC stores or lies inside one."""
    starts = tuple(f"{output.path}{end}" for output in manifest.stored for end in (":", "/"))
    return (name.startswith(starts) for name in (*manifest.metrics, *manifest.parameters))


def _basis(project: Project, version: Version) -> str:
    """All that a derived manifest depends on besides the tag object. Origin may have another tag of that name."""
    facts = {
        "format": FORMAT,
        "lastgood": __version__,
        "dvc": list(find_releases()),
        "artifact": version.event.artifact,
        "version": version.text,
        "commit": version.commit,
        "lock": project.config.environment.lock,
    }
    return encode(facts)  # type: ignore[arg-type]  # a list of texts is one of JSON's values
