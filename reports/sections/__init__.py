"""The sections of the report: each module here has a SECTION and is found by itself."""
