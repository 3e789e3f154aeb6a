"""What is checked of a study: it opens, and can be tried out quickly."""

from __future__ import annotations

from aezoo.factory import build
from aezoo.studies.study import open_study
from aezoo.testing.cases import Case


class StudyChecks:
    """What it gives, quick arms."""

    def test_study(self, study: Case) -> None:
        whole, quick = (open_study(study.request, quick=quick) for quick in (False, True))
        assert {arm.name for arm in quick.arms} == {arm.name for arm in whole.arms}, "a quick one has other arms"
        for arm, long in zip(quick.arms, whole.arms, strict=True):
            assert arm.recipe.steps < long.recipe.steps, f"quick, arm {arm.name} takes as many steps"
            build(arm.spec, device="meta")
