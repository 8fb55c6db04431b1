"""The base of everything a user can configure: strict, frozen, documented field by field."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen set of options. Unknown keys are refused; the sentence under a field is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
