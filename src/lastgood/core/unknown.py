"""Error messages for unknown names, with a suggestion. A suggestion is shown, never acted on."""

import re
from collections.abc import Collection

from lastgood.errors import UnknownError

MINIMUM = 3
"""Letters that a suggestion must share with the typed name at its beginning: `prod` for `production`."""
_BETWEEN = re.compile("[-_/:]")


def unknown_version(artifact: str, text: str, known: Collection[str]) -> UnknownError:
    """The error for an unknown version. People often leave out `v` or add the artifact's name. `known` is in order."""
    wanted = text.rpartition("@")[2]
    meant = next((one for one in (wanted, f"v{wanted}") if one in known), None)
    latest = ", ".join([*known][-5:])
    return UnknownError(
        f"{artifact} has no version {text}; the latest are {latest}",
        hint=f"write {meant}" if meant else f"lastgood list {artifact}",
    )


def unknown_stage(artifact: str, stage: str, known: Collection[str]) -> UnknownError:
    """The error for a stage without an assignment: it is mistyped or new."""
    meant = find_meant(stage, known)
    return UnknownError(
        f"nothing is assigned to stage {stage} of {artifact} (stages: {', '.join(known) or 'none yet'})",
        hint=f"did you mean {meant}?" if meant else f"lastgood assign {artifact}@VERSION --stage {stage} --reason TEXT",
    )


def unknown_artifact(artifact: str, known: Collection[str], unpublished: int) -> UnknownError:
    """The error for an unknown artifact; the empty name stands for "the only one". `unpublished` tags are in this clone
    only."""
    if known and not artifact:
        words = f"several artifacts have versions here ({', '.join(known)}): name one"
        return UnknownError(words, hint="lastgood list")
    named = f"no artifact {artifact} has" if artifact else "no artifact has"
    left = f"; tags only in this clone, which are ignored: {unpublished}" if unpublished else ""
    meant = find_meant(artifact.partition("@")[0], known)
    hint = f"did you mean {meant}?" if meant else "lastgood list"
    if not known:
        hint = "git push origin --tags" if unpublished else "lastgood register"
    return UnknownError(f"{named} a version here (artifacts: {', '.join(known) or 'none yet'}){left}", hint=hint)


def find_meant(typed: str, known: Collection[str]) -> str | None:
    """The known name that is nearest to the typed one, or `None` if none is near."""
    from difflib import get_close_matches  # costs milliseconds, and is needed after mistakes only

    if typed in known:
        return typed
    inside = [name for name in known if name.endswith((f"/{typed}", f":{typed}"))]
    if inside:
        return inside[0] if len(inside) == 1 else None
    begun = [name for name in known if len(min(name, typed, key=len)) >= MINIMUM and _begin_alike(name, typed)]
    return next(iter((*get_close_matches(typed, known, n=1), *begun)), None)


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def find_slip(typed: str, known: Collection[str], *, case_only: bool = False) -> str | None:
    """The other known name that is one typing error away from `typed`, or `None`.

    A typing error is another case or other separators (`Prod`, `pre-prod`), or one letter that is missing, doubled,
    wrong or exchanged with its neighbour in a word of letters (`pord`, `prd`). `prod-eu`, `prod2` and `eu-b` beside
    `eu-a` are names of their own, and so is `prod` beside `production`.
    """
    others = [name for name in known if name != typed]
    same = next((name for name in others if _plain(name) == _plain(typed)), None)
    if same is not None or case_only:
        return same
    return next((name for name in others if _is_slip(typed.lower(), name.lower())), None)


def _plain(name: str) -> str:
    return re.sub(_BETWEEN, "", name.lower())


def _is_slip(one: str, other: str) -> bool:
    ours, theirs = re.split(_BETWEEN, one), re.split(_BETWEEN, other)
    if len(ours) != len(theirs):
        return False
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
    return len(pairs) == 1 and _is_near(*pairs[0])


def _is_near(one: str, other: str) -> bool:
    """Whether two words of letters, one of them with four or more, differ in one letter."""
    short, long = sorted((one, other), key=len)
    if len(short) < MINIMUM or len(long) <= MINIMUM or not (short.isalpha() and long.isalpha()):
        return False
    at = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    exchanged = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or exchanged == long[at:]
