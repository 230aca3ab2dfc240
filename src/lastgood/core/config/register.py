"""`[register]`: what must hold before a version is registered."""

from dataclasses import dataclass

from lastgood.core.config.setting import setting


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """The gate, and whether models that run code are refused."""

    gate: str = setting(
        "",
        "A shell command that must pass before a version is registered, run at the root of the DVC project.",
        example='gate = "pytest -q tests/model"',
    )
    refuse_code: bool = setting(
        False, "Refuse a model that runs code when it is loaded (a pickle). Without it there is a warning."
    )
