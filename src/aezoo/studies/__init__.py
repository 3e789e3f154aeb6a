"""Studies: many runs, the numbers that bear on some claims, a report. `aezoo reproduce` carries one out.

What an author declares one with is here. The rooms: a study is declared (``study``, ``claims``), looked for in its
folder (``state``, ``trials``, ``keys``), carried out (``work``, ``crew``), judged (``verdicts``, ``statistics``), and
written (``report``: ``markdown``, ``numbers``, ``drawings``, ``published``).
"""

from aezoo.studies.claims import Claim, PerRun, Row, Values, alone, difference, gap, gap_difference, ratio
from aezoo.studies.drawings import Drawing
from aezoo.studies.state import State
from aezoo.studies.statistics import Region
from aezoo.studies.study import Arm, Figure, Part, Published, Study, open_study
from aezoo.studies.trials import Finished

__all__ = [
    "Arm",
    "Claim",
    "Drawing",
    "Figure",
    "Finished",
    "Part",
    "PerRun",
    "Published",
    "Region",
    "Row",
    "State",
    "Study",
    "Values",
    "alone",
    "difference",
    "gap",
    "gap_difference",
    "open_study",
    "ratio",
]
