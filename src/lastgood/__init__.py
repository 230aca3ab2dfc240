"""Bring the last good system back: code, data, model and environment, from git and DVC."""

__version__ = "0.1.0"
