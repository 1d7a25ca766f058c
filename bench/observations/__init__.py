"""One table of all rounds, the points in it, and what is compared of them."""
