"""Many machines: whole runs as jobs of a scheduler, one on each exclusive host."""
