"""Interchangeable implementations of one multi-layer perceptron.

Importing this package loads no implementation: the registry holds their addresses as text.
"""
