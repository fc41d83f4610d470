"""Stand-ins for the paper's tasks: the very same split, on simulated cells of the data set's shape.

They exercise every path of the real tasks, with their condition names, doses, numbers of cells and of genes, where the
data are not at hand. ``python -m bench.splitting.stand_ins`` writes them into ``splits/``; a test makes them anew and
compares. No score on them says anything about the real screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bench.paths import splits_dir
from bench.splits import Split, read_split, write_split

STAND_INS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "adamson_sim": ("adamson_single", "sim_single_full"),
        "norman_sim": ("norman_double", "sim_double_full"),
        "sciplex3_sim": ("sciplex3_covariate", "sim_drug_full"),
        "sciplex3_ood_sim": ("sciplex3_ood", "sim_drug_full"),
    }
)
"""Task that is stood in for, and the simulated data set, by stand-in."""


def stand_in_split(task: str) -> Split:
    """The split of a stand-in: that of the task it stands in for, on simulated cells."""
    real_task, dataset = STAND_INS[task]
    real = read_split(splits_dir() / f"{real_task}.toml")
    source = f"simulated stand-in for {real_task}, whose split this is: not the real screen, and not comparable with it"
    return real.model_copy(update={"task": task, "dataset": dataset, "source": source})


def write_stand_ins(folder: Path) -> tuple[Path, ...]:
    """Write the split file of every stand-in."""
    written = []
    for task in STAND_INS:
        path = folder / f"{task}.toml"
        write_split(stand_in_split(task), path)
        written.append(path)
    return tuple(written)


if __name__ == "__main__":
    for file in write_stand_ins(splits_dir()):
        print(file)
