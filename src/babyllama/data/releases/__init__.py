"""The official releases of BabyLM: what they are, how they are fetched, and which one a folder is.

`releases.yaml` has the facts, `known` reads them. `fetching` downloads (`downloading`, `listing`),
unpacks (`unzipping`) and checks (`checksums`); `failures` says what to get by hand. `identifying`
compares files with all releases.
"""
