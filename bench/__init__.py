"""Measure implementations of one multi-layer perceptron so that the numbers can be compared."""

__version__ = "0.1.0"
