"""Training with any implementation: the loop, what it leaves behind, and saved models."""
