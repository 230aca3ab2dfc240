"""Pipeline files that are small to write and take endless time to read."""

from collections.abc import Mapping

ARTIFACTS = "artifacts:\n  evil: {path: m}\n"


def endless() -> Mapping[str, Mapping[str, str]]:
    """By what each of them grows in: the files of one commit's top."""
    values = "".join(f"l{n}: [{', '.join(map(str, range(10)))}]\n" for n in range(9))
    axes = "".join(f"      a{n}: ${{l{n}}}\n" for n in range(9))
    stage = f"stages:\n  s:\n    matrix:\n{axes}    cmd: x\n{ARTIFACTS}"
    numbers = "".join(f"key_{n}: {{value: {n}, text: 'some text {n}'}}\n" for n in range(100_000))
    return {
        "stages": {"params.yaml": values, "dvc.yaml": stage},
        "patterns": {".dvcignore": "*a" * 125 + "b\n", "a" * 200: "x", "dvc.yaml": ARTIFACTS},
        "values": {"params.yaml": numbers, "dvc.yaml": ARTIFACTS},
    }
