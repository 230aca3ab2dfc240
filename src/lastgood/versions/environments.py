"""The environment of a version: what it is made from, whether this machine can build it, building it once."""

import re
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from lastgood.adapters import environment as adapter
from lastgood.adapters.environment import Uv, UvError, find_uv
from lastgood.core.manifest import Manifest
from lastgood.core.pins import UnusableLockError
from lastgood.core.requirements import parse_lock, sources
from lastgood.errors import Finding, FindingsError, Flaw, NotCarriedOutError
from lastgood.project import Project
from lastgood.releases import staging
from lastgood.releases.environments import Recipe, build_environment, environment_path, find_environment
from lastgood.versions.code import read_code
from lastgood.versions.manifests import running_python

RUNS = 5
"""Of uv and the new interpreter, in one build: whoever waits for another builder waits as long as these may take."""

_PYTHON = re.compile(r"(?<![\d.])(\d+\.\d+)(?!\d)")
_OWN = frozenset({"PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX"})


def find_recipe(project: Project, manifest: Manifest) -> Recipe | None:
    """What the environment of a version is made from; `None` for a version that pins no lock.

    Raises `FindingsError` for a lock that names something else than packages, or a Python that is no version.
    """
    pins = manifest.environment
    if pins.lock is None:
        return None
    try:
        contents = sources(pins.lock, lambda path: read_code(project, manifest, path))
    except UnusableLockError as error:
        raise _unusable(manifest, Flaw.LOCK, pins.lock, str(error)) from error
    wanted = _PYTHON.search(pins.python or running_python())
    if wanted is None:
        raise _unusable(manifest, Flaw.PYTHON, str(pins.python), f"{pins.python!r} names no version of Python")
    return Recipe(pins.lock, contents, wanted[1], sysconfig.get_platform())


def check_environment(project: Project, manifest: Manifest) -> tuple[Finding, ...]:
    """What keeps this machine from running a version in its own environment; nothing where that is built already."""
    try:
        recipe = find_recipe(project, manifest)
    except FindingsError as error:
        return error.findings
    if recipe is None:
        text = f"{manifest.version} pins no environment lock: it runs in the environment of its caller"
        return (Finding(Flaw.NO_LOCK, manifest.version, text),)
    if find_environment(project.place, recipe.digest) is not None:
        return ()
    try:
        find_uv()
        if recipe.python == ".".join(running_python().split(".")[:2]):
            return ()  # our own will do, without a process to look for it
        with staging.stage(project.place) as directory:
            found = _uv(project, directory).find_python(recipe.python)
    except UvError as error:
        return (Finding(Flaw.UV, "uv", f"the environment of {manifest.version} cannot be built here: {error}"),)
    return () if found else (_no_python(manifest, recipe),)


def environment_of(project: Project, manifest: Manifest) -> Path | None:
    """Where the environment of a version lies or will lie; `None` for a version without a lock."""
    recipe = find_recipe(project, manifest)
    return environment_path(project.place, recipe.digest) if recipe else None


def find_digest(project: Project, manifest: Manifest) -> str:
    """The digest that names the environment of a version; empty where there is none, or none can be."""
    try:
        recipe = find_recipe(project, manifest)
    except FindingsError:
        return ""
    return recipe.digest if recipe else ""


def ensure_environment(project: Project, manifest: Manifest) -> Path | None:
    """The environment of a version, built if need be, its interpreter started once, before packages are in it; `None`
    for one without a lock.

    Raises `FindingsError` where it cannot be built here, `NotCarriedOutError` when that fails; then nothing changed.
    """
    recipe = find_recipe(project, manifest)
    if recipe is None or (found := find_environment(project.place, recipe.digest)) is not None:
        return found if recipe else None
    project.on_step("build environment")

    def make(directory: Path, path: Path) -> str:
        uv = _uv(project, directory)
        python = uv.find_python(recipe.python)
        if python is None:
            finding = _no_python(manifest, recipe)
            raise FindingsError(f"{finding}", [finding])
        target = adapter.read_target(python, uv.timeout)
        wanted = parse_lock(recipe.lock, lambda path: read_code(project, manifest, path), target)
        uv.create(path, python)
        version = adapter.read_target(path / "bin" / "python", uv.timeout).variables["python_full_version"]
        uv.install(path, wanted)
        adapter.compile_modules(path, python, uv.timeout)
        return version

    try:
        wait = RUNS * project.config.environment.timeout
        return build_environment(project.place, recipe, make, wait=wait)
    except UnusableLockError as error:
        raise _unusable(manifest, Flaw.LOCK, recipe.lock, str(error)) from error
    except (UvError, OSError) as error:
        what = f"the environment of {manifest.artifact} {manifest.version} cannot be built from {recipe.lock}"
        raise NotCarriedOutError(f"{what}:\n{error}", hint=_hint(str(error))) from error


def variables(environment: Path | None, caller: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that runs in an environment; `None` is the caller's own, as it is."""
    if environment is None:
        return dict(caller)
    kept = {name: value for name, value in caller.items() if name not in _OWN}
    path = f"{environment / 'bin'}:{kept.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    return {**kept, "VIRTUAL_ENV": str(environment), "PATH": path}


def _uv(project: Project, directory: Path) -> Uv:
    settings = project.config.environment
    return Uv(directory, settings.timeout, build=settings.build)


def _no_python(manifest: Manifest, recipe: Recipe) -> Finding:
    text = f"{manifest.version} needs Python {recipe.python} for its environment, which this machine has not"
    return Finding(Flaw.PYTHON, recipe.python, text)


def _unusable(manifest: Manifest, kind: Flaw, subject: str, why: str) -> FindingsError:
    text = f"the environment of {manifest.version} cannot be built: {why}"
    return FindingsError(f"{text}", [Finding(kind, subject, text)])


def _hint(words: str) -> str:
    no_wheel = "no-build" in words or "no usable wheels" in words or "source distribution" in words
    return "[environment] build = true in lastgood.toml allows packages without a wheel" if no_wheel else ""
