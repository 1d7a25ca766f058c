"""The walk: a page in Markdown that goes up the ladder, with code, gains and reasons."""
