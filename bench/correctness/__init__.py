"""Proof before timing: the gate, what it compares with, and what rounding explains."""
