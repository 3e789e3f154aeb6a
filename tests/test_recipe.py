import pytest

from aezoo.errors import OptionError
from aezoo.recipe import Recipe, Tag


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": "10"}, "recipe: steps='10' is not a whole number"),
        ({"steps": 10.0}, "recipe: steps=10.0 is not a whole number"),
        ({"steps": True}, "recipe: steps=True is not a whole number"),
        ({"lr": None}, "recipe: lr=None is not a number"),
        ({"lr": float("nan")}, "recipe: lr=nan is not from 1e-12 to 1000"),
        ({"optimizer": 3}, "recipe: optimizer=3 is not text"),
        ({"mirror": 1}, "recipe: mirror=1 is not True or False"),
        ({"schedule": "cosin"}, "recipe: schedule='cosin' is not one of 'constant', 'linear', 'cosine', "),
        ({"keep": []}, r"recipe: keep=\[\] is not one of 'last', 'best'"),
        ({"betas": 0.9}, "recipe: betas=0.9 is not a tuple of two numbers"),
        ({"betas": (0.9,)}, r"recipe: betas=\(0.9,\) is not a tuple of two numbers"),
        ({"betas": (0.9, 1)}, r"recipe: betas=\(0.9, 1\) are not two numbers >= 0 and below 1"),
        ({"metrics": "mse"}, r"recipe: metrics='mse' is not a tuple of texts: write \('mse',\)"),
        ({"decay_milestones": 0.5}, "recipe: decay_milestones=0.5 is not a tuple of numbers"),
        ({"decay_milestones": (0.5, 2)}, r"recipe: decay_milestones=\(0.5, 2\) are not all between 0 and 1"),
    ],
    ids=str,
)
def test_a_setting_of_another_type(setting, message):
    with pytest.raises(OptionError, match=message):
        Recipe(**setting)


def test_whole_numbers_are_numbers():
    assert Recipe(lr=1, betas=(0, 0.9), metrics=("psnr",)).lr == 1


def test_a_tag_has_a_recipe():
    with pytest.raises(OptionError, match="tag 'a': its name is text, and its recipe an"):
        Tag(name="a", recipe="default")
