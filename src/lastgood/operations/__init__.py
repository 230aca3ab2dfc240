"""One use case each: gather facts, ask core, act, return a value."""
