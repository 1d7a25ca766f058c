"""The least time that work can take: what it must compute and move, and what the machine can."""
