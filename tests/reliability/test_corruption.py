"""One bit flipped, truncated, emptied, removed, in each class of object: what is exposed is right all the same, and the
command that promises it finds the damage, or puts it right.

Harmless is a damage after which every byte that anybody reads is as it was, judged by git's own fsck and by hashes.
"""

import json
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import pytest

from tests import remote_kinds
from tests.builders import Project
from tests.conftest import isolate
from tests.reliability import figures
from tests.reliability.checker import description_of
from tests.reliability.hostile_repository import Run, run, wrong_with
from tests.world import World

pytestmark = pytest.mark.sweep

FIRST, SECOND = "first model, " * 40, "second model, " * 40
RAW = {"a.csv": "1\n" * 99, "b/c.csv": "2\n" * 99}
OTHER = {"a.csv": "3\n" * 99}
STORE = "../dvc-remote"
DAMAGES = ("flip", "truncate", "empty", "remove")


def damage(path: Path, how: str, chance: random.Random) -> None:
    """Do it, past all permissions; a hard link's other names see it too, as they would on a bad disk."""
    if how == "remove":
        path.unlink()
        return
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(damaged(path.read_bytes(), how, chance) or b"")
    path.chmod(mode)


def damaged(whole: bytes, how: str, chance: random.Random) -> bytes | None:
    """The content after it; `None` when it is gone."""
    content = bytearray(whole)
    if how == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        return bytes(content)
    return {"truncate": whole[: len(whole) // 2], "empty": b""}.get(how)


@dataclass(frozen=True)
class Scene:
    """A copy of the world: v1.0.0 stable, v2.0.0 live in prod."""

    project: Project

    @property
    def place(self) -> Path:
        return self.project.root / ".git/lastgood"

    @property
    def live(self) -> Path:
        return self.place / "live/flights/prod"

    def stored(self, content: str, where: str) -> Path:
        """The object with this content, or the listing that has this member."""
        base = self.project.root / where
        return next(one for one in sorted(base.rglob("*")) if one.is_file() and one.read_bytes() == content.encode())

    def listing(self, where: str) -> Path:
        """The listing of the data."""
        base = self.project.root / where
        member = md5(RAW["a.csv"].encode()).hexdigest().encode()
        return next(one for one in base.rglob("*.dir") if member in one.read_bytes() and b"b/c.csv" in one.read_bytes())

    def forget(self) -> None:
        """Empty the cache."""
        shutil.rmtree(self.project.root / ".dvc/cache")

    def run(self, *arguments: str) -> Run:
        return run(self.project.root, *arguments)

    def rollback(self) -> Run:
        return self.run("rollback", "flights", "--from", "v2.0.0", "--reason", "bad")

    def exposed(self) -> str:
        """What a server would load now, seen without lastgood: `first`, `second` or what is wrong."""
        tree = self.live.resolve()
        try:
            model = (tree / "models/model.txt").read_text(errors="replace")
            data = {
                str(one.relative_to(tree / "data/raw")): one.read_text(errors="replace")
                for one in (tree / "data/raw").rglob("*.csv")
            }
            code = (tree / "scripts/train.py").read_bytes()
        except OSError as error:
            return f"broken: {error}"
        right = (
            data in (RAW, OTHER)
            and (data == RAW) is (model == FIRST)
            and code == (self.project.root / "scripts/train.py").read_bytes()
        )
        return {FIRST: "first", SECOND: "second"}.get(model, "broken") if right else "broken"


def _cache(pick: Callable[[Scene], Path]) -> Callable[[Scene, str, random.Random], list[str]]:
    """A cache with damage: never exposed, mended from the remote."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        damage(pick(scene), how, chance)
        done = scene.rollback()
        return [
            *wrong_with(done),
            *([] if (done.code, scene.exposed()) == (0, "first") else [f"{done} {scene.exposed()}"]),
        ]

    return case


def _remote(pick: Callable[[Scene], Path]) -> Callable[[Scene, str, random.Random], list[str]]:
    """A remote with damage, and an empty cache: refused by name, what was live stays."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        scene.forget()
        damage(pick(scene), how, chance)
        done = scene.rollback()
        found = done.code == 3 and ("models/model.txt" in done.err or "data/raw" in done.err)
        return [*wrong_with(done), *([] if found and scene.exposed() == "second" else [f"{done} {scene.exposed()}"])]

    return case


def _release(name: str) -> Callable[[Scene, str, random.Random], list[str]]:
    """A finished release: `verify --deep` finds it."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        directory = scene.live.resolve()
        directory.chmod(0o755)
        (directory / name).parent.chmod(0o755)
        damage(directory / name, how, chance)
        done = scene.run("verify", "--deep")
        return [*wrong_with(done), *([] if done.code == 3 else [f"not found: {done}"])]

    return case


def _description(scene: Scene, how: str, chance: random.Random) -> list[str]:
    """What a release says of itself, beside it: `verify` finds it."""
    damage(description_of(scene.live.resolve()), how, chance)
    done = scene.run("verify", "--deep")
    return [*wrong_with(done), *([] if done.code == 3 else [f"not found: {done}"])]


def _rot(scene: Scene, how: str, chance: random.Random) -> list[str]:
    """A bad disk changes no time stamp: what was remembered of a file seems to hold. `verify --deep` finds it."""
    path = scene.live.resolve() / "models/model.txt"
    before = path.stat()
    if how == "remove":
        path.parent.chmod(0o755)
    damage(path, how, chance)
    if how != "remove":
        after = path.stat()
        with sqlite3.connect(scene.place / "proofs.db") as database:
            statement = "UPDATE proofs SET size = ?, mtime = ?, ctime = ? WHERE ino = ?"
            database.execute(statement, (after.st_size, after.st_mtime_ns, after.st_ctime_ns, before.st_ino))
    done = scene.run("verify", "--deep")
    return [*wrong_with(done), *([] if done.code == 3 else [f"not found: {done}"])]


def _state(name: str) -> Callable[[Scene, str, random.Random], list[str]]:
    """What lastgood keeps for itself: damage costs time or is told, it never changes what is done."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        if name == "checkout.json":
            document = {"schema": 1, "tag": "flights@v1.0.0", "former": "a" * 40, "commit": "b" * 40}
            (scene.place / name).write_text(json.dumps(document))
        damage(scene.place / name, how, chance)
        seen, done = scene.run("status"), scene.rollback()
        again = scene.run("sync", "flights", "--stage", "prod")
        wrong = [*wrong_with(seen), *wrong_with(done), *wrong_with(again)]
        return wrong if (again.code, scene.exposed()) == (0, "first") else [*wrong, f"{done} {again} {scene.exposed()}"]

    return case


def _link(scene: Scene, how: str, chance: random.Random) -> list[str]:
    """The live link itself: `status` is not 0, `sync` puts it right."""
    target = scene.live.readlink()
    scene.live.unlink()
    if how == "flip":
        name = str(target)
        place = chance.randrange(len(name))
        scene.live.symlink_to(name[:place] + chr(ord(name[place]) ^ 1) + name[place + 1 :])
    elif how == "truncate":
        scene.live.symlink_to(str(target)[: len(str(target)) // 2])
    elif how == "empty":
        scene.live.write_text("")
    seen = scene.run("status")
    done = scene.run("sync", "flights", "--stage", "prod")
    wrong = [*wrong_with(seen), *wrong_with(done), *([] if seen.code else [f"status does not tell: {seen}"])]
    return wrong if scene.exposed() == "second" else [*wrong, f"not put right: {done}"]


def _git(pick: Callable[[Scene], Path]) -> Callable[[Scene, str, random.Random], list[str]]:
    """An object of the clone: the answer is the right one or a refusal, and `verify --deep` finds what fsck finds."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        damage(pick(scene), how, chance)
        sound = _fsck(scene)
        checked, done = scene.run("verify", "--deep"), scene.rollback()
        wrong = [*wrong_with(checked), *wrong_with(done)]
        wrong += [] if checked.code or sound else [f"verify --deep does not find what fsck finds: {checked}"]
        expected = "first" if done.code == 0 else "second"
        wrong += [] if scene.exposed() == expected else [f"{done} exposes {scene.exposed()}"]
        return wrong if done.code or sound or how == "remove" or scene.exposed() == "first" else [*wrong, f"{done}"]

    return case


def _fsck(scene: Scene) -> bool:
    command = ["git", "-C", str(scene.project.root), "fsck", "--full", "--no-dangling", "--no-progress"]
    return subprocess.run(command, capture_output=True).returncode == 0


def _loose(name: str) -> Callable[[Scene], Path]:
    def pick(scene: Scene) -> Path:
        oid = scene.project.git("rev-parse", name)
        return scene.project.root / ".git/objects" / oid[:2] / oid[2:]

    return pick


def _packed(suffix: str) -> Callable[[Scene], Path]:
    def pick(scene: Scene) -> Path:
        scene.project.git("repack", "-a", "-d", "-q")
        return next((scene.project.root / ".git/objects/pack").glob(f"*{suffix}"))

    return pick


def _remote_rot(kind: str) -> Callable[[Scene, str, random.Random], list[str]]:
    """A remote with damage that no command here needs, for the cache is whole: `verify --deep` finds it all the same,
    `repair --deep` replaces it, and then an empty clone restores the version."""

    def case(scene: Scene, how: str, chance: random.Random) -> list[str]:
        picked = chance.choice([scene.stored(FIRST, STORE), scene.stored(RAW["a.csv"], STORE), scene.listing(STORE)])
        with remote_kinds.remote(kind, scene.project.remote) as remote:
            scene.project.put(".dvc/config.local", f"['remote \"storage\"']\n{remote.settings}")
            key = str(picked.resolve().relative_to(scene.project.remote.resolve()))
            before = remote.read(key)
            remote.write(key, damaged(before, how, chance))
            checked, mended = scene.run("verify", "--deep"), scene.run("repair", "--deep")
            told = [] if (checked.code, mended.code) == (3, 0) else [f"{checked} {mended}"]
            told += [] if remote.read(key) == before else ["not replaced"]
            scene.forget()
            done = scene.rollback()
        told += [] if (done.code, scene.exposed()) == (0, "first") else [f"{done} {scene.exposed()}"]
        return [*wrong_with(checked), *wrong_with(mended), *wrong_with(done), *told]

    return case


CLASSES: dict[str, Callable[[Scene, str, random.Random], list[str]]] = {
    "cache file": _cache(lambda scene: scene.stored(FIRST, ".dvc/cache")),
    "cache listing": _cache(lambda scene: scene.listing(".dvc/cache")),
    "cache member": _cache(lambda scene: scene.stored(RAW["a.csv"], ".dvc/cache")),
    "remote file": _remote(lambda scene: scene.stored(FIRST, "../dvc-remote")),
    "remote listing": _remote(lambda scene: scene.listing("../dvc-remote")),
    **{f"remote, {kind}, cache sound": _remote_rot(kind) for kind in remote_kinds.KINDS},
    "release output": _release("models/model.txt"),
    "release output, times alike": _rot,
    "release member": _release("data/raw/a.csv"),
    "release code": _release("scripts/train.py"),
    "release's description": _description,
    "proofs.db": _state("proofs.db"),
    "follow file": _state("follow/flights@prod.json"),
    "history.jsonl": _state("history.jsonl"),
    "checkout.json": _state("checkout.json"),
    "live link": _link,
    "tag object": _git(_loose("refs/tags/flights@v1.0.0")),
    "journal commit": _git(_loose("refs/lastgood/flights~1")),
    "manifest blob": _git(_loose("refs/lastgood/flights~3:manifest.json")),
    "code blob": _git(_loose("flights@v1.0.0:scripts/train.py")),
    "code commit": _git(_loose("flights@v1.0.0^{commit}")),
    "pack": _git(_packed(".pack")),
    "pack index": _git(_packed(".idx")),
}


@pytest.fixture(scope="module")
def sound(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("sound")))
        world.release("v1.0.0", model=FIRST, data=RAW, mark="stable")
        world.release("v2.0.0", model=SECOND, data=OTHER, stages=["prod"])
        world.sync()
        return world.project


def set_aside(name: str) -> list[str]:
    """Three of the four damages, another one left out from class to class: all four are the long form's."""
    return [how for number, how in enumerate(DAMAGES) if number != list(CLASSES).index(name) // 2 % 4]


@pytest.mark.parametrize("part", range(2))
def test_damage_is_found_or_mended_and_never_exposed(sound: Project, tmp_path: Path, part: int) -> None:
    begun, wrong, cases = figures.begin(), [], 0
    for name in list(CLASSES)[part::2]:
        for how in DAMAGES if figures.SOAK else set_aside(name):
            for seed in range(12 if figures.SOAK else 1):
                place = tmp_path / f"{cases}"
                scene = Scene(sound.copy(place))
                told = CLASSES[name](scene, how, random.Random(f"{name} {how} {seed}"))  # noqa: S311  # repeatable
                wrong += [f"{name}, {how}, {seed}: {one}" for one in told]
                cases += 1
                _remove(place)
    figures.record(f"corruption {part + 1}", begun, cases=cases, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _remove(place: Path) -> None:
    for directory in [place, *(one for one in place.rglob("*") if one.is_dir() and not one.is_symlink())]:
        directory.chmod(0o755)
    shutil.rmtree(place)
