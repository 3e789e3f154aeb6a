"""A study of two arms and one claim: trained, judged, reported."""

import pytest

from aezoo.studies import open_study
from aezoo.studies.report import write_report
from aezoo.studies.state import look
from aezoo.studies.work import carry_out

SPEC = 'StudySpec(name="room", summary="More room, smaller errors?", implementation="stranger_parts:study")'
PARTS = """
import aezoo
from aezoo.studies import Arm, Claim, Part, Region, Study, Values, difference
LINEAR = {"encoder": "mlp(hidden=(16,))", "decoder": "mlp(hidden=(16,))"}
FACES = "toyfaces(count=32, size=28)"
def arm(dim, steps):
    spec = aezoo.describe("cis680-vae16", image_size=28, bottleneck=f"gaussian(dim={dim})", **LINEAR)
    recipe = aezoo.Recipe(dataset=FACES, steps=steps, batch_size=8)
    return Arm(name=f"dim{dim}", part="faces", spec=spec, recipe=recipe)
def study(*, quick):
    both = [Values(f"dim{dim}", "test", "mse") for dim in (8, 1)]
    row = difference(*both, case="8 and 1", names=("mse of 8", "mse of 1"), region=Region(high=1))
    return Study(
        name="room", title="Does room help?", quick=quick,
        parts=(Part(name="faces", dataset=FACES, needed=2),), arms=(arm(1, 4 if quick else 12), arm(8, 12)),
        claims=(Claim(number=1, says="Eight are not worse", rule="by less than 1", rows=(row,)),),
    )
"""


@pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")
def test_study(stranger, tmp_path):
    stranger(SPEC, parts=PARTS)
    state = look(open_study("room"), tmp_path)
    carry_out(state)
    [[claim, [found]]] = write_report(state, tmp_path).claims
    assert (claim.says, found.verdict, found.seeds) == ("Eight are not worse", "holds", (0, 1))
    assert "| 1 | Eight are not worse | **holds** |" in (tmp_path / "report.md").read_text()
