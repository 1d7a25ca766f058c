"""The question: cells, their order, and the environment that each worker is given."""
