"""What is written down: orders, the journal, the results document, and how each is read."""
