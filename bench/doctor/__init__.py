"""What this machine can resolve: an examination, measured here and now.

It answers which differences between implementations are visible here and how soon, what disturbs,
and which thread setting makes matrix products fastest.  It changes nothing: what to change is said
in sentences, each with the fact and the remedy.
"""
