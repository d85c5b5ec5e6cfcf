"""The tests check annotations at run time: shapes with jaxtyping, the rest with beartype."""

from beartype import BeartypeConf, beartype

# As in the rules of typing, an int is accepted where a float is expected.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
