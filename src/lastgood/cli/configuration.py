"""The reference of `lastgood.toml`, made from its sections: `python -m lastgood.cli.configuration`."""

import sys
from collections.abc import Iterator

from lastgood.core.config import FILE, settings
from lastgood.core.config.setting import format_toml

HEAD = f"""\
# {FILE}

Made from the program by `python -m lastgood.cli.configuration > docs/configuration.md`; a test keeps it current.

`{FILE}` lies at the git root. Every setting has a default, and so the file may be absent; `lastgood init` writes one
that names them all. An unknown key, a wrong type and a value out of bounds are errors that name the key (exit code 2).

The file is read from the checkout that runs lastgood, never from the version being restored: a rollback does not roll
back the policy. A serving host reads it from `--root` if it is there, else from the tip of the default branch.

A section `[release.STAGE."ARTIFACT"]` comes before `[release.STAGE]` for that artifact. The artifact's own path always
belongs to a release.
"""


def configuration() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_sections()]).rstrip("\n") + "\n"


def _sections() -> Iterator[str]:
    last = ""
    for section, one, default in settings():
        if section != last:
            yield f"## [{section}]\n"
            last = section
        told = one.metadata
        unit = f" {told['unit']}" if told["unit"] else ""
        value = "none" if default in ((), {}) else f"`{format_toml(default)}`{unit}"
        yield f"### {one.name}\n\n{told['meaning']}\n\nDefault: {value}.{_bounds(told['least'], told['most'], unit)}\n"
        if told["example"]:
            example = told["example"] if "\n" in told["example"] else f"[{section}]\n{told['example']}"
            yield f"```toml\n{example}\n```\n"


def _bounds(least: int | None, most: int | None, unit: str) -> str:
    parts = [f"at least {least}"] if least is not None else []
    parts += [f"at most {most}"] if most is not None else []
    return f" It must be {' and '.join(parts)}{unit}." if parts else ""


if __name__ == "__main__":
    sys.stdout.write(configuration())
