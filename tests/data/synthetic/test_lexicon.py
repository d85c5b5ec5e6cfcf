"""How words are inflected, and which are held out."""

from babyllama.data.synthetic.lexicon import (
    ALL_NOUNS,
    INTRANSITIVE,
    SOCIAL,
    TRANSITIVE,
    is_held_out,
    named,
    noun,
)


def test_irregular_words_are_inflected_irregularly() -> None:
    assert [noun(word).plural for word in ("mouse", "child", "leaf")] == [
        "mice",
        "children",
        "leaves",
    ]
    (eat,) = named(TRANSITIVE, "eat")
    assert (eat.third, eat.past, eat.participle, eat.ing) == ("eats", "ate", "eaten", "eating")
    (hug,) = named(SOCIAL, "hug")
    assert (hug.past, hug.ing) == ("hugged", "hugging")
    (cry,) = named(INTRANSITIVE, "cry")
    assert (cry.third, cry.past, cry.ing) == ("cries", "cried", "crying")


def test_no_form_of_a_counted_noun_is_the_form_of_another() -> None:
    forms = [form for one in ALL_NOUNS for form in {one.singular, one.plural}]
    assert len(forms) == len(set(forms))


def test_a_sixth_of_the_words_is_held_out_of_each_construction_and_each_time_others() -> None:
    words = [one.singular for one in ALL_NOUNS]
    held_out = {
        construction: {word for word in words if is_held_out(word, construction)}
        for construction in ("agent", "question", "any")
    }

    assert all(0.1 < len(each) / len(words) < 0.25 for each in held_out.values())
    assert held_out["agent"] != held_out["question"] != held_out["any"]
