"""Which models teach which student: a student may learn from other students of its run.

A student of the run's teachers is of generation 0; one that learns from a student of generation k
is of generation k + 1. Source: Furlanello et al. 2018 (born-again networks).
"""

from collections.abc import Iterator, Mapping, Sequence

from babyllama.recipe.base import Mistake, nearest
from babyllama.recipe.controls import TwinStudent
from babyllama.recipe.teaching import Student, TaughtStudent

Students = Mapping[str, Student | None]


def generations(students: Students) -> dict[str, int]:
    """The generation of each student; those that learn from each other in a circle are left out."""
    found: dict[str, int] = {}
    while ready := [
        name
        for name in students
        if name not in found and _students_before(name, students) <= found.keys()
    ]:
        generation = max(found.values(), default=-1) + 1
        found |= dict.fromkeys(ready, generation)
    return found


def wrong_teachers(teachers: Sequence[str], students: Students) -> Iterator[Mistake]:
    """The mistakes in the `teachers` of students: unknown, repeated, or in a circle."""
    for name, student in students.items():
        named = student.teachers if isinstance(student, TaughtStudent) else None
        keys = ("students", name, "teachers")
        known = [each for each in [*teachers, *students] if each != name]
        for each in dict.fromkeys(named or ()):
            if each not in known:
                why = f"It must name other models of the run: {', '.join(known)}."
                what = f"{'.'.join(keys)} names {each!r}"
                yield Mistake(keys, what, why, nearest(each, known))
            elif (named or ()).count(each) > 1:
                yield Mistake(keys, f"{'.'.join(keys)} names {each} twice")
    made = generations(students)
    unmade = [name for name in students if name not in made]
    if unmade:
        circle = _circle(unmade[0], students, made)
        yield Mistake(
            ("students", circle[0], "teachers"),
            f"students.{circle[0]}.teachers: {' learns from '.join(circle)}",
            "A teacher is trained before its student, so they cannot teach each other.",
        )


def _students_before(name: str, students: Students) -> set[str]:
    """The students that must be trained before this one."""
    student = students[name]
    if isinstance(student, TwinStudent):
        student = students.get(student.of) if student.matches_teachers else None
    named = student.teachers if isinstance(student, TaughtStudent) else None
    return {each for each in named or () if each in students and each != name}


def _circle(name: str, students: Students, made: Mapping[str, int]) -> list[str]:
    """Students of whom each learns from the next; the last is the first again."""
    way = [name]
    while way.count(way[-1]) == 1:
        way.append(next(e for e in sorted(_students_before(way[-1], students)) if e not in made))
    return way[way.index(way[-1]) :]
