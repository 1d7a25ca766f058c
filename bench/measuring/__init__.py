"""The child half of a measurement: one worker process, its clock, its cells."""
