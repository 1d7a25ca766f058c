"""JAX: the epoch as one compiled loop."""
