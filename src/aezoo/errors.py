"""The errors that a user can cause: each says in one or two lines what was given, what is allowed, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AezooError(Exception):
    """Base of every error a user can cause. The command line prints it without a traceback and exits with 2."""


class UnknownNameError(AezooError):
    """A name that no installed package registers, or that several do."""


class OptionError(AezooError):
    """An option that is not declared, or a value outside its type or bounds; also an expression that does not parse."""


class CompositionError(AezooError):
    """Parts that do not fit together: shapes, or a loss that needs what the model does not provide."""


class DataError(AezooError):
    """Images that are missing, unreadable, or of the wrong shape, type or range."""


class WeightsError(AezooError):
    """A model folder or weights file that is missing, damaged, or belongs to another architecture."""


class PluginError(AezooError):
    """A plugin that could not be loaded, where that is asked to be fatal."""


class TrainingError(AezooError):
    """A run that cannot start or go on: a loss that is not finite, settings that contradict each other."""


class AezooWarning(UserWarning):
    """Something went wrong and was survived; the message says what."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The three names nearest to ``name``, for an error message: ``"a, b or c"`` (empty when nothing is known)."""
    close = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.0)
    return " or ".join(filter(None, [", ".join(close[:-1]), *close[-1:]]))
