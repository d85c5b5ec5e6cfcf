"""Leaks (text of dev or of a benchmark that train contains) and duplicates within train.

`normal` says when two texts are the same; `index` reads texts as numbers; `sequences` and `minhash`
compare these; `check` counts what they find; `removal` takes it out of train.
"""
