"""How the tests check annotations at run time: shapes by jaxtyping, the rest by beartype."""

from beartype import BeartypeConf, beartype

# As in typing's own rules, an int is good where a float is asked for.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
