"""A comparison as people and machines read it: in words, as tables, as Markdown, as JSON."""
