"""Names as data may hold them: every output shows them as they are."""

ODD_NAMES = [
    "<script>alert(1)</script>", "a\"b'c", "`rm -rf`", "``x`", "a|b", "a\\|b", "two\nlines",
    "- item", "-", "--- rule", "+ x", "1. one", "12)", "===", "# head", "> quote", "*bold*", "_x_",
    "[text](http://x.y)", "![i](x)", "llama[v1]", "[/red]", "[bold]x", "&lt;b&gt;", "~~gone~~",
    "$x^2$", "esc\x1b[31mred", "bell\x07", "{{ x }}", "{% x %}", "\u202eright to left", "ü 名",
]  # fmt: skip
