"""Tags that are nearly ours, in any repository: none stops a command, and none counts that should not."""

from lastgood.core.rollback import Request
from lastgood.operations.rollback import rollback
from lastgood.operations.show import history, list_versions
from lastgood.operations.status import status
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project
from tests.peers.peer_tools import dvc_get

ANNOTATED = (
    "release#42",
    "build@2024",
    "flights@v1",
    "flights@v01.0.0",
    "flights@v3.0.0x",
    "v9.9.9",
    "flights#prod!#90",
    "other/thing#prod#3",
    "naïve@v1.0.0",
    "flights@v3.0.0/x",
    "flights#pröd#91",
)


def test_tags_that_are_nearly_ours_count_for_nothing_and_stop_nothing(project: Project) -> None:
    project.version("v1.0.0", model="good", mark="stable", stages=["prod"])
    project.version("v1.1.0", model="bad", stages=["prod"])
    for name in ANNOTATED:
        project.tag(name, commit="main~2")
    head, tag = project.git("rev-parse", "HEAD"), project.git("rev-parse", "flights@v1.0.0")
    project.git("tag", "flights@v8.0.0", head)  # lightweight
    project.git("tag", "flights#prod#80", head)
    project.git("tag", "--annotate", "-m", "nested", "flights@v8.1.0", tag)
    project.git("tag", "--annotate", "-m", "a tree", "flights@v8.2.0", "HEAD^{tree}")
    project.git("tag", "--annotate", "-m", "a blob", "flights@v8.3.0", "HEAD:dvc.yaml")
    for name in ("--all", "-d", "--force@v1.0.0", "-x#prod#1", "flights\u00a0two@v1.0.0"):
        project.git("update-ref", f"refs/tags/{name}", tag)
    project.git("push", "--quiet", "origin", "refs/tags/*:refs/tags/*")
    there = Opened.open(project.clone("fresh").root)
    listed = list_versions(there, fetch=True).histories
    assert [(one.artifact, [version.text for version in one.versions]) for one in listed] == [
        ("flights", ["v1.0.0", "v1.1.0"])
    ]
    assert len(history(there).events) == 5
    assert [stage.assigned for stage in status(there).stages] == ["v1.1.0"]
    rollback(there, Request(None, "bad"))
    assert dvc_get(project, "--stage", "stable") == b"good"
    findings = verify(there).all_findings
    assert [finding for finding in findings if finding.kind != "stray"] == []


def test_what_gto_would_have_created_is_no_version(project: Project) -> None:
    project.version("v1.0.0", model="one")
    project.tag("flights@created")
    project.tag("flights@created#4")
    there = Opened.open(project.root)
    assert [version.text for version in list_versions(there).histories[0].versions] == ["v1.0.0"]


def test_two_versions_of_one_commit_are_read_though_gto_gives_up(project: Project) -> None:
    project.version("v1.0.0", model="one", mark="stable")
    project.version("v2.0.0", model="two")
    project.register("v2.0.1")
    project.assign("v2.0.1", "prod")
    there = Opened.open(project.root)
    assert [version.text for version in list_versions(there).histories[0].versions] == ["v1.0.0", "v2.0.0", "v2.0.1"]
    result = rollback(there, Request(None, "bad"))
    assert (result.plan.leaving.text, result.plan.target.text) == ("v2.0.1", "v1.0.0")
