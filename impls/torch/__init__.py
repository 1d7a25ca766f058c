"""PyTorch: eager, compiled, as its users write it, and recorded on a GPU."""
