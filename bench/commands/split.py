"""``bench split``: make a split file from a data set, or re-stamp an edited one."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.execution import positive_count

if TYPE_CHECKING:
    from bench.splits import ControlFolds, Split
    from bench.splitting.propose import Proposal, Recipe
    from bench.splitting.table import ConditionTable

HELP = "Make a split file (a task) from a data set, or re-stamp one edited by hand."
_LISTED = 30
_KINDS = ("unseen_gene", "double_gene", "unseen_covariate", "ood_drug")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help="name of a data set (`bench data list`)")
    parser.add_argument("--kind", choices=_KINDS, help="what is held out (default: proposed from the data)")
    parser.add_argument(
        "--test",
        type=float,
        metavar="F",
        help="fraction of the genes, gene combinations, groups or drugs to test (0.3; combinations 1)",
    )
    parser.add_argument("--folds", type=int, metavar="K", help="K files that test each of them exactly once")
    parser.add_argument(
        "--cell-type",
        action="append",
        default=[],
        metavar="NAME",
        help="unseen_covariate: hold out everything in this cell type, or the fraction --test of it; repeat",
    )
    parser.add_argument(
        "--cell-type-fraction", type=float, metavar="F", help="unseen_covariate: hold out this fraction of cell types"
    )
    parser.add_argument("--drugs", type=_names, default=(), metavar="A,B", help="ood_drug: hold out these drugs")
    parser.add_argument(
        "--other-doubles",
        choices=("unused", "train"),
        help="double_gene: what becomes of combinations that are not tested (unused)",
    )
    parser.add_argument(
        "--measured-only", action="store_true", help="unseen_gene: hold out only genes that are measured"
    )
    parser.add_argument(
        "--validation", type=float, default=0.1, metavar="F", help="fraction of what is left that validates (0.1)"
    )
    parser.add_argument(
        "--min-cells",
        type=positive_count,
        default=30,
        metavar="N",
        help="leave out conditions and controls with fewer cells (30)",
    )
    parser.add_argument(
        "--controls",
        type=_fractions,
        default=(0.6, 0.2, 0.2),
        metavar="T,S,D",
        help="fractions of the controls for training, scoring and DE ranking (0.6,0.2,0.2)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="data seed of every draw (0)")
    parser.add_argument("--task", type=_task_name, metavar="NAME", help="name of the task (default: DATASET_KIND)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="file to write; a folder with --folds (default: in the cache)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite a different file of that name")
    parser.add_argument("--stamp", type=Path, metavar="FILE", help="check and re-stamp a split file edited by hand")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.console import console
    from bench.errors import SplitError

    if args.stamp is not None:
        from bench.splits import stamp_split

        split = stamp_split(args.stamp)
        console().print(f"stamped {args.stamp}: task {split.task}, hash {split.hash[:12]}", markup=False)
        return 0
    if args.dataset is None:
        raise SplitError(
            "DATASET: name a data set, for example `python -m bench split my_screen`, or give --stamp FILE"
        )
    return _make(args)


def _make(args: argparse.Namespace) -> int:
    from bench.console import console
    from bench.data.dataset import open_dataset
    from bench.splitting.choose import Wishes, propose_kind, propose_splits
    from bench.splitting.propose import Recipe
    from bench.splitting.table import ConditionTable
    from methods.conditions import TaskKind

    dataset = open_dataset(args.dataset)
    table = ConditionTable.of_dataset(dataset)
    wishes = Wishes(
        kind=TaskKind(args.kind) if args.kind else None,
        test=args.test,
        folds=args.folds,
        cell_types=tuple(args.cell_type),
        cell_type_fraction=args.cell_type_fraction,
        drugs=tuple(args.drugs),
        other_doubles=args.other_doubles,
        measured_only=args.measured_only,
    )
    kind, why = propose_kind(table, wishes)
    recipe = Recipe(
        task=args.task or f"{args.dataset}_{kind.value}",
        dataset=args.dataset,
        modality=dataset.modality,
        seed=args.seed,
        validation=args.validation,
        min_cells=args.min_cells,
        controls=_folds(args.controls),
        panel=frozenset(dataset.genes),
    )
    proposals = propose_splits(table, wishes, recipe)
    files = _files(args.output, recipe, proposals)
    _write(proposals, files, force=args.force)
    out = console()
    if args.kind is None:
        out.print(f"kind {kind.value}: {why} (--kind chooses another)", markup=False)
    _show(proposals, table)
    for file in files:
        out.print(f"wrote {file}", markup=False)
    first = proposals[0].split.task if args.output is None else files[0]
    out.print(f"next: python -m bench audit --task {first}; python -m bench run --task {first}", markup=False)
    return 0


def _files(output: Path | None, recipe: Recipe, proposals: Sequence[Proposal]) -> list[Path]:
    """Where each split goes; a checked-in task of the same name would hide it, so that is refused."""
    from bench.errors import SplitError
    from bench.paths import cache_dir, splits_dir

    if output is not None and proposals[0].split.task == recipe.task:
        return [output]
    folder = output or cache_dir() / "splits"
    files = [folder / f"{proposal.split.task}.toml" for proposal in proposals]
    for file in files:
        if output is None and (splits_dir() / file.name).exists():
            raise SplitError(f"--task {file.stem}: a checked-in task has this name; choose another")
    return files


def _write(proposals: Sequence[Proposal], files: Sequence[Path], *, force: bool) -> None:
    from bench.errors import SplitError
    from bench.splits import split_toml, write_split

    for proposal, file in zip(proposals, files, strict=True):
        if file.is_dir():
            raise SplitError(f"--output {file}: is a folder; name a file")
        if file.exists() and not force and file.read_bytes() != split_toml(proposal.split).encode():
            raise SplitError(f"{file}: exists and differs; give --force to overwrite it, or another --task or --output")
    for proposal, file in zip(proposals, files, strict=True):
        write_split(proposal.split, file)


def _show(proposals: Sequence[Proposal], table: ConditionTable) -> None:
    from rich.table import Table

    from bench.console import console

    out = console()
    shown = Table("task", "part", "conditions", "cells", "fewest cells")
    for column in shown.columns[2:]:
        column.justify = "right"
    for proposal in proposals:
        for part, keys in _parts(proposal.split):
            cells = [table.cells[key] for key in keys] if table.cells is not None else []
            shown.add_row(
                proposal.split.task, part, f"{len(keys):,}", f"{sum(cells):,}", f"{min(cells):,}" if cells else ""
            )
    out.print(shown)
    reasons: dict[str, str] = {}
    for proposal in proposals:
        reasons.update(proposal.excluded if len(proposals) == 1 else {})
    if reasons:
        out.print(f"{len(reasons)} conditions are in no part and are not used:", markup=False)
    for key, reason in list(reasons.items())[:_LISTED]:
        out.print(f"  {key}: {reason}", markup=False)
    if len(reasons) > _LISTED:
        out.print(f"  and {len(reasons) - _LISTED} more", markup=False)
    for note in dict.fromkeys(note for proposal in proposals for note in proposal.notes):
        out.print(f"note: {note}", markup=False)


def _parts(split: Split) -> tuple[tuple[str, tuple[str, ...]], ...]:
    parts = split.conditions
    return ("train", parts.train), ("validation", parts.validation), ("test", parts.test)


def _folds(fractions: tuple[float, float, float]) -> ControlFolds:
    from pydantic import ValidationError

    from bench.errors import SplitError
    from bench.splits import ControlFolds

    try:
        return ControlFolds(train=fractions[0], scoring=fractions[1], de=fractions[2])
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(step) for step in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise SplitError(f"--controls{f' ({where})' if where else ''}: {message}") from error


def _task_name(text: str) -> str:
    if not re.fullmatch("[a-z0-9][a-z0-9_]*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name of lower-case letters, digits and '_', such as my_task"
        )
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _fractions(text: str) -> tuple[float, float, float]:
    try:
        train, scoring, de = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers such as 0.6,0.2,0.2") from error
    return train, scoring, de
