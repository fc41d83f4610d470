"""``bench protocols``: every protocol with every choice it makes, and its metrics."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.protocols import Protocol

HELP = "List the protocols with every choice they make; name one to see its metrics."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("protocol", nargs="?", help="show this one with its metrics, for example calibrated")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.protocols import PROTOCOLS, get_protocol

    shown = list(PROTOCOLS.values()) if args.protocol is None else [get_protocol(args.protocol)]
    if args.json:
        import json

        print(json.dumps([describe_protocol(protocol) for protocol in shown], indent=2, ensure_ascii=False))
        return 0
    for protocol in shown:
        _show_choices(protocol)
    if args.protocol is not None:
        _show_metrics(shown[0])
    return 0


def describe_protocol(protocol: Protocol) -> dict[str, object]:
    """A protocol as JSON values: name, choices, headline columns, metrics."""
    return {
        "protocol": protocol.label,
        "summary": protocol.summary,
        "choices": dict(protocol.choices),
        "headline": [f"{metric}/{genes}" for metric, genes in protocol.headline],
        "metrics": [
            {
                "name": metric.name,
                "label": metric.label,
                "better": metric.better,
                "perfect": metric.perfect,
                "genes": list(protocol.scopes_of(metric)),
                "cells": _cells(protocol, metric.size_biased),
                "scale_free": metric.scale_free,
                "description": metric.description,
                "source": metric.source,
            }
            for metric in protocol.metrics
        ],
    }


def _cells(protocol: Protocol, size_biased: bool) -> str:
    return "equal numbers" if size_biased and protocol.repeats else "all"


def _show_choices(protocol: Protocol) -> None:
    headline = ", ".join(f"{metric} ({genes})" for metric, genes in protocol.headline)
    _show_pairs(f"{protocol.label}: {protocol.summary}", {**protocol.choices, "headline columns": headline})


def _show_metrics(protocol: Protocol) -> None:
    rows = {}
    for metric in protocol.metrics:
        perfect = "" if metric.perfect is None else f", perfect {metric.perfect:g}"
        rows[metric.name] = (
            f"{metric.description} {metric.better.capitalize()} is better{perfect}; genes "
            f"{', '.join(protocol.scopes_of(metric))}; cells: {_cells(protocol, metric.size_biased)}. [{metric.source}]"
        )
    _show_pairs("Metrics", rows)


def _show_pairs(title: str, rows: Mapping[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from bench.console import console

    table = Table(title=Text(title), title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in rows.items():
        table.add_row(name, Text(text))
    console().print(table)
    console().print()
