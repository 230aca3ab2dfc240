"""The sections of `lastgood.toml` that say how a live version is watched."""
