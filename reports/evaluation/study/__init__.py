"""The sections of a study: each module here has a SECTION and is found by itself."""
