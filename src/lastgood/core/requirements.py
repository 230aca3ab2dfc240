"""What an environment lock asks for, as requirements that name packages only: no address, no option of the version."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

Read = Callable[[str], bytes | None]
"""A file of the version by its path from the git root, `None` where there is none."""

_INCLUDES = ("-r", "--requirement", "-c", "--constraint")
_BUILDS = ("-e", "--editable", ".", "/", "file:")


class UnusableLockError(ValueError):
    """A lock that names something else than packages: a directory, an address, a file that is not there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Requirements, one a line, in the format of pip; `closed` says that they name every package there is to be.

    `constraints` only limit. `hashed` says that each requirement carries the hashes of its files. `ignored` are the
    options of the lock that are not obeyed: where packages come from is not the version's to say (DESIGN §3, Trust).
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashed: bool = False
    closed: bool = False
    ignored: tuple[str, ...] = ()


def is_uv_lock(lock: str) -> bool:
    """Whether a lock is uv's own, which only uv can read, with the `pyproject.toml` beside it."""
    return PurePosixPath(lock).name == "uv.lock"


def sources(lock: str, read: Read) -> tuple[bytes, ...]:
    """The contents of every file that decides what a lock asks for, itself first. Raises `UnusableLockError`."""
    if is_uv_lock(lock):
        return _content(lock, read), _content(str(PurePosixPath(lock).with_name("pyproject.toml")), read)
    if _is_pylock(lock):
        return (_content(lock, read),)
    return tuple(_content(path, read) for path in dict.fromkeys(path for path, _, _ in _lines(lock, read)))


def parse_requirements(lock: str, read: Read) -> Wanted:
    """What a `pylock.toml` or a requirements file asks for, with what it includes. Raises `UnusableLockError`."""
    if _is_pylock(lock):
        return _parse_pylock(lock, _content(lock, read))
    wanted: list[str] = []
    constraints: list[str] = []
    ignored = []
    for path, line, limits in _lines(lock, read):
        if not line:
            continue
        if line.startswith(_BUILDS):
            raise UnusableLockError(f"{path} asks for a directory, not a package: {line}")
        if line.startswith("-"):
            ignored.append(line.split("=", 1)[0].split()[0])
        else:
            (constraints if limits else wanted).append(line)
    hashed = any(" --hash" in line for line in wanted)
    return Wanted(tuple(wanted), tuple(constraints), hashed=hashed, ignored=tuple(dict.fromkeys(ignored)))


def _is_pylock(lock: str) -> bool:
    name = PurePosixPath(lock).name
    return name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml"))


def _content(path: str, read: Read) -> bytes:
    content = read(path)
    if content is None:
        raise UnusableLockError(f"{path} is not there")
    return content


def _lines(
    path: str, read: Read, *, limits: bool = False, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, bool]]:
    """Each logical line with the file it stands in, and whether it only limits; an empty one for each file."""
    if path in above:
        raise UnusableLockError(f"{path} includes itself")
    yield path, "", limits
    text = _content(path, read).decode(errors="replace").replace("\r\n", "\n").replace("\\\n", " ")
    for raw in text.splitlines():
        line = "" if raw.lstrip().startswith("#") else raw.split(" #", 1)[0].strip()
        option, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
        if option in _INCLUDES:
            yield from _lines(
                _beside(path, value.strip()), read, limits=limits or option in _INCLUDES[2:], above=(*above, path)
            )
        elif line:
            yield path, line, limits


def _beside(path: str, name: str) -> str:
    """The path of an included file, which is relative to the including one and stays within the version."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / name).parts:
        if part == "..":
            if not parts:
                raise UnusableLockError(f"{path} includes a file outside of the version: {name}")
            parts.pop()
        else:
            parts.append(part)
    if "://" in name or name.startswith("/"):
        raise UnusableLockError(f"{path} includes a file outside of the version: {name}")
    return "/".join(parts)


def _parse_pylock(lock: str, content: bytes) -> Wanted:
    """PEP 751: the packages by name, version, marker and hashes; the addresses of their files are not followed."""
    try:
        packages = tomllib.loads(content.decode(errors="replace")).get("packages", [])
        lines = tuple(_pylock_line(lock, package) for package in packages)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UnusableLockError(f"{lock} cannot be read: {error}") from error
    return Wanted(lines, hashed=bool(lines), closed=True)


def _pylock_line(lock: str, package: Mapping[str, Any]) -> str:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = sorted({f"{kind}:{digest}" for file in files for kind, digest in file["hashes"].items()})
    if "version" not in package or not hashes:
        raise UnusableLockError(f"{lock} asks for {package['name']} from an address, not as a package")
    marker = f" ; {package['marker']}" if "marker" in package else ""
    return " ".join([f"{package['name']}=={package['version']}{marker}", *(f"--hash={one}" for one in hashes)])
