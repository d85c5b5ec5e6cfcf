"""Studies: one question, many trainings, an answer with intervals.

A study file names a base recipe, what is varied, and the rule that decides (`study`). Each cell
with each seed is a trial, an ordinary run (`cells`), whose folders are links into a store, so that
nothing is made twice (`store`, `planning`). `running` makes what is missing.
"""
