"""What only the user knows about a model, for its card: licence, language, data sets."""

import re

from pydantic import Field, field_validator

from babyllama.recipe.base import Frozen

_LICENSES = "https://huggingface.co/docs/hub/repositories-licenses"


class CardRecipe(Frozen):
    """What the cards of the models say besides what the run knows. It changes nothing else."""

    license: str | None = Field(
        None,
        description="The licence of the models, by its identifier on the Hugging Face hub, such "
        "as `mit` or `cc-by-4.0`. Without it the cards say that no licence is stated.",
    )
    language: tuple[str, ...] = Field(
        (),
        description="The languages of the text, as codes such as `en` or `de`; write `'no'` in "
        "quotes, since YAML reads it as false. Synthetic text is English.",
    )
    datasets: tuple[str, ...] = Field(
        (),
        description="Data sets on the Hugging Face hub that the text is from, as `ORG/NAME` or "
        "`ORG/NAME@REVISION`.",
    )

    @field_validator("license")
    @classmethod
    def _is_identifier(cls, given: str | None) -> str | None:
        if given is not None:
            _check(given, r"[a-z0-9][a-z0-9.+-]*", f"an identifier of {_LICENSES}, such as mit")
        return given

    @field_validator("language")
    @classmethod
    def _are_codes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            _check(each, r"[a-z]{2,3}", "a code of two or three small letters, such as de")
        return given

    @field_validator("datasets")
    @classmethod
    def _are_on_the_hub(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            name = r"[A-Za-z0-9][A-Za-z0-9._-]*"
            _check(each, f"({name}/)?{name}(@{name})?", "ORG/NAME or ORG/NAME@REVISION")
        return given


def _check(given: str, pattern: str, expected: str) -> None:
    if not re.fullmatch(pattern, given):
        raise ValueError(f"{given!r} is not {expected}")
