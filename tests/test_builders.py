from tests.builders import Project


def test_the_project_is_whole_and_another_clone_gets_all_of_it(project: Project) -> None:
    project.version("v1.0.0", model="fine", data={"a.csv": "7\n"}, mark="stable", stages=["prod"])
    there = project.clone(pull=True)
    assert (there.root / "models/model.txt").read_text() == "fine"
    assert (there.root / "data/raw/a.csv").read_text() == "7\n"
    assert there.git("tag").split() == ["flights#prod#1", "flights#stable#2", "flights@v1.0.0"]
    assert project.git("status", "--porcelain") == "" == there.git("status", "--porcelain")
    with there.dvc() as repo:
        assert repo.status() == {}
    assert there.git("log", "--format=%an <%ae> %at").splitlines()[-1] == "Ada <ada@example.org> 1700000000"
    assert project.clone("shallow", depth=1).git("rev-parse", "--is-shallow-repository") == "true"
