"""What a version is made of: its manifest, code, objects and environment, and whether all of it can be restored."""
