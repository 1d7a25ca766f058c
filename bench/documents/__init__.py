"""What is written down: assignments, the journal, the results document, and how each is read."""
