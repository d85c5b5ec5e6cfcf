"""Gather the text of any source into a folder of raw text: train/DOMAIN.txt and dev/DOMAIN.txt.

`files` reads folders of folders, zips and source code; `table_files` reads tables and `hub`
datasets, whose rows `rows` turns into documents; `writing` writes documents as they come, so that
memory holds a part of one. The clean corpus is then made from that folder as from any other.
"""
