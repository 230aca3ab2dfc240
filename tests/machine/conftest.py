"""The worlds of `tests.stories`, for the tests of this room."""

from tests.stories import _story, disk, story, tmp_path, world

__all__ = ["_story", "disk", "story", "tmp_path", "world"]
