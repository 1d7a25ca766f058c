"""The sections of an evaluation: each module here has a SECTION and is found by itself."""
