"""Clean raw corpus text, under one of two sets of rules.

"paper" does exactly what the paper's public code does. "thorough" does what the paper describes: it
removes mark-up, cues and credits, joins tokenised text again, mends what other programs broke, and
keeps documents apart.

`domains` says which rules clean what; `clean_text` there is the entry. A rule is a function from
text to text, and its docstring has an example from a real corpus. They are in `characters` (any
text), `transcripts` (speech), `subtitles`, `talks`, `books`, `treebank` and `wiki`, and in
`english` what holds for English alone. `paper` has the paper's. `applying` applies them, `layout`
finds documents, `pieces` cleans a text of any size, and `changes` counts what each rule did.
"""
