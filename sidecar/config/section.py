"""What all sections of the configuration are: strict and frozen, a key is its attribute in camelCase."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """Base of all sections: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def require_distinct(names: list[str], what: str) -> None:
    """Raise what a validator raises where a name stands twice."""
    if len(set(names)) != len(names):
        raise ValueError(f"must have distinct {what}")
