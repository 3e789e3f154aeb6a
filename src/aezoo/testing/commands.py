"""What is checked of a command: it is one, and its help is there and quick."""

from __future__ import annotations

import click

from aezoo.testing.cases import Case
from aezoo.testing.declared import HEAVY, run_python


class CommandChecks:
    """A click command, its help."""

    def test_command(self, command: Case) -> None:
        entry = command.entry
        implementation = entry.load()
        assert isinstance(implementation, click.Command), f"{entry.spec.implementation} is no click command"
        assert implementation.help, "its help says nothing: give it a docstring"
        silent = [each.name for each in implementation.params if isinstance(each, click.Option) and not each.help]
        assert not silent, f"its help does not say what {silent} are"

    def test_help_without_torch(self, command: Case) -> None:
        entry = command.entry
        program = (
            "import contextlib, sys\n"
            "from aezoo.plugins import registry\n"
            "with contextlib.redirect_stdout(sys.stderr):\n"
            f"    command = registry().find('command', {entry.qualified_name!r}).load()\n"
            "    command.main(['--help'], standalone_mode=False)\n"
            f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
        )
        printed = run_python(program, entry.distribution)
        assert not printed, f"its --help imports {printed}: import it where the command runs"
