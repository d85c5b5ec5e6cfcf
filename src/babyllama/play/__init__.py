"""The local page: teachers, their ensemble, students and twins on one text, side by side.

finding     which models: a run's or single ones
models      they, loaded and grouped by vocabulary
opening     what the page says until they are loaded
beginning   the text that the page begins with
reading     a text as tokens, and what every model makes of it
answers     surprisals of a text; the distributions at one position
losses      what a student's loss sees at one position
pairs       two sentences: which one a model prefers, and where that is decided
vocabulary  tokens by the text that is typed
predictions a run's own minimal pairs, to browse
writing     text that all models write with the same random numbers
requests    what the page may ask
endpoints   all these answers as JSON
server      the page's server, on this machine only; it starts before anything heavy is imported
page/       the page itself: HTML, CSS and JavaScript without a build step
"""
