"""What stays on a machine and why, case by case."""

from dataclasses import replace

import pytest

from lastgood.core.retention import Held, Retention, judge


def held(version: str, artifact: str = "flights", **facts: object) -> Held:
    return Held(artifact, version, **facts)  # type: ignore[arg-type]  # Held's own fields


def kept(releases: list[Held], policy: Retention) -> list[str]:
    verdicts = judge(releases, policy)
    return [release.version for release, verdict in zip(releases, verdicts, strict=True) if verdict.kept]


@pytest.mark.parametrize(
    ("keep", "versions", "expected"),
    [
        (2, ["v1.0.0", "v2.0.0", "v10.0.0"], ["v2.0.0", "v10.0.0"]),
        (1, ["v1.0.0", "v1.0.0-rc.1"], ["v1.0.0"]),
        (1, ["v1.0.0", "strange"], ["v1.0.0"]),
        (0, ["v1.0.0"], []),
        (9, ["v1.0.0", "v2.0.0"], ["v1.0.0", "v2.0.0"]),
        (1, ["v2.0.0", "v2.0.0", "v1.0.0"], ["v2.0.0", "v2.0.0"]),
        (3, [], []),
    ],
)
def test_the_last_versions_stay_by_semantic_order(keep: int, versions: list[str], expected: list[str]) -> None:
    assert kept([held(version) for version in versions], Retention(keep)) == expected


def test_each_artifact_has_its_own_last_versions() -> None:
    releases = [held("v1.0.0"), held("v9.0.0", "delays"), held("v8.0.0", "delays")]
    assert kept(releases, Retention(1)) == ["v1.0.0", "v9.0.0"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"live": ("prod", "staging")}, "live in prod, staging"),
        ({"used": True}, "in use"),
        ({"recent": ("prod",)}, "live in prod within the last day"),
        ({"live": ("prod",), "recent": ("prod",)}, "live in prod"),
        ({"assigned": ("prod",)}, "assigned to prod"),
        ({"unfinished": ("checkout flights@v1.0.0",)}, "named by checkout flights@v1.0.0, which is not finished"),
        ({"stable": True}, "stable"),
        ({"stable": True, "live": ("prod",)}, "live in prod; stable"),
    ],
)
def test_whatever_speaks_for_a_release_keeps_it_and_is_said(facts: dict[str, object], why: str) -> None:
    (verdict,) = judge([replace(held("v1.0.0"), **facts)], Retention(0))  # type: ignore[arg-type]  # Held's own fields
    assert (verdict.kept, verdict.why) == (True, why)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Retention(0), "nothing needs it here, not stable"),
        (Retention(0, stable=False), "nothing needs it here"),
        (Retention(1), "nothing needs it here, not stable, not the last version"),
        (Retention(2, stable=False), "nothing needs it here, not among the last 2 versions"),
    ],
)
def test_what_goes_is_told_why(policy: Retention, why: str) -> None:
    releases = [held("v1.0.0"), held("v2.0.0", live=("prod",)), held("v3.0.0", live=("prod",))]
    verdict = judge(releases, policy)[0]
    assert (verdict.kept, verdict.why) == (False, why)


def test_without_the_rule_a_stable_version_goes() -> None:
    assert kept([held("v1.0.0", stable=True), held("v2.0.0")], Retention(1, stable=False)) == ["v2.0.0"]
