"""How a failure is worded: what is wrong and, by a command that changes things, whether anything was changed."""

from lastgood.cli.output.commands import typed
from lastgood.cli.output.streams import outlet
from lastgood.errors import LastgoodError


def message(error: LastgoodError) -> str:
    """The error's message; its first line ends with `; nothing was changed` where that is known and not a matter of
    course: a command that only reads never says it."""
    first, line_end, more = error.message.partition("\n")
    if error.unchanged and outlet.patience is not None:
        first = f"{first.removesuffix(':')}; nothing was changed"
    return typed(f"{first}{line_end}{more}")


def hint(error: LastgoodError) -> str:
    """The next command to type, or empty."""
    return typed(error.hint)
