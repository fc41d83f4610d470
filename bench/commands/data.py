"""``bench data``: the data sets of the cache: list, fetch, import, show, verify, remove."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from bench.data.dataset import Dataset
    from bench.data.importer import Imported
    from bench.fetch.sources import Source

HELP = "List, fetch, import, show, verify or remove data sets."
LAYOUTS = ("gears", "scperturb", "pertpy", "chemcpa", "generic")
_FILE_WIDTH = 140
UNITS = ("pM", "nM", "uM", "mM", "M")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "What there is, and how to get what is not."
    actions.add_parser("list", help=text, description=text, allow_abbrev=False)
    text = "Fetch a public data set, check it against its pinned checksum, and put it into the cache."
    _add_fetch_arguments(actions.add_parser("fetch", help=text, description=text, allow_abbrev=False))
    text = "Read an h5ad file, say what it was recognised as, and put it into the cache in the canonical form."
    _add_import_arguments(actions.add_parser("import", help=text, description=text, allow_abbrev=False))
    text = "Where a data set comes from and what it holds."
    show = actions.add_parser("show", help=text, description=text, allow_abbrev=False)
    show.add_argument("name", metavar="NAME")
    show.add_argument("--genes", action="store_true", help="print the gene panel instead, one a line")
    text = (
        "Check data sets and kept downloads again: content against the hash it was stamped with, conditions against "
        "the published facts, files against their pinned checksums."
    )
    verify = actions.add_parser("verify", help=text, description=text, allow_abbrev=False)
    verify.add_argument("name", metavar="NAME", nargs="?", help="one data set (default: all in the cache)")
    text = "Delete a data set from the cache."
    remove = actions.add_parser("remove", help=text, description=text, allow_abbrev=False)
    remove.add_argument("name", metavar="NAME")


def _add_fetch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="adamson, norman or sciplex3")
    parser.add_argument("--source", metavar="SOURCE", help="gears, scperturb, pertpy or chemcpa (default: the first)")
    parser.add_argument(
        "--mirror",
        action="append",
        default=[],
        metavar="URL",
        help="another address of the very same file, or with a / at its end of a folder that holds it; tried first, "
        "repeat for several",
    )
    parser.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="read the file from this folder; no network"
    )
    parser.add_argument("--force", action="store_true", help="fetch and replace what is there under that name")


def _add_import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="h5ad file")
    parser.add_argument("--name", help="name in the cache (default: from the file name)")
    parser.add_argument("--force", action="store_true", help="replace another data set of that name")
    columns = parser.add_argument_group("columns", "What is not named is recognised; what is ambiguous must be named.")
    columns.add_argument("--layout", choices=LAYOUTS, help="recognise only this layout")
    columns.add_argument("--perturbation-key", metavar="COLUMN", help="obs column of the perturbations")
    columns.add_argument(
        "--control", action="append", default=[], metavar="VALUE", help="its value for control; repeat for several"
    )
    columns.add_argument("--cell-type-key", metavar="COLUMN", help="obs column of the cell type")
    columns.add_argument(
        "--covariate-key",
        action="append",
        default=[],
        metavar="COLUMN",
        help="obs column that divides cells as a cell type does (stimulation, time); repeat for several",
    )
    columns.add_argument("--modality", choices=("gene", "treatment"), help="what was done to the cells")
    columns.add_argument("--dose-key", metavar="COLUMN", help="obs column of doses")
    columns.add_argument("--dose-unit", choices=UNITS, help="unit of that column")
    columns.add_argument("--smiles-key", metavar="COLUMN", help="obs column of drug structures")
    columns.add_argument(
        "--rename",
        action="append",
        default=[],
        type=_renaming,
        metavar="OLD=NEW",
        help="other name of a perturbation, or of a gene in it; repeat for several",
    )
    cells = parser.add_argument_group("cells")
    cells.add_argument(
        "--keep",
        action="append",
        default=[],
        type=_keeping,
        metavar="COLUMN[=VALUE]",
        help="only cells with this value, or with true; repeat for more columns or values",
    )
    cells.add_argument("--drop-unlabelled", action="store_true", help="leave out cells without a perturbation label")
    values = parser.add_argument_group("values")
    values.add_argument("--counts-layer", metavar="LAYER", help="layer that holds the counts; raw for adata.raw")
    values.add_argument("--values", choices=("counts", "linear", "log1p"), help="scale of X, where it cannot be told")
    values.add_argument("--target-sum", type=float, metavar="N", help="counts per cell that X was normalised to")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    actions = {
        "list": _list,
        "fetch": _fetch,
        "import": _import,
        "show": _show,
        "verify": _verify,
        "remove": _remove,
    }
    return actions[args.action](args)


def _renaming(text: str) -> tuple[str, str]:
    old, mark, new = text.partition("=")
    if not (mark and old.strip() and new.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW")
    return old.strip(), new.strip()


def _keeping(text: str) -> tuple[str, str | None]:
    column, mark, value = text.partition("=")
    if not column:
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN or COLUMN=VALUE")
    return column, value if mark else None


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return table


def _print_table(table: Table) -> None:
    """Print a table as wide as the terminal; into a file, wide enough not to break names."""
    from bench.console import console

    out = console()
    if not out.is_terminal:
        out.width = max(out.width, _FILE_WIDTH)
    out.print(table, soft_wrap=False)


def _fetch(args: argparse.Namespace) -> int:
    from bench.console import console
    from bench.data.dataset import read_dataset
    from bench.fetch.fetch import Wanted, fetch
    from bench.fetch.progress import DownloadProgress
    from bench.fetch.sources import public_dataset
    from bench.paths import dataset_path

    out = console()
    public_dataset(args.name).source(args.name, args.source)
    if dataset_path(args.name).exists() and not args.force:
        there = read_dataset(dataset_path(args.name))
        origin = there.provenance.get("fetched_from", "an import")
        out.print(f"{args.name}: {_contents(there)}", markup=False)
        out.print(
            f"{args.name} was already in {there.path} (hash {there.hash[:12]}, from {origin}); "
            "`--force` fetches and replaces it",
            markup=False,
        )
        return 0
    wanted = Wanted(args.name, args.source, tuple(args.mirror), args.folder, args.force)
    with DownloadProgress(args.name, console(stderr=True)) as progress:
        fetched = fetch(wanted, progress)
    out.print(f"source {fetched.source}; compared with {fetched.checked}", markup=False)
    _print_imported(fetched.imported, fetched.file)
    out.print(f"gene panel: {fetched.imported.dataset.provenance['gene_panel']}", markup=False)
    return 0


def _import(args: argparse.Namespace) -> int:
    from bench.data.importer import Request, import_file
    from bench.data.reading import Hints
    from bench.data.values import Wish

    hints = Hints(
        layout=args.layout,
        perturbation=args.perturbation_key,
        controls=tuple(args.control),
        cell_type=args.cell_type_key,
        covariates=tuple(args.covariate_key),
        dose=args.dose_key,
        dose_unit=args.dose_unit,
        smiles=args.smiles_key,
        modality=args.modality,
        rename=dict(args.rename),
    )
    wish = Wish(counts_layer=args.counts_layer, values=args.values, target_sum=args.target_sum)
    request = Request(
        file=args.file,
        name=args.name,
        hints=hints,
        wish=wish,
        keep=tuple(args.keep),
        drop_unlabelled=args.drop_unlabelled,
        force=args.force,
    )
    _print_imported(import_file(request), args.file)
    return 0


def _print_imported(imported: Imported, file: Path) -> None:
    from rich.markup import escape

    from bench.console import console

    out = console()
    dataset = imported.dataset
    table = _table("field", "found in", "because")
    for row in imported.recognised:
        table.add_row(*map(escape, row))
    table.add_row("values", imported.scale.kind, escape(imported.scale.evidence))
    table.add_row("", "", escape(str(dataset.provenance["normalisation"])))
    out.print(f"{file}", markup=False)
    _print_table(table)
    for note in imported.notes:
        out.print(f"note: {note}", markup=False)
    state = "is now" if imported.written else "was already, the very same,"
    out.print(f"{dataset.name}: {_contents(dataset)}", markup=False)
    out.print(f"{dataset.name} {state} in {dataset.path} (hash {dataset.hash[:12]})", markup=False)


def _contents(dataset: Dataset) -> str:
    controls = int(dataset.obs["control"].sum())
    treated = [condition for condition in dataset.conditions.values() if not condition.is_control]
    perturbations = len({condition.label for condition in treated})
    cell_types = dataset.obs["cell_type"].nunique()
    return (
        f"{len(dataset.obs):,} cells ({controls:,} controls), {len(dataset.genes):,} genes; "
        f"conditions: {len(treated):,}, perturbations: {perturbations:,}, cell types: {cell_types}"
    )


def _list(args: argparse.Namespace) -> int:
    from rich.markup import escape

    from bench.console import console
    from bench.data.dataset import how_to_get, imported_names, read_dataset, simulated_names
    from bench.errors import DataError
    from bench.fetch.sources import public_datasets
    from bench.paths import dataset_path

    del args
    table = _table("name", "state", "cells", "genes", "conditions", "modality", "hash")
    missing = []
    for name in sorted({*public_datasets(), *simulated_names(), *imported_names()}):
        path = dataset_path(name)
        if not path.exists():
            simulated = name in simulated_names()
            table.add_row(name, "made on first use" if simulated else "missing", "", "", "", "", "")
            missing += [] if simulated else [how_to_get(name)]
            continue
        try:
            dataset = read_dataset(path)
            treated = sum(not condition.is_control for condition in dataset.conditions.values())
        except DataError as error:
            table.add_row(name, "damaged", "", "", "", "", "")
            missing.append(str(error))
            continue
        sizes = (f"{len(dataset.obs):,}", f"{len(dataset.genes):,}", f"{treated:,}")
        table.add_row(escape(name), "there", *sizes, dataset.modality, dataset.hash[:12])
    out = console()
    _print_table(table)
    _list_sources()
    for text in missing:
        out.print(text, markup=False)
    return 0


def _list_sources() -> None:
    """The sources of the public data sets, what is pinned, and what was downloaded."""
    from bench.console import console
    from bench.fetch.lock import lock_files
    from bench.fetch.sources import public_datasets

    table = _table("data set", "source", "layout", "file", "checksum", "download")
    for dataset, known in public_datasets().items():
        for name, source in known.sources.items():
            table.add_row(dataset, name, source.layout, source.file, *_source_state(dataset, name, source))
    _print_table(table)
    console().print(f"pinned checksums: {' and '.join(map(str, lock_files()))}", markup=False)


def _source_state(dataset: str, name: str, source: Source) -> tuple[str, str]:
    """Whether a checksum is pinned, and whether the file was downloaded."""
    from bench.fetch.disk import megabytes
    from bench.fetch.lock import find_pin
    from bench.fetch.sources import download_path

    pin = find_pin(dataset, name, source.file)
    by_repository = "by its repository" if source.metadata is not None else "by what arrives first"
    checksum = f"pinned, sha256 {pin.sha256[:12]}" if pin is not None else by_repository if source.url else "none"
    path = download_path(dataset, name, source.file)
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        return checksum, megabytes(path.stat().st_size)
    if part.exists():
        return checksum, f"{megabytes(part.stat().st_size)} so far"
    return checksum, "" if source.url else "local file only"


def _show(args: argparse.Namespace) -> int:
    from rich.markup import escape

    from bench.console import console
    from bench.data.dataset import open_dataset

    dataset = open_dataset(args.name)
    if args.genes:
        print("\n".join(dataset.genes))
        return 0
    out = console()
    out.print(f"{dataset.name}: {_contents(dataset)}", markup=False)
    table = _table("provenance", "value")
    table.add_row("file", escape(str(dataset.path)))
    for key, value in dataset.provenance.items():
        table.add_row(key, escape(str(value)))
    _print_table(table)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from bench.console import console
    from bench.data.dataset import imported_names, read_dataset, verify_dataset
    from bench.errors import DataError
    from bench.fetch.fetch import verify_downloads
    from bench.paths import dataset_path
    from bench.splitting.facts import check_against_facts

    names = [args.name] if args.name else list(imported_names())
    out = console()
    bad = 0
    for name in names:
        try:
            out.print(f"{name}: good, hash {verify_dataset(name)[:12]}", markup=False)
        except DataError as error:
            if args.name:
                raise
            bad += 1
            out.print(f"{name}: {error}", markup=False)
            continue
        for difference in check_against_facts(read_dataset(dataset_path(name))):
            out.print(f"{name}: not as published: {difference}", markup=False)
    if not args.name:
        for path, wrong in verify_downloads():
            bad += bool(wrong)
            out.print(f"{path}: {wrong or 'good, as pinned'}", markup=False)
    if not names:
        out.print("the cache holds no data set")
    return 2 if bad else 0


def _remove(args: argparse.Namespace) -> int:
    from bench.console import console
    from bench.data.dataset import remove_dataset

    console().print(f"removed {remove_dataset(args.name)}", markup=False)
    return 0
