"""The errors that a user can cause: each says in one or two lines what was given, what is allowed, what to do next."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable


class AezooError(Exception):
    """Base of every error a user can cause. The command line prints it without a traceback and exits with 2."""


class UnknownNameError(AezooError):
    """A name that no installed package registers, or that several do."""


class UnknownAttributeError(UnknownNameError, AttributeError):
    """A name that ``aezoo`` does not have."""


class OptionError(AezooError):
    """An option that is not declared, or a value outside its type or bounds; also an expression that does not parse."""


class CompositionError(AezooError):
    """What does not fit together: shapes of parts, a loss and what the model provides, a study's claims and arms."""


class DataError(AezooError):
    """Images that are missing, unreadable, or of the wrong shape, type or range."""


class WeightsError(AezooError):
    """A model folder or weights file that is missing, damaged, or belongs to another architecture."""


class PluginError(AezooError):
    """A plugin's fault: it does not load, or what it registers does not do what it declares."""


class TrainingError(AezooError):
    """A run that cannot start or go on: a loss that is not finite, settings that contradict each other."""


class DivergedError(TrainingError):
    """A run whose loss is no longer finite."""


class StoppedError(TrainingError):
    """A run that its user stopped, with Ctrl-C or SIGTERM, and that can go on. The command line exits with 130."""


class AezooWarning(UserWarning):
    """Something went wrong and was survived; the message says what."""


def shown(value: object, length: int = 80) -> str:
    """What a caller gave, in a message: on one line, and where it is too long without its middle."""
    text = " ".join(repr(value).split())
    return text if len(text) <= length else f"{text[: length // 2 - 1]}...{text[2 - length + length // 2 :]}"


def one_line(error: BaseException) -> str:
    """What an error says, on one line; of one that says nothing its type."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: BaseException) -> str:
    """The first line of what an error says: torch goes on with hints to its own developers."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def typed_line(error: BaseException) -> str:
    """``"ValueError: what it says"``, on one line."""
    said, kind = one_line(error), type(error).__name__
    return kind if said == kind else f"{kind}: {said}"


def is_text(name: str) -> bool:
    """Whether a name can be written into a file: that of a path may hold bytes that are no text."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


_BETWEEN = ("aezoo", "torch", "accelerate", "contextlib")


def warn(message: str) -> None:
    """Warn at the line of the caller: the nearest that is neither ours nor of what wraps a module or a block."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, AezooWarning, stacklevel=level)


def nearest(name: str, known: Iterable[str]) -> str:
    """The three names nearest to ``name``, whatever the case, for an error message: ``"a, b or c"`` (empty when nothing
    is known).
    """
    lower = {each.lower(): each for each in sorted(set(known))}
    close = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.0)]
    return " or ".join(filter(None, [", ".join(close[:-1]), *close[-1:]]))
