"""The command line. Its commands are the registry's: listed by their specs, imported when they are called."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
import warnings
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from aezoo.cli import console
from aezoo.errors import AezooError, AezooWarning, PluginError, StoppedError
from aezoo.plugins import IMPORT, forget, list_names, registry

COMPLETE = "_AEZOO_COMPLETE"
"""Set by the shell when it asks for completions."""


class Commands(click.Group):
    """The commands that are registered, a plugin's like the built-in ones; every error in a line or two."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list_names("command")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        try:
            entry = registry().find("command", cmd_name)
            command = entry.load()
            if not isinstance(command, click.Command):
                raise PluginError(f"{entry.qualified_name}: {entry.spec.implementation} is no click command")
        except AezooError:
            if ctx.resilient_parsing:  # completion has nothing to say about what does not load
                return None
            raise
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, registry().find("command", name).spec.summary) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=registry().find("command", name).spec.summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)  # past Group's, which imports every command

    def invoke(self, ctx: click.Context) -> None:
        super().invoke(ctx)  # returns nothing: what `main` gets back then is an exit code and never a command's answer

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run and exit: 0; what a command asks for; 2 after an error of the user's; 70 after one that nobody foresaw,
        with its traceback; 130 after Ctrl-C.
        """
        given = kwargs.get("args") or (args[0] if args else sys.argv[1:])
        with warnings.catch_warnings(), console.json_alone() if "--json" in given else contextlib.nullcontext():
            _show_warnings()
            try:
                status = super().main(*args, **{**kwargs, "complete_var": COMPLETE, "standalone_mode": False})
            except (click.Abort, KeyboardInterrupt):
                status = 130
            except click.ClickException as error:
                status = error.exit_code
                console.fail(_usage(error))
            except AezooError as error:
                status = _failed(str(error), 130 if isinstance(error, StoppedError) else 2)
            except OSError as error:  # a full disk, a folder that may not be written
                status = _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            except Exception:  # 1 is what a check says that found a difference
                traceback.print_exc()
                status = 70  # as BSD's sysexits.h has it, for software
        sys.exit(status)


def _failed(message: str, status: int = 2) -> int:
    if os.environ.get("AEZOO_TRACEBACK", "") not in ("", "0"):
        traceback.print_exc()
    console.fail(message)
    return status


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.NoSuchOption):
        message = _meant(error, context) or message
    return f"{message}\nSee '{context.command_path} --help'." if context else message


def _meant(error: click.NoSuchOption, context: click.Context | None) -> str:
    """What an option is called here, where other libraries have another name for it or it stands elsewhere."""
    from aezoo.elsewhere import elsewhere

    known = {flag for parameter in context.command.params for flag in parameter.opts} if context else set()
    if any(error.option_name in parameter.opts for parameter in commands.params):
        return f"{error.option_name} stands before the command: aezoo {error.option_name} ..."
    for own in elsewhere(error.option_name.lstrip("-").replace("-", "_")):
        name, equals, value = own.partition("=")
        if (flag := f"--{name.replace('_', '-')}") in known:
            return f"no such option {error.option_name}: here it is {flag}{equals}{value}"
    return ""


def _show_warnings() -> None:
    """Ours in one line, without the place in the code that raised them; nothing while the shell completes."""
    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, AezooWarning):
            console.warn(str(message))
        else:
            others(message, category, *place, **more)

    warnings.showwarning = show
    if COMPLETE in os.environ:
        warnings.simplefilter("ignore")


def _without_plugins(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        os.environ["AEZOO_PLUGINS"] = ""  # in the environment: processes that a command starts follow it
        forget()


def _import(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    if value and not ctx.resilient_parsing:
        names = [os.path.abspath(name) if name.endswith(".py") else name for name in value]
        if split := [name for name in names if os.pathsep in name]:
            raise click.BadParameter(f"{split[0]} has a {os.pathsep!r}, which separates names: move it to another path")
        os.environ[IMPORT] = os.pathsep.join(filter(None, (os.environ.get(IMPORT, ""), *names)))
        forget()


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from aezoo import __version__

        click.echo(f"aezoo {__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    name="aezoo",
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\n"
    "aezoo list 'cis680-*'                        the models of the CIS 680 report\n"
    "aezoo info cis680-vae512 --image-size 128    what one is made of\n"
    "aezoo train cis680-vae16 --data toyfaces     train one on the built-in faces",
)
@click.option(
    "--no-plugins", is_flag=True, is_eager=True, expose_value=False, callback=_without_plugins, help="Built-in only."
)
@click.option(
    "--import",
    metavar="FILE",
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_import,
    help="A Python file or module that registers parts of your own. Repeatable.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
@click.pass_context
def commands(ctx: click.Context) -> None:
    """A zoo of image autoencoders: a name gives a model, and every part of it is swapped by name."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """The program ``aezoo``."""
    if sys.stdout is None or sys.stderr is None:  # closed by the shell: what is said is said to nobody
        nobody = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the program
        sys.stdout, sys.stderr = sys.stdout or nobody, sys.stderr or nobody
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a pipe has no arrows, a number is worth more than its arrow
    commands.main(prog_name="aezoo")
