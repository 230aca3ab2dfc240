"""Decisions as pure functions over values; no git, no DVC, no file system."""
