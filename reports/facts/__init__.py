"""What sections state: numbers computed of the context, without a word of HTML."""
