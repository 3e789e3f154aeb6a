import inspect

import pytest

from aezoo.catalog.losses import SPECS
from aezoo.errors import OptionError
from aezoo.registry import Entry
from aezoo.specs import BETAS, LR, START, WARMUP


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_implementation_takes_what_is_declared(spec):
    term = Entry(spec, "aezoo", "0").load()
    parameters = list(inspect.signature(term).parameters.values())
    if inspect.isclass(term):
        assert {each.name for each in parameters if each.default is each.empty} <= {"image", "latent_shape"}
    else:
        assert [each.name for each in parameters[:3]] == ["output", "images", "context"]
    scheduled = (START, WARMUP, *((LR, BETAS) if spec.adversary else ()))
    declared = {option.name: option.default for option in spec.options if option not in scheduled}
    assert {each.name: each.default for each in parameters if each.default is not each.empty} == declared


@pytest.mark.parametrize(("name", "options"), [("gaussian-nll", {"sigma": 0}), ("kl", {"free_bits": -1})])
def test_options_out_of_bounds_are_refused(name, options):
    spec = next(spec for spec in SPECS if spec.name == name)
    with pytest.raises(OptionError, match=">="):
        spec.check(options)
