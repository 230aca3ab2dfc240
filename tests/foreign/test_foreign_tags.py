"""A repository full of other tools' tags: they are neither fetched nor counted."""

from lastgood.operations.show import list_versions
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project, git

MANY = 400
"""More than are fetched by name."""


def test_foreign_tags_are_not_fetched(project: Project) -> None:
    project.version("v1.0.0", model="good", mark="stable", stages=["prod"])
    there = project.clone("fresh")
    before = there.git("tag").split()
    head = git(project.origin, "rev-parse", "HEAD")
    named = [f"other{number}#prod#{number}" for number in range(MANY)] + [f"build/{number}" for number in range(MANY)]
    made = "".join(f"tag {name}\nfrom {head}\ntagger A <a@b> 1700000000 +0000\ndata 1\nx\n" for name in named)
    git(project.origin, "fast-import", "--quiet", stdin=made)
    opened = Opened.open(there.root)
    assert [one.artifact for one in list_versions(opened, fetch=True).histories] == ["flights"]
    assert there.git("tag").split() == before
    assert verify(opened).all_findings == ()


def test_many_new_tags_of_ones_own_are_fetched_beside_them(project: Project) -> None:
    project.version("v1.0.0", model="good", mark="stable", stages=["prod"])
    there = project.clone("fresh")
    head = git(project.origin, "rev-parse", "HEAD")
    versions = [f"flights@v2.{number}.0" for number in range(MANY)]
    strangers = [f"other{number}#prod#{number}" for number in range(MANY)]
    made = "".join(
        f"tag {name}\nfrom {head}\ntagger A <a@b> 1700000000 +0000\ndata 1\nx\n" for name in (*versions, *strangers)
    )
    git(project.origin, "fast-import", "--quiet", stdin=made)
    listed = list_versions(Opened.open(there.root), fetch=True).histories
    assert [(one.artifact, len(one.versions)) for one in listed] == [("flights", MANY + 1)]
    assert not [name for name in there.git("tag").split() if name.startswith("other")]
