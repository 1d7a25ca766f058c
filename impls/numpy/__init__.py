"""The ladder in NumPy: from the articles' program to all that NumPy allows."""
