"""Compiled with Numba: a whole epoch as one call, dense and sparse."""
