"""What a check is asked about, and the text of the question."""

from typing import NamedTuple
from urllib.parse import quote


class Target(NamedTuple):
    """The version that is live in a stage."""

    artifact: str
    stage: str
    version: str

    def fill(self, text: str) -> str:
        """A query with the placeholders replaced. An empty one would ask about every version."""
        return self._fill(text, self._asdict())

    def fill_address(self, text: str) -> str:
        """An address with the placeholders replaced, escaped as in a path."""
        return self._fill(text, {name: quote(value, safe="") for name, value in self._asdict().items()})

    @staticmethod
    def _fill(text: str, values: dict[str, str]) -> str:
        for name, value in values.items():
            if not value and f"{{{name}}}" in text:
                raise ValueError(f"{name} is empty")
            text = text.replace(f"{{{name}}}", value)
        return text
