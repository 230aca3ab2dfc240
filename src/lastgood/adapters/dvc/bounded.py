"""Limits on a version's YAML: aliases of aliases grow without end when they are followed, and a version is data.

Forty lines of `a2: &a2 [*a1, *a1]` stand for a million million values: DVC, and every reader of its answer, would not
end.
"""

import io
import re
from typing import Any

MOST = 1_000_000
"""Values that a file may stand for. `dvc.lock` of 10,000 outputs has some 100,000."""
LONGEST, DEEPEST = 1024, 256
"""A path longer than the system allows; DVC tests for each of its parts in turn whether any above it is ignored."""
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*\S")
_MATRIX = re.compile(r"^\s*matrix\s*:", re.MULTILINE)
MOST_STAGES = 10_000


class EndlessError(ValueError):
    """A file that stands for more values than anybody would write."""


def require_finite(text: str, path: str) -> str:
    """`text`, if it can be read in finite time. Raises `EndlessError`; invalid YAML passes."""
    if any(
        len(line) > LONGEST and max(word.count("/") for word in line.split()) > DEEPEST for line in text.split("\n")
    ):
        raise EndlessError(f"{path} holds a path of more than {DEEPEST} parts")
    aliases, matrix = _ALIAS.search(text), _MATRIX.search(text)
    if not (aliases or matrix):
        return text
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError:
        return text  # said by who parses it
    if node is not None and aliases and _size(node, {}, set()) > MOST:
        raise EndlessError(f"{path} stands for more than {MOST} values")
    if node is not None and matrix and _stages(node) > MOST_STAGES:
        raise EndlessError(f"{path} stands for more than {MOST_STAGES} stages")
    return text


def _size(node: Any, known: dict[int, int], above: set[int]) -> int:
    """How many values a node stands for. Each is counted once; one that contains itself is infinite."""
    if id(node) in above:
        return MOST + 1
    if id(node) not in known:
        above.add(id(node))
        known[id(node)] = min(MOST + 1, 1 + sum(_size(child, known, above) for child in _children(node)))
        above.discard(id(node))
    return known[id(node)]


def _children(node: Any) -> list[Any]:
    if not isinstance(node.value, list):
        return []
    return [child for part in node.value for child in (part if isinstance(part, tuple) else (part,))]


def _stages(node: Any) -> int:
    """The most stages that one `matrix:` of the document makes, as far as its lists are written out."""
    most, waiting = 1, [node]
    while waiting:
        one = waiting.pop()
        waiting += _children(one)
        for part in one.value if isinstance(one.value, list) else ():
            if isinstance(part, tuple) and part[0].value == "matrix" and isinstance(part[1].value, list):
                product = 1
                for _, values in (pair for pair in part[1].value if isinstance(pair, tuple)):
                    product *= len(values.value) if isinstance(values.value, list) else 1
                most = max(most, product)
    return most


def bounded(kind: type) -> type:
    """DVC's file system of a commit, which refuses text that would not end."""

    class Bounded(kind):  # type: ignore[misc]  # DVC ships no types
        def open(self, path: str, mode: str = "r", **more: Any) -> Any:
            file = super().open(path, mode, **more)
            if "b" in mode:
                return file
            with file:
                return io.StringIO(require_finite(file.read(), str(path).lstrip("/")))

    return Bounded
