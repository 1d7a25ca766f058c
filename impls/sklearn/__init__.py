"""Rows of scikit-learn."""
