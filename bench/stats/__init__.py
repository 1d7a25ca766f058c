"""From raw rounds to verdicts: estimates, what may be compared with what, how sure it is."""
