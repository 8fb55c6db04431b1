"""An option that names another method."""

import json
import pickle
from typing import ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from llmrec_bench import ChosenMethod, Config, Method, MethodOptions, Stage
from llmrec_bench.stage import stages_of


class Shelf(Stage):
    """Nothing."""

    name: ClassVar[str] = "shelf"
    version: ClassVar[str] = "1"
    height: int = 1
    """Of the shelf."""

    def build(self, train, out, run):
        pass


class Picker(Method):
    """Scores nothing."""

    name = "picker"
    version = "3"

    class Config(Method.Config):
        reach: int = 2
        """How far."""
        shelf: Shelf = Shelf()
        """What it picks from."""

    def fit(self, train, run):
        pass

    def score(self, queries):
        return np.zeros((len(queries), 1), dtype=np.float32)


class Outer(Config):
    inner: MethodOptions
    """Another method."""
    spare: MethodOptions | None = None
    """One more."""


CONTEXT = {"methods": {"picker": Picker}}


def read(inner):
    return Outer.model_validate_json(json.dumps({"inner": inner}), strict=True, context=CONTEXT)


def test_a_method_is_named_with_its_options():
    outer = read({"method": "picker", "config": {"reach": 5}})
    made = outer.inner.make()
    assert isinstance(made, Picker)
    assert made.config == Picker.Config(reach=5)
    assert outer.inner == ChosenMethod.of(Picker, Picker.Config(reach=5))
    assert read({"method": "picker"}).inner == ChosenMethod.of(Picker)
    assert pickle.loads(pickle.dumps(outer)) == outer
    assert outer.model_copy().inner.make().config.reach == 5


def test_its_version_and_options_are_part_of_the_identity():
    assert read({"method": "picker"}).identity() == {
        "inner": {
            "method": "picker",
            "version": "3",
            "config": {"reach": 2, "shelf": {"stage": "shelf", "version": "1", "height": 1}},
        },
        "spare": None,
    }


def test_its_stages_are_built_with_the_others():
    [(stage, _)] = stages_of(read({"method": "picker", "config": {"shelf": {"height": 3}}})).values()
    assert stage == Shelf(height=3)


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ("picker", "should be a mapping such as {method: popularity}"),
        ({}, "method is missing"),
        ({"method": "pikcer"}, "unknown method 'pikcer'; did you mean 'picker'?"),
        ({"method": "picker", "options": {}}, "unknown key 'options'"),
        ({"method": "picker", "config": {"reach": "far"}}, "config.reach of 'picker': Input should be a valid integer"),
        ({"method": "picker", "config": {"raech": 1}}, "'picker' has no option 'raech'; did you mean 'reach'?"),
    ],
)
def test_mistakes_are_told(inner, says):
    with pytest.raises(ValidationError) as told:
        read(inner)
    assert says in str(told.value)
