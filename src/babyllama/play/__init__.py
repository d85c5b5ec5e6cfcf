"""The local page: teachers, their ensemble, students and twins on one text, side by side.

models      which models: a run's or single ones, grouped by vocabulary
reading     a text as tokens, and what every model makes of it
answers     surprisals of a text; the distributions at one position
losses      what a student's loss sees at one position
pairs       two sentences: which one a model prefers, and where that is decided
predictions a run's own minimal pairs, to browse
writing     text that all models write with the same random numbers
requests    what the page may ask
server      the HTTP side of all this, on this machine only
page/       the page itself: HTML, CSS and JavaScript without a build step
"""
