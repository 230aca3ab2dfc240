"""`checkout --save`: work that nobody has recorded is aside, whole and named, before anything overwrites it."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from lastgood.errors import LastgoodError, RefusedError
from tests.operations.test_checkout import assert_holds, refused
from tests.world import World, files, killed_at


def saved(world: World) -> dict[str, str]:
    """The text of every file in the one directory of saved work, by path."""
    (directory,) = (world.place / "saved").iterdir()
    found = [path for path in directory.rglob("*") if path.is_symlink() or path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in found if path.name != "saved.json"}


def story_of(world: World) -> dict[str, object]:
    (directory,) = (world.place / "saved").iterdir()
    document: dict[str, object] = json.loads((directory / "saved.json").read_text())
    return document


def test_whatever_git_calls_changed_is_put_aside_as_it_is(story: World) -> None:
    head, project = story.project.git("rev-parse", "HEAD"), story.project
    project.put("scripts/train.py", "# staged\n")
    project.git("add", "scripts/train.py")
    project.put("scripts/train.py", "# and edited\n").chmod(0o755)
    project.put("scripts/new\nline.py", "# added\n")
    project.git("add", "scripts")
    project.put("scripts/train.py", "# and edited\n").chmod(0o755)
    project.git("reset", "--quiet", "scripts/train.py")
    project.put("gone.py", "# staged, and gone\n")
    project.git("add", "gone.py")
    (story.root / "gone.py").unlink()
    (story.root / "requirements.txt").unlink()
    (story.root / "dvc.lock").unlink()
    (story.root / "dvc.lock").symlink_to("scripts/train.py")
    done = story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert not (story.root / "scripts/new\nline.py").exists()
    assert saved(story) == {
        "files/scripts/train.py": "# and edited\n",
        "files/scripts/new\nline.py": "# added\n",
        "files/dvc.lock": "# and edited\n",
        "staged/gone.py": "# staged, and gone\n",
    }
    (directory,) = done.saved
    assert (directory / "files/scripts/train.py").stat().st_mode & 0o111
    assert (directory / "files/dvc.lock").readlink() == Path("scripts/train.py")
    assert story_of(story) == {
        "schema": 1,
        "for": "flights@v1.0.0",
        "commit": head,
        "branch": "main",
        "changed": {
            "dvc.lock": " T",
            "gone.py": "AD",
            "requirements.txt": " D",
            "scripts/new\nline.py": "A ",
            "scripts/train.py": " M",
        },
        "untracked": [],
        "outputs": {},
    }


def test_what_is_staged_and_nowhere_else_is_put_aside_too(story: World) -> None:
    story.project.put("scripts/train.py", "# staged\n")
    story.project.git("add", "scripts/train.py")
    story.project.put("scripts/train.py", "# edited since\n")
    story.checkout("v1.0.0", save=True)
    assert saved(story) == {"files/scripts/train.py": "# edited since\n", "staged/scripts/train.py": "# staged\n"}


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize(
    ("theirs", "mine"),
    [("scripts/more.py", "scripts/more.py"), ("scripts/more", "scripts/more/a.py"), ("more/b/a.py", "more")],
)
def test_files_in_the_way_of_code_are_put_aside_and_no_others(
    story: World, theirs: str, mine: str, ignored: bool
) -> None:
    story.release("v5.0.0", model="fifth", code={theirs: "# theirs\n"})
    story.checkout("v1.0.0")
    if ignored:
        story.project.put(".git/info/exclude", f"/{theirs.partition('/')[0]}/more*\n/more\n")
    story.project.put(mine, "# mine\n")
    story.project.put("notes.txt", "stays")
    refused(story, "v5.0.0", f"untracked files are in the way: {mine}")
    done = story.checkout("v5.0.0", save=True)
    assert saved(story) == {f"files/{mine}": "# mine\n"}
    assert done.work.paths == (mine,)
    assert (story.root / theirs).read_text() == "# theirs\n"
    assert (story.root / "notes.txt").read_text() == "stays"
    assert story_of(story)["untracked"] == [mine]


def test_edited_outputs_are_put_aside_without_what_the_cache_has(story: World) -> None:
    story.project.put("models/model.txt", "my model")
    story.project.put("data/raw/mine.csv", "7\n")
    (story.root / "data/raw/a.csv").unlink()
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert saved(story) == {"files/models/model.txt": "my model", "files/data/raw/mine.csv": "7\n"}
    assert story_of(story)["outputs"] == {
        "data/raw": ["data/raw/b/d.csv", "data/raw/mine.csv"],
        "models/model.txt": ["models/model.txt"],
    }


def test_taken_away_files_are_told_though_there_is_nothing_to_put_aside(story: World) -> None:
    (story.root / "data/raw/a.csv").unlink()
    refused(story, "v1.0.0", "outputs were edited and not recorded: data/raw")
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert saved(story) == {}
    assert story_of(story)["outputs"] == {"data/raw": ["data/raw/b/d.csv"]}


def with_another_output(world: World) -> None:
    """v5.0.0 has the output `models/extra.txt`, which git ignores there and in the clone; v4.0.0 is checked out."""
    pipeline = (world.root / "dvc.yaml").read_text()
    train = (world.root / "scripts/train.py").read_text()
    code = {
        "dvc.yaml": pipeline.replace(
            "    - models/model.txt\n    m", "    - models/model.txt\n    - models/extra.txt\n    m"
        ),
        "models/.gitignore": "/*.txt\n",
        "scripts/train.py": train + "Path('models/extra.txt').write_text('theirs')\n",
    }
    world.release("v5.0.0", model="fifth", code=code)
    world.checkout("v4.0.0")
    assert not (world.root / "models/extra.txt").exists()
    world.project.put(".git/info/exclude", "/models/*.txt\n")


def test_an_ignored_file_where_only_the_target_has_an_output_is_not_lost(story: World) -> None:
    with_another_output(story)
    story.project.put("models/extra.txt", "mine")
    refused(story, "v5.0.0", r"outputs were edited and not recorded: models/extra\.txt")
    story.checkout("v5.0.0", save=True)
    assert_holds(story, "v5.0.0", "fifth")
    assert saved(story) == {"files/models/extra.txt": "mine"}


def test_what_lies_there_and_is_the_targets_is_nobodys_work(story: World) -> None:
    with_another_output(story)
    story.project.put("models/extra.txt", "theirs")
    story.checkout("v5.0.0")
    assert_holds(story, "v5.0.0", "fifth")


@pytest.mark.parametrize("path", ["data/raw", "models/model.txt"])
def test_an_output_that_became_something_else_is_not_lost(story: World, path: str) -> None:
    """A file in place of a directory, and the other way round."""
    place = story.root / path
    if place.is_dir():
        shutil.rmtree(place)
        story.project.put(path, "mine")
    else:
        place.unlink()
        story.project.put(f"{path}/mine", "mine")
    refused(story, "v1.0.0", f"outputs were edited and not recorded: {path}")
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert list(saved(story).values()) == ["mine"]


def test_a_link_into_a_cache_that_lost_the_object_is_nobodys_work(story: World) -> None:
    (story.root / "models/model.txt").unlink()
    (story.root / "models/model.txt").symlink_to(story.root / ".dvc/cache/files/md5/00/gone")
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_without_work_nothing_is_put_aside(story: World) -> None:
    assert story.checkout("v1.0.0", save=True).saved == ()
    assert not (story.place / "saved").exists()
    assert not story.checkout("v1.0.0", save=True).changed


def test_a_dry_run_names_what_would_be_put_aside(story: World) -> None:
    story.project.put("scripts/train.py", "# mine\n")
    before = story.snapshot()
    done = story.checkout("v1.0.0", save=True, dry_run=True)
    assert (done.work.paths, done.saved) == (("scripts/train.py",), ())
    assert story.snapshot() == before
    assert not (story.place / "saved").exists()


def test_edits_of_the_version_that_is_checked_out_already_are_put_aside(story: World) -> None:
    story.checkout("v1.0.0")
    story.project.put("scripts/train.py", "# mine\n")
    assert story.checkout("v1.0.0", save=True).changed
    assert_holds(story, "v1.0.0", "first")
    assert saved(story) == {"files/scripts/train.py": "# mine\n"}


def test_what_is_written_on_after_it_was_put_aside_goes_there(story: World) -> None:
    """An editor, or a training, that still has the file open."""
    with story.project.put("models/model.txt", "begun").open("a") as stream:
        story.checkout("v1.0.0", save=True)
        stream.write(" and ended")
    assert saved(story) == {"files/models/model.txt": "begun and ended"}
    assert_holds(story, "v1.0.0", "first")


def test_where_files_cannot_be_linked_they_are_copied(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: object, target: object, **_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, target)

    story.project.put("scripts/train.py", "# mine\n").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link)
        done = story.checkout("v1.0.0", save=True)
    assert saved(story) == {"files/scripts/train.py": "# mine\n"}
    assert (done.saved[0] / "files/scripts/train.py").stat().st_mode & 0o111
    assert_holds(story, "v1.0.0", "first")


def test_a_repository_within_is_refused(story: World) -> None:
    story.release("v5.0.0", model="fifth", code={"within": "# theirs\n"})
    story.checkout("v4.0.0")
    story.project.git("init", "--quiet", "within")
    story.project.put("within/mine.py", "# mine\n")
    before = files(story.root / "within")
    with pytest.raises(RefusedError, match="repositories of their own are not put aside: within"):
        story.checkout("v5.0.0", save=True)
    assert files(story.root / "within") == before
    assert not (story.place / "checkout.json").exists()
    assert list((story.place / "saved").glob("*")) == []


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("step", ["saved", "code", "outputs", "prove"])
def test_killed_when_the_work_is_aside_the_same_command_finishes_also_without_the_flag(
    story: World, step: str, flag: bool
) -> None:
    story.project.put("scripts/train.py", "# mine\n")
    story.project.put("data/raw/mine.csv", "7\n")
    assert killed_at(step, lambda on_step: story.checkout("v1.0.0", save=True, on_step=on_step))
    done = story.checkout("v1.0.0", save=flag)
    assert done.resumed
    assert_holds(story, "v1.0.0", "first")
    assert saved(story) == {"files/scripts/train.py": "# mine\n", "files/data/raw/mine.csv": "7\n"}
    assert len(done.saved) == 1


def test_killed_before_the_work_is_aside_it_is_refused_without_the_flag(story: World) -> None:
    story.project.put("scripts/train.py", "# mine\n")
    assert killed_at("save", lambda on_step: story.checkout("v1.0.0", save=True, on_step=on_step))
    with pytest.raises(RefusedError, match=r"scripts/train\.py"):
        story.checkout("v1.0.0")
    story.checkout("v1.0.0", save=True)
    assert saved(story) == {"files/scripts/train.py": "# mine\n"}


def test_work_done_after_an_interruption_is_put_aside_beside_the_first(story: World) -> None:
    story.project.put("scripts/train.py", "# mine\n")
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", save=True, on_step=on_step))
    story.project.put("scripts/train.py", "# mine, again\n")
    with pytest.raises(RefusedError, match=r"scripts/train\.py"):
        story.checkout("v1.0.0")
    done = story.checkout("v1.0.0", save=True)
    texts = [(directory / "files/scripts/train.py").read_text() for directory in done.saved]
    assert texts == ["# mine\n", "# mine, again\n"]
    assert_holds(story, "v1.0.0", "first")


def test_what_changes_while_it_is_put_aside_is_refused_and_nothing_stays(story: World) -> None:
    def edit(step: str) -> None:
        if step == "saved":
            story.project.put("scripts/train.py", "# mine, again\n")

    story.project.put("scripts/train.py", "# mine\n")
    with pytest.raises(RefusedError, match=r"changed while they were put aside: scripts/train\.py"):
        story.checkout("v1.0.0", save=True, on_step=edit)
    assert (story.root / "scripts/train.py").read_text() == "# mine, again\n"
    assert not (story.place / "checkout.json").exists()
    assert list((story.place / "saved").iterdir()) == []


def test_a_disk_that_is_full_while_work_is_put_aside_leaves_everything_as_it_was(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    story.project.put("scripts/train.py", "# mine\n")
    before = story.snapshot()
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        patch.setattr(shutil, "copy2", full)
        with pytest.raises((LastgoodError, OSError)):
            story.checkout("v1.0.0", save=True)
    assert story.snapshot() == before
    assert list((story.place / "saved").iterdir()) == []
    story.checkout("v1.0.0", save=True)
    assert saved(story) == {"files/scripts/train.py": "# mine\n"}
