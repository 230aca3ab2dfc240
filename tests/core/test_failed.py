"""What is said of a stage whose version is marked failed, and what keeps it from becoming live."""

import pytest

from lastgood.core.failed import describe_failed, find_failed, mark_event, require_not_failed
from lastgood.errors import RefusedError
from tests.core.histories import external_history, history_of

STORY = ("v1.0.0", "v1.0.0 stable", "v1.0.0 prod", "v2.0.0", "v2.0.0 prod", "v2.0.0 failed", "v2.0.0 canary")


@pytest.mark.parametrize(
    ("live", "stays"),
    [
        ("v1.0.0", "; v1.0.0 stays live here"),
        ("v2.0.0", "; it is live here"),
        (None, "; nothing is live here"),
    ],
)
def test_a_failed_version_is_refused_with_what_stays_live_and_the_way_out(live: str | None, stays: str) -> None:
    with pytest.raises(RefusedError) as caught:
        require_not_failed(history_of(*STORY), "v2.0.0", "prod", live)
    assert caught.value.message.startswith("prod of flights is assigned v2.0.0, which is marked failed (by Bob ")
    assert caught.value.message.endswith(stays)
    assert caught.value.hint == "lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT"


@pytest.mark.parametrize("text", ["v1.0.0", "v9.0.0"])
def test_any_other_version_passes(text: str) -> None:
    require_not_failed(history_of(*STORY), text, "prod", None)


def test_the_event_of_the_mark_is_the_last_one() -> None:
    history = history_of("v1.0.0", "v1.0.0 failed", "v1.0.0 stable", "v1.0.0 failed", "v2.0.0", "v2.0.0 stable")
    event = mark_event(history, history.version("v1.0.0"))
    assert event is not None
    assert event.tag == "flights#failed#4"
    assert mark_event(history_of("v1.0.0"), history_of("v1.0.0").version("v1.0.0")) is None


def test_a_stage_that_has_a_failed_version_is_found_whoever_marked_it() -> None:
    for history in (history_of(*STORY), external_history(*STORY)):
        found = [stage for stage in ("prod", "canary", "staging") if find_failed(history, stage) is not None]
        assert found == ["prod", "canary"]
    lifted = external_history(*STORY, "v2.0.0 failed!")
    assert find_failed(lifted, "prod") is None


def test_a_reason_of_several_lines_is_told_on_one() -> None:
    history = history_of(*STORY)
    told = describe_failed(history, "prod", history.version("v2.0.0"))
    assert "\n" not in told
