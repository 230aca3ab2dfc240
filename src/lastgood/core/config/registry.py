"""`[registry]`: the git remote, the journal, signatures and stages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lastgood.core.config.setting import LONGEST, setting
from lastgood.core.journal import DEFAULT_REF
from lastgood.core.signing import Rules
from lastgood.errors import UsageError


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """Where events are kept, and which of them count."""

    remote: str = setting("origin", "The git remote that holds tags and journals.")
    journal: str = setting(
        DEFAULT_REF,
        "The ref of an artifact's journal; `{artifact}` is replaced. Use a branch where the host accepts nothing else, "
        "or is to protect it.",
        example='journal = "refs/heads/lastgood/{artifact}"',
    )
    deadline: int = setting(
        60, "Time after which a silent remote counts as unreachable.", unit="seconds", least=1, most=LONGEST
    )
    reading: int = setting(
        60, "Processor time that DVC may take to read one version's files.", unit="seconds", least=1, most=LONGEST
    )
    require_signed: bool | tuple[str, ...] = setting(
        False,
        "Count only signed events: all of them, or assignments to these stages.",
        example='require_signed = ["prod"]',
    )
    allowed_signers: str = setting(
        "", "ssh's file of allowed signers, relative to this file; git's own setting when empty (docs/signing.md)."
    )
    gpg_home: str = setting("", "The directory of the gpg keyring; gpg's own when empty.")
    stages: tuple[str, ...] = setting(
        (), "The stages that versions may be assigned to; any when empty.", example='stages = ["prod", "staging"]'
    )
    signers: Mapping[str, tuple[str, ...]] = setting(
        dict,
        "Who may sign, by stage, `register` or `*`: names of the allowed signers file, or fingerprints of gpg keys.",
        example='[registry.signers]\nprod = ["ada@example.org"]',
    )

    @property
    def rules(self) -> Rules:
        """What must be signed, by whom."""
        return Rules(self.require_signed, self.signers)

    def check(self, where: str) -> None:
        """Raise `UsageError` for a journal that would be shared by artifacts."""
        if not re.fullmatch(r"refs/.+/\{artifact\}", self.journal):
            raise UsageError(f"{where} journal must be a ref like {DEFAULT_REF}, one for each artifact")
