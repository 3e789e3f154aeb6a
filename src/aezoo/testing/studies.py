"""What is checked of a study: it can be tried out quickly, and its claims are of what it trains."""

from __future__ import annotations

from aezoo.factory import build
from aezoo.requests import ask
from aezoo.testing.cases import Case


class StudyChecks:
    """Names, claims, quick arms."""

    def test_study(self, study: Case) -> None:
        whole, quick = (ask("study", study.request).build(quick=quick, seeds=None, only=()) for quick in (False, True))
        for made in (whole, quick):
            names = [each.name for each in (*made.arms, *getattr(made, "others", ()))]
            twice = sorted({name for name in names if names.count(name) > 1})
            assert not twice, f"it has two arms {twice}"
            for claim in made.claims:
                for row in claim.rows:
                    unknown = sorted({source.arm for source in row.sources} - set(names))
                    assert not unknown, f"claim {claim.number} is of {unknown}, which are no arms"
        assert {arm.name for arm in quick.arms} == {arm.name for arm in whole.arms}, "a quick one has other arms"
        for arm, long in zip(quick.arms, whole.arms, strict=True):
            assert arm.recipe.steps < long.recipe.steps, f"quick, arm {arm.name} takes as many steps"
            build(arm.spec, device="meta")
