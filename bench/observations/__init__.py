"""One table of all rounds, the points in it, and what they are held against each other for."""
