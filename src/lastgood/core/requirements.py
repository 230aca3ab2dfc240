"""The requirements of an environment lock, which name packages only: no address and no option of the version."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.core.pins import Target, UnusableLockError, check_hash, format_requirement
from lastgood.core.pylock import parse_pylock
from lastgood.core.secrets import mask
from lastgood.core.uvlock import parse_uv_lock

Read = Callable[[str], bytes | None]
"""A file of the version by its path from the git root, `None` if it does not exist."""

_INCLUDES = ("-r", "--requirement", "-c", "--constraint")
_BUILDS = ("-e", "--editable", ".", "/", "file:")
_COMMENT = re.compile(r"(^|\s)#.*")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines of `core.pins`; `closed` says that they name every package, without further dependencies.

    `constraints` only limit. `hashed` says that each requirement has the hashes of its files. `ignored` are the options
    of the lock that are ignored: a version may not decide where packages come from (refs.md, "Trust").
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashed: bool = False
    closed: bool = False
    ignored: tuple[str, ...] = ()


def sources(lock: str, read: Read) -> tuple[bytes, ...]:
    """The contents of every file that decides the requirements of a lock, the lock first. Raises
    `UnusableLockError`."""
    if _is_uv_lock(lock):
        return _content(lock, read), _content(str(PurePosixPath(lock).with_name("pyproject.toml")), read)
    if _is_pylock(lock):
        return (_content(lock, read),)
    return tuple(_content(path, read) for path in dict.fromkeys(path for path, _, _ in _lines(lock, read)))


def parse_lock(lock: str, read: Read, target: Target) -> Wanted:
    """The requirements of a `uv.lock`, a `pylock.toml` or a requirements file with its included files, for an
    interpreter.

    Raises `UnusableLockError`, with the name, for everything that is not a package.
    """
    if not (_is_uv_lock(lock) or _is_pylock(lock)):
        return _parse_requirements(lock, read, target)
    contents = sources(lock, read)
    import tomllib  # 4 ms, which a requirements file does not need

    try:
        document, *beside = [tomllib.loads(decode(content)) for content in contents]
        lines = parse_uv_lock(document, beside[0], target) if beside else parse_pylock(document, target)
    except UnusableLockError as error:
        raise UnusableLockError(f"{lock}: {error}") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnusableLockError(f"{lock} cannot be read: {error}") from error
    return Wanted(lines, hashed=any(" --hash=" in line for line in lines), closed=True)


def decode(content: bytes) -> str:
    """The text of a lock, without the byte order mark that some editors write; invalid UTF-8 is shown as such."""
    return content.decode("utf-8-sig", errors="replace")


def logical_lines(text: str) -> Iterator[str]:
    """The lines of a requirements file as pip joins them, without comments; a backslash does not continue a comment."""
    joined = ""
    for line in _LINE_END.split(text):
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1] + " "
            continue
        yield _COMMENT.sub("", joined + line).replace("\t", " ").strip()
        joined = ""
    yield _COMMENT.sub("", joined).replace("\t", " ").strip()


def _parse_requirements(lock: str, read: Read, target: Target) -> Wanted:
    found: dict[bool, list[str]] = {False: [], True: []}
    ignored: list[str] = []
    for path, line, limits in _lines(lock, read):
        if not line:
            continue
        if line.startswith(_BUILDS):
            raise UnusableLockError(f"{path} requires a directory, not a package: {mask(line)}")
        wanted, *options = re.split(r" +(?=-)", " " + line)
        try:
            hashes = [check_hash(_value(option)) for option in options if _name(option) == "--hash"]
            pin = format_requirement(wanted.strip(), hashes, target) if wanted.strip() else None
        except UnusableLockError as error:
            raise UnusableLockError(f"{path}: {error}") from error
        ignored += [_name(option) for option in options if _name(option) != "--hash"]
        found[limits] += [pin] if pin else []
    hashed = any(" --hash=" in line for line in found[False])
    return Wanted(tuple(found[False]), tuple(found[True]), hashed=hashed, ignored=tuple(dict.fromkeys(ignored)))


def _name(option: str) -> str:
    """The name of an option: `--hash=…`, `--hash …`, `-r…`."""
    return re.split(r"[=\s]", option, maxsplit=1)[0] if option.startswith("--") else option[:2]


def _value(option: str) -> str:
    return option.removeprefix(_name(option)).lstrip("= \t").rstrip()


def _is_uv_lock(lock: str) -> bool:
    return PurePosixPath(lock).name == "uv.lock"


def _is_pylock(lock: str) -> bool:
    name = PurePosixPath(lock).name
    return name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml"))


def _content(path: str, read: Read) -> bytes:
    content = read(path)
    if content is None:
        raise UnusableLockError(f"{path} does not exist")
    return content


def _lines(
    path: str, read: Read, *, limits: bool = False, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, bool]]:
    """Each logical line with the file it is in, and whether it only limits; an empty one for each file."""
    if path in above:
        raise UnusableLockError(f"{path} includes itself")
    yield path, "", limits
    for line in logical_lines(decode(_content(path, read))):
        if line.startswith("-") and _name(line) in _INCLUDES:
            included = _beside(path, _value(line))
            limits_more = limits or _name(line) in _INCLUDES[2:]
            yield from _lines(included, read, limits=limits_more, above=(*above, path))
        elif line:
            yield path, line, limits


def _beside(path: str, name: str) -> str:
    """The path of an included file, which is relative to the including file and must stay within the version."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / name).parts:
        if part == "..":
            if not parts:
                raise UnusableLockError(f"{path} includes a file outside of the version: {name}")
            parts.pop()
        else:
            parts.append(part)
    if "://" in name or name.startswith("/"):
        raise UnusableLockError(f"{path} includes a file outside of the version: {mask(name)}")
    return "/".join(parts)
