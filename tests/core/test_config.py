import pytest

from lastgood.core.config import Config, settings
from lastgood.core.rollback import Accept
from lastgood.core.selection import Wanted
from lastgood.core.signing import Rules
from lastgood.errors import UsageError


def test_everything_has_a_default() -> None:
    assert Config.parse("") == Config()
    assert Config().rollback.accept is Accept.STABLE
    assert Config().wanted("prod", "flights") == Wanted()
    found = [(section, one.name, default) for section, one, default in settings()]
    assert all(one in found for one in (("registry", "remote", "origin"), ("prune", "keep", 3)))
    assert all(one.metadata["meaning"].endswith(".") for _, one, _ in settings())


def test_a_whole_file() -> None:
    config = Config.parse(
        """
        [rollback]
        accept = "served"
        settle = 0
        health = "curl -f localhost"
        [registry]
        journal = "refs/heads/lastgood/{artifact}"
        [release.prod]
        outputs = ["models/"]
        [environment]
        lock = "uv.lock"
        """
    )
    assert (config.rollback.accept, config.rollback.settle, config.rollback.stage) == (Accept.SERVED, 0, "prod")
    assert config.registry.journal == "refs/heads/lastgood/{artifact}"
    assert config.wanted("prod", "flights") == Wanted(("models/",), "[release.prod]")
    assert config.wanted("staging", "flights") == config.wanted(None, "flights") == Wanted()


def test_an_artifacts_own_section_comes_before_the_stages() -> None:
    config = Config.parse(
        """
        [release.prod]
        outputs = ["models/"]
        [release.prod."teams/fraud:model"]
        outputs = ["teams/fraud/model.pkl"]
        [release.prod.churn]
        [release."eu/prod".outputs]
        outputs = ["x"]
        """
    )
    fraud = Wanted(("teams/fraud/model.pkl",), '[release.prod."teams/fraud:model"]', own=True)
    assert config.wanted("prod", "teams/fraud:model") == fraud
    assert config.wanted("prod", "churn") == Wanted((), "[release.prod.churn]", own=True)
    assert config.wanted("prod", "flights") == Wanted(("models/",), "[release.prod]")
    assert config.wanted("eu/prod", "outputs") == Wanted(("x",), '[release."eu/prod".outputs]', own=True)
    assert config.wanted("eu/prod", "flights") == Wanted()  # no section of the stage, and none of the artifact
    assert config.wanted_anywhere("teams/fraud:model") == (Wanted(), fraud, Wanted())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rollback]\nacept = 'stable'", r"x\.toml: \[rollback\] acept is unknown"),
        ("[rolback]", r"section \[rolback\] is unknown"),
        ("stage = 'prod'", r"section \[stage\] is unknown"),
        ("rollback = 1", r"\[rollback\] must be a table"),
        ("release = 1", r"\[release\] must be a table"),
        ("[release]\nprod = 1", r"\[release\.prod\] must be a table"),
        ("[release.prod]\nouts = []", r"\[release\.prod\] outs is unknown"),
        ("[release.prod.flights]\nouts = []", r"\[release\.prod\.flights\] outs is unknown"),
        ("[release.prod.flights]\noutputs = 1", r"\[release\.prod\.flights\] outputs must be a list"),
        ("[release.prod.'a:b'.c]\noutputs = []", r'\[release\.prod\."a:b"\] c is unknown'),
        ("[release.prod.'no artifact']\noutputs = []", r"'no artifact' cannot be an artifact"),
        ("[release.prod]\noutputs = 'models'", r"outputs must be a list of strings"),
        ("[release.prod]\noutputs = [1]", r"outputs must be a list of strings"),
        ("[rollback]\naccept = 'good'", r"accept must be one of stable, served, unmarked"),
        ("[rollback]\naccept = []", r"accept must be one of"),
        ("[rollback]\nsettle = true", r"settle must be of type int, not True"),
        ("[rollback]\nsettle = '10'", r"settle must be of type int, not '10'"),
        ("[registry]\nremote = 7", r"remote must be of type str, not 7"),
        ("[registry]\njournal = 'refs/lastgood/all'", r"journal must be a ref like"),
        ("[registry]\njournal = 'lastgood/{artifact}'", r"journal must be a ref"),
        ("[registry]\njournal = 'refs/{artifact}/x'", r"journal must be a ref"),
        ("[registry]\nrequire_signed = 'prod'", r"require_signed must be true, false, or must be a list"),
        ("[registry]\nsigners = []", r"signers must be a table"),
        ("[registry.signers]\nprod = 'ada'", r"signers prod must be a list of strings"),
        ("[registry]\ndeadline = 0", r"\[registry\] deadline must be at least 1 and at most 604800 seconds, not 0"),
        ("[rollback]\ntimeout = 604801", r"timeout must be at least 1 and at most 604800 seconds, not 604801"),
        ("[prune]\nkeep = -1", r"keep must be at least 0, not -1"),
        ("[gc]\nshare = 101", r"share must be at least 0 and at most 100 percent, not 101"),
        ("[rollback", r"x\.toml: "),
    ],
)
def test_a_mistake_is_refused_by_file_section_and_key(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Config.parse(text, "x.toml")
    assert caught.value.unchanged


def test_an_unknown_key_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        Config.parse("[environment]\nlok = ''")
    assert caught.value.hint == "known are lock, deliver, build, timeout"


def test_who_may_sign_is_said_by_stage() -> None:
    registry = Config.parse(
        """
        [registry]
        require_signed = ["prod"]
        [registry.signers]
        prod = ["ada@example.org"]
        """
    ).registry
    assert registry.rules == Rules(("prod",), {"prod": ("ada@example.org",)})
    assert not Config().registry.rules.required
