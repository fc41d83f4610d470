"""Settings of a method on the command line: ``name[setting=value,...]`` are arguments of its constructor."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from bench.errors import MethodError
from methods.base import Method

Setting = bool | int | float | str
_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def split_settings(text: str) -> tuple[str, dict[str, str]]:
    """``"doloris[size=small]"`` -> ``("doloris", {"size": "small"})``.

    Raises
    ------
    MethodError
        If the brackets hold something else than ``setting=value`` pairs.
    """
    if not text.endswith("]"):
        return text, {}
    name, _, inside = text.removesuffix("]").partition("[")
    pairs = [part.partition("=") for part in inside.split(",")]
    if not all(setting.strip() and equals for setting, equals, _ in pairs):
        raise MethodError(f"--method: {text!r} is not NAME[SETTING=VALUE,...]")
    return name, {setting.strip(): value.strip() for setting, _, value in pairs}


def read_settings(cls: type[Method], texts: Mapping[str, str]) -> dict[str, Setting]:
    """Arguments of a method's constructor, of the types of their defaults.

    Raises
    ------
    MethodError
        If there is no such argument, or a value is not of its type.
    """
    parameters = inspect.signature(cls).parameters
    settings = {}
    for name, text in texts.items():
        if name not in parameters:
            known = f"it has {', '.join(parameters)}" if parameters else "it has none"
            raise MethodError(f"--method: {cls.name} has no setting {name!r}; {known}")
        settings[name] = _value(cls, name, text, parameters[name].default)
    return settings


def shown_settings(name: str, settings: Mapping[str, Setting]) -> str:
    """``"doloris[size=small]"``; the name alone without settings."""
    pairs = ",".join(f"{setting}={value}" for setting, value in sorted(settings.items()))
    return f"{name}[{pairs}]" if pairs else name


def _value(cls: type[Method], name: str, text: str, default: object) -> Setting:
    try:
        if isinstance(default, bool):
            return _WORDS[text.lower()]
        if isinstance(default, int):
            return int(text)
        return float(text) if isinstance(default, float) else text
    except (ValueError, KeyError):
        expected = {bool: "true or false", int: "a whole number"}.get(type(default), "a number")
        raise MethodError(f"--method: {cls.name}, setting {name!r}: {text!r} is not {expected}") from None
