"""Published settings on MNIST and dSprites, and the study ``mnist``. Declared here; nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo
from aezoo.specs import Spec
from aezoo_study_mnist.models import MODELS

STUDY = aezoo.StudySpec(
    name="mnist",
    summary="Published likelihoods on MNIST: VAE, IWAE and SVAE, over seeds",
    implementation="aezoo_study_mnist.study:study",
    cost="some seven hours of one core",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[Spec]:
    """Everything that this package registers."""
    yield from (*MODELS, STUDY, *aezoo.read_weights("aezoo_study_mnist"))
