"""What every implementation computes: the float64 reference and the formulas behind it."""
