"""``python -m aezoo`` is ``aezoo``."""

from aezoo.cli import main

main()
