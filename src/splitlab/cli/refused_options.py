"""Options that say nothing beside others: refused, so that nobody believes they were heard."""

from __future__ import annotations

from collections.abc import Collection

import typer

from splitlab.errors import SettingsError


def refuse_others(context: typer.Context, heard: Collection[str], why: str) -> None:
    """Refuse what was given on the command line and is not heard here.

    Args:
        context: of the command.
        heard: names of the parameters that count.
        why: what they stand beside, and the way out; it follows the options.

    Raises:
        SettingsError: something else was given.
    """
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in heard and _is_given(context, str(parameter.name))
    ]
    if given:
        raise SettingsError(f"{', '.join(given)}: {why}")


def _is_given(context: typer.Context, name: str) -> bool:
    # By its name: some versions of Typer have a Click of their own.
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
