"""What a checkout takes for somebody's work, and what not: it is never lost, and nobody is stopped without need."""

import shutil
from pathlib import Path

import pytest

from lastgood.errors import RefusedError
from lastgood.operations import checkout
from lastgood.project import Project
from tests.operations.test_checkout import assert_holds, refused
from tests.worktree.test_saved import with_another_output
from tests.world import World, files, killed_at


def is_somewhere(world: World, text: str) -> bool:
    """Whether a file has this content and no other, git's own apart, but for what lastgood put aside there."""
    paths = (str(path) for path in world.project.base.rglob("*") if path.is_file())
    own = (path for path in paths if "/.git/" not in path or "/.git/lastgood/" in path)
    return any(Path(path).read_bytes() == text.encode() for path in own)


def test_an_output_edited_while_objects_are_fetched_is_not_lost(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    prove = checkout._prove_objects  # what takes its time

    def edit(project: Project, manifest: object) -> None:
        prove(project, manifest)  # type: ignore[arg-type]  # a manifest
        story.project.put("models/model.txt", "mine, since")

    monkeypatch.setattr(checkout, "_prove_objects", edit)
    with pytest.raises(RefusedError, match=r"models/model\.txt"):
        story.checkout("v1.0.0")
    assert (story.root / "models/model.txt").read_text() == "mine, since"


def test_an_output_that_a_commit_names_and_nothing_stores_is_not_lost(story: World) -> None:
    """As `dvc repro --no-commit` leaves it."""
    story.project.commit_version(model="fifth", push=False)
    story.lose("fifth")
    story.project.put("models/model.txt", "fifth")
    refused(story, "v1.0.0", r"outputs were edited and not recorded: models/model\.txt")
    story.checkout("v1.0.0", save=True)
    assert is_somewhere(story, "fifth")


def test_a_file_taken_out_of_the_index_alone_is_not_lost(story: World) -> None:
    story.release("v5.0.0", model="fifth", code={"requirements.txt": "# five\n"})
    story.project.git("rm", "--quiet", "--cached", "requirements.txt")
    story.project.put("requirements.txt", "# my local\n")
    refused(story, "v1.0.0", r"changes that would be lost: requirements\.txt")
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert is_somewhere(story, "# my local\n")


def test_on_a_branch_without_commits_nothing_is_lost(story: World) -> None:
    story.project.git("checkout", "--quiet", "--orphan", "new")
    story.project.git("rm", "-rqf", "--cached", ".")
    story.project.put("scripts/train.py", "# mine\n")
    with pytest.raises(RefusedError, match="untracked files are in the way"):
        story.checkout("v1.0.0")
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert is_somewhere(story, "# mine\n")


@pytest.mark.parametrize("extra", [False, True])
def test_a_link_in_place_of_an_output_is_put_aside_and_nothing_happens_at_its_end(story: World, extra: bool) -> None:
    outside = story.project.base / "large-disk"
    shutil.move(story.root / "data/raw", outside)
    (story.root / "data/raw").symlink_to(outside)
    if extra:
        (outside / "mine.csv").write_text("mine\n")
    before = files(outside)
    refused(story, "v1.0.0", "outputs were edited and not recorded: data/raw")
    (directory,) = story.checkout("v1.0.0", save=True).saved
    assert_holds(story, "v1.0.0", "first")
    assert files(outside) == before
    assert (directory / "files/data/raw").readlink() == outside


@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_edits_that_git_overlooks_are_refused_with_what_makes_it_look(story: World, flag: str) -> None:
    story.project.git("update-index", f"--{flag}", "requirements.txt")
    story.checkout("v3.0.0")
    story.project.put("requirements.txt", "# my local\n")
    for save in (False, True):
        with pytest.raises(RefusedError, match=r"told to overlook changes of requirements\.txt"):
            story.checkout("v1.0.0", save=save)
    story.project.git("update-index", f"--no-{flag}", "requirements.txt")
    story.checkout("v1.0.0", save=True)
    assert is_somewhere(story, "# my local\n")


def test_a_file_where_the_version_has_an_output_that_never_ran_stays(world: World) -> None:
    """DVC removes what lies at the path of an output without a hash."""
    pipeline = (world.root / "dvc.yaml").read_text()
    world.project.version("v1.0.0", model="one")
    more = "  eval:\n    cmd: echo\n    outs:\n    - reports/x.txt\nartifacts:"
    world.project.put("dvc.yaml", pipeline.replace("artifacts:", more))
    world.project.put("reports/.gitignore", "/x.txt\n")
    world.project.commit()
    world.project.register("v2.0.0")
    world.project.put("reports/x.txt", "mine\n")
    world.checkout("v1.0.0")
    world.checkout("v2.0.0")
    assert (world.root / "reports/x.txt").read_text() == "mine\n"


def test_what_is_staged_alone_after_an_interruption_is_not_lost(story: World) -> None:
    assert killed_at("code", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    former = (story.root / "scripts/train.py").read_text()
    story.project.put("scripts/train.py", "# staged only\n")
    story.project.git("add", "scripts/train.py")
    story.project.put("scripts/train.py", former)
    with pytest.raises(RefusedError, match=r"scripts/train\.py"):
        story.checkout("v1.0.0")
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert is_somewhere(story, "# staged only\n")


def test_a_file_in_place_of_a_directory_that_an_output_needs_is_put_aside(story: World) -> None:
    pipeline, train = ((story.root / path).read_text() for path in ("dvc.yaml", "scripts/train.py"))
    outs = "    - models/model.txt\n    m"
    code = {
        "dvc.yaml": pipeline.replace(outs, outs.replace("    m", "    - out/extra.txt\n    m")),
        ".gitignore": "/out\n",
        "scripts/train.py": f"{train}Path('out').mkdir(exist_ok=True)\nPath('out/extra.txt').write_text('theirs')\n",
    }
    story.release("v5.0.0", model="fifth", code=code)
    story.checkout("v4.0.0")
    shutil.rmtree(story.root / "out", ignore_errors=True)
    story.project.put("out", "mine\n")
    refused(story, "v5.0.0", "untracked files are in the way: out")
    story.checkout("v5.0.0", save=True)
    assert (story.root / "out/extra.txt").read_text() == "theirs"
    assert is_somewhere(story, "mine\n")


@pytest.mark.parametrize("absolute", [True, False])
def test_a_directory_of_code_that_became_a_link_is_put_aside_as_one(story: World, absolute: bool) -> None:
    (story.root / "scripts").rename(story.root / "elsewhere")
    (story.root / "scripts").symlink_to(story.root / "elsewhere" if absolute else Path("elsewhere"))
    story.project.put("elsewhere/train.py", "# mine\n")
    story.checkout("v1.0.0", save=True)
    assert (story.root / "elsewhere/train.py").read_text() == "# mine\n"
    assert not (story.root / "scripts").is_symlink()


def test_files_that_dvc_ignores_are_nobodys_obstacle_and_stay(story: World) -> None:
    story.project.put(".dvcignore", "# not ours\n*.log\n")
    story.release("v5.0.0", model="fifth")
    story.project.put("data/raw/x.log", "mine\n")
    assert not story.checkout("v5.0.0").changed
    assert story.status().worktree.whole  # type: ignore[union-attr]  # there is a working tree
    story.release("v6.0.0", model="sixth", data={"a.csv": "6\n"})
    story.project.put("data/raw/x.log", "mine\n")
    story.checkout("v5.0.0")
    assert_holds(story, "v5.0.0", "fifth")
    assert (story.root / "data/raw/x.log").read_text() == "mine\n"
    refused(story, "v1.0.0", "outputs were edited and not recorded: data/raw")  # where DVC does not ignore it
    story.checkout("v1.0.0", save=True)
    assert_holds(story, "v1.0.0", "first")
    assert is_somewhere(story, "mine\n")


def test_what_an_output_left_behind_is_no_obstacle_where_it_is_one_again(story: World) -> None:
    with_another_output(story)
    story.project.put(".git/info/exclude", "")
    story.checkout("v5.0.0")
    story.project.git("checkout", "--quiet", "flights@v4.0.0")
    assert "?? models/extra.txt" in story.project.git("status", "--porcelain")
    story.checkout("v5.0.0")
    assert_holds(story, "v5.0.0", "fifth")
    assert killed_at("outputs", lambda on_step: story.checkout("v4.0.0", on_step=on_step))
    story.checkout("v5.0.0")
    assert_holds(story, "v5.0.0", "fifth")


def test_a_path_that_moved_from_git_to_dvc_is_no_obstacle_in_either_direction(story: World) -> None:
    story.project.put("tables/a.csv", "old\n")
    story.release("v5.0.0", model="fifth")
    story.project.git("rm", "-r", "--quiet", "--cached", "tables")
    story.project.put("tables/a.csv", "new\n")
    with story.project.dvc() as repo:
        repo.add("tables")
        repo.push()
    story.release("v6.0.0", model="sixth")
    for version, model, table in (("v5.0.0", "fifth", "old\n"), ("v6.0.0", "sixth", "new\n")):
        story.checkout(version)
        assert_holds(story, version, model)
        assert (story.root / "tables/a.csv").read_text() == table


def test_an_emptied_output_directory_and_a_broken_pipeline_are_no_obstacle(story: World) -> None:
    shutil.rmtree(story.root / "data/raw")
    (story.root / "data/raw").mkdir()
    story.checkout("v1.0.0")
    story.project.git("checkout", "--quiet", "-b", "broken")
    story.project.put("dvc.yaml", "stages: [\n")
    story.project.commit("broken", push=False)
    story.checkout("v4.0.0")
    assert_holds(story, "v4.0.0", "fourth")
