"""Clean raw corpus text, under one of two sets of rules.

"paper" does exactly what the paper's public code does. "thorough" does what the paper describes: it
removes mark-up, cues and credits, joins tokenised text again, mends what other programs broke, and
keeps documents apart.

`pieces.clean_pieces` is the entry, and `domains` says which rules clean what. A rule is a function
from text to text, and its docstring has an example from a real corpus. They are in `characters`
(any text), `transcripts` (speech), `subtitles`, `talks`, `books`, `treebank`, `wiki` and `code`,
and in `english` what holds for English alone. `paper` has the paper's. `applying` applies them,
`editing` makes them fast, `layout` finds documents, and `changes` counts what each rule did.
"""
