"""Writes benchmarks.md from the results in ``benchmarks/speed``: ``python docs/benchmarks.py``."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

PAGE = Path(__file__).with_name("benchmarks.md")
FOLDER = PAGE.parents[1] / "benchmarks"
ORDER = ("training", "variants", "memory", "importing", "creating", "coding", "reading")
_MARK = "<!-- What follows is written by `python docs/benchmarks.py`. -->\n"


def page(text: str) -> str:
    """The text of the page: a section for each question that has a result, as it says."""
    alternating = runpy.run_path(str(FOLDER / "alternating.py"))
    above, mark, _ = text.partition(_MARK)
    sections = []
    for name in ORDER:
        path = FOLDER / "speed" / f"{name}.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        judged = alternating["comparisons"](result["cases"])
        cases = [alternating["section"](case, judged) for case in result["cases"]]
        parts = [f"## {result['question']}", result["how"], *cases, alternating["conditions"](result)]
        command = f"python benchmarks/{name}.py --rounds {result['rounds']} --json benchmarks/speed/{name}.json"
        parts.append(f"```console\n$ {command}\n```")
        sections.append("\n\n".join(parts))
    return f"{above}{mark}\n" + "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
