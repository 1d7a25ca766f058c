"""Keras on its engines: the loops that its users have, and an epoch compiled as one."""
