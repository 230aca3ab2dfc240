"""gto and dvc judge what is recorded after an event that a wrong clock dated ahead."""

import pytest

from lastgood.core.dates import DAY, LATEST
from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.operations.assign import assign
from lastgood.operations.discount import discount
from lastgood.operations.mark import mark
from lastgood.operations.rollback import rollback
from tests.builders import Project
from tests.peers.peer_tools import Answer, Clock, dvc_get, gto, gto_show, lastgood_show, opened, run
from tests.peers.test_agreement import release

YEAR = 365 * DAY


def test_after_an_assignment_from_a_year_ahead_the_three_agree_on_rollback_mark_and_assignment(
    project: Project,
) -> None:
    there = opened(project)
    release(project, there, "v1.0.0", stable=True, stage="prod")
    release(project, there, "v2.0.0")
    assign(opened(project, Clock(YEAR)), "flights@v2.0.0", "prod", "by a host whose clock is wrong")
    rollback(there, Request(None, "bad"))
    assert lastgood_show(there) == gto_show(project)
    assert gto_show(project) == Answer("v2.0.0", {"prod": "v1.0.0", "stable": "v1.0.0", "failed": "v2.0.0"})
    assert dvc_get(project, "--stage", "prod") == b"v1.0.0"
    mark(there, "flights@v2.0.0", Mark.STABLE, "it was the data")
    assign(there, "flights@v2.0.0", "prod", "again")
    assert lastgood_show(there) == gto_show(project)
    assert dvc_get(project, "--stage", "prod") == dvc_get(project, "--stage", "stable") == b"v2.0.0"


def test_a_host_two_days_slow_rolls_back_and_all_agree(project: Project) -> None:
    there = opened(project)
    release(project, there, "v1.0.0", stable=True, stage="prod")
    release(project, there, "v2.0.0", stage="prod")
    slow = opened(project, Clock(-2 * DAY))
    done = rollback(slow, Request(None, "bad"))
    assert [one.kind for one in done.view.warnings] == ["clock"]
    assert lastgood_show(slow) == lastgood_show(there) == gto_show(project)
    assert gto_show(project).stages["prod"] == "v1.0.0"
    assert dvc_get(project, "--stage", "prod") == b"v1.0.0"


def test_the_last_date_that_lastgood_gives_is_one_that_gto_and_dvc_read_in_every_time_zone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = opened(project)
    release(project, there, "v1.0.0", stable=True, stage="prod")
    release(project, there, "v2.0.0")
    clock = Clock()
    clock.held = LATEST
    assign(opened(project, clock), "flights@v2.0.0", "prod", "by a host whose clock is wrong")
    rollback(there, Request(None, "bad"))
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        monkeypatch.setenv("TZ", zone)
        assert gto_show(project).stages["prod"] == "v1.0.0"
    assert dvc_get(project, "--stage", "prod") == b"v1.0.0"


def test_beyond_the_last_date_it_is_recorded_and_said_that_gto_fails(project: Project) -> None:
    there = opened(project)
    release(project, there, "v1.0.0", stable=True, stage="prod")
    release(project, there, "v2.0.0")
    clock = Clock()
    clock.held = 253_402_300_900
    assign(opened(project, clock), "flights@v2.0.0", "prod", "by a host whose clock is wrong")
    done = rollback(there, Request(None, "bad"))
    assert "gto fails on the date of flights#prod#" in done.plan.warnings[0].message
    assert lastgood_show(there).stages["prod"] == "v1.0.0"
    with pytest.raises(AssertionError, match="year 10000 is out of range"):
        run("gto", "show", "--json", cwd=project.root)


def test_gto_and_dvc_answer_right_after_the_event_and_those_dated_after_it_are_out_of_count(project: Project) -> None:
    there = opened(project)
    release(project, there, "v1.0.0", stable=True, stage="prod")
    release(project, there, "v2.0.0")
    wrong = assign(opened(project, Clock(YEAR)), "flights@v2.0.0", "prod", "by a host whose clock is wrong")
    rollback(there, Request(None, "bad"))
    discount(there, wrong.record.tags[0], "its clock was wrong")
    assert lastgood_show(there) == gto_show(project)
    assert gto_show(project).stages == {"prod": "v1.0.0", "stable": "v1.0.0", "failed": "v2.0.0"}
    assert dvc_get(project, "--stage", "prod") == b"v1.0.0"
    release(project, there, "v3.0.0")
    gto(project, "assign", "flights", "--version", "v3.0.0", "--stage", "prod", "--force", "--push")
    assert lastgood_show(there) == gto_show(project)
    assert dvc_get(project, "--stage", "prod") == b"v3.0.0"
