"""The document of `lastgood sync`; with `--watch` one on each line."""

from lastgood.cli.documents.parts import Published, Read, Warned


class Document(Read, Warned):
    """What is live now, and the version that was; `path` is null in a dry run that would change it. `rebuilt`: what
    was live was damaged. `at`: with `--watch`, when that was."""

    artifact: str
    stage: str
    version: str
    commit: str
    former: str | None
    changed: bool
    rebuilt: bool
    path: str | None
    link: str
    partial: bool
    offline: list[Published]
    dry_run: bool
    at: str | None
