"""What stands twice: text of dev or of a benchmark in train, and text that train holds again.

`normal` says when two texts are the same; `index` reads texts as numbers; `sequences` and `minhash`
compare these; `check` counts what they find; `removal` takes it out of train.
"""
