"""Reads and writes the truth: events, journal and origin. Nothing here knows releases, machines or commands."""
