"""Studies: many runs, the numbers that bear on some claims, a report. `aezoo reproduce` carries one out."""

STUDIES = {"cis680": "aezoo.studies.cis680:study"}
"""Each study's name and the function that declares it."""
