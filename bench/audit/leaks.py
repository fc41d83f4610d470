"""Checks that need the split alone: whether training shows what is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bench.audit.findings import Finding, listed
from bench.splits import Split
from bench.splitting.structure import compound_keys
from methods.conditions import Condition, TaskKind, canonical_key, parse_key


def split_findings(split: Split, smiles: Mapping[str, str]) -> list[Finding]:
    """Every check of the split by itself.

    Parameters
    ----------
    split
        The split.
    smiles
        SMILES by drug, as far as known: from the data set, else from the published facts.
    """
    training = _conditions(split, *split.conditions.train, *split.conditions.validation)
    test = _conditions(split, *split.conditions.test)
    findings = [_overlap(split)]
    if split.kind is TaskKind.UNSEEN_GENE:
        findings.append(_unseen_gene(training, test))
    elif split.kind is TaskKind.DOUBLE_GENE:
        findings += _double_gene(training, test)
    elif split.kind is TaskKind.UNSEEN_COVARIATE:
        findings.append(_seen_elsewhere(training, test))
    else:
        findings += _ood_drug(training, test, compound_keys(smiles))
    return findings


def _conditions(split: Split, *keys: str) -> tuple[Condition, ...]:
    return tuple(parse_key(key, split.modality) for key in keys)


def _overlap(split: Split) -> Finding:
    parts = split.conditions
    counts = Counter(canonical_key(key, split.modality) for key in (*parts.train, *parts.validation, *parts.test))
    repeated = tuple(key for key, count in counts.items() if count > 1)
    if repeated:
        detail = f"{len(repeated)} conditions are in two parts: {listed(repeated)}"
        return Finding("overlap on canonical names", "leak", detail, repeated)
    return Finding("overlap on canonical names", "ok", f"none among {len(counts):,} conditions")


def _unseen_gene(training: tuple[Condition, ...], test: tuple[Condition, ...]) -> Finding:
    tested = {gene for condition in test for gene in condition.perturbations}
    shown = tuple(c.key for c in training if tested & set(c.perturbations))
    if shown:
        detail = f"{len(shown)} training conditions perturb a tested gene: {listed(shown)}"
        return Finding("tested genes in training", "leak", detail, shown)
    return Finding(
        "tested genes in training", "ok", f"none of the {len(tested)} tested genes is in a training condition"
    )


def _double_gene(training: tuple[Condition, ...], test: tuple[Condition, ...]) -> Iterator[Finding]:
    tested = {condition.label for condition in test}
    shown = tuple(condition.key for condition in training if condition.label in tested)
    check = "tested combinations in training"
    if shown:
        yield Finding(check, "leak", f"{len(shown)} are, in another cell type: {listed(shown)}", shown)
    else:
        yield Finding(check, "ok", f"none of the {len(tested)} tested combinations is trained on")
    singles = {condition.label for condition in training if len(condition.perturbations) == 1}
    lacking = tuple(c.key for c in test if not singles.issuperset(c.perturbations))
    detail = (
        f"{len(test) - len(lacking)} of {len(test)} tested combinations have all their single perturbations in training"
    )
    yield Finding("single perturbations of tested combinations", "note" if lacking else "ok", detail, lacking)


def _seen_elsewhere(training: tuple[Condition, ...], test: tuple[Condition, ...]) -> Finding:
    trained = {condition.label for condition in training}
    check = "tested perturbations seen elsewhere"
    unseen = tuple(condition.key for condition in test if condition.label not in trained)
    if unseen:
        detail = f"{len(unseen)} test conditions have a perturbation that no training condition has: {listed(unseen)}"
        return Finding(check, "mismatch", detail, unseen)
    return Finding(check, "ok", f"each of the {len({c.label for c in test})} is trained in another group")


def _ood_drug(
    training: tuple[Condition, ...], test: tuple[Condition, ...], compounds: Mapping[str, str]
) -> Iterator[Finding]:
    trained = sorted({condition.label for condition in training})
    tested = sorted({condition.label for condition in test})
    by_name = tuple(drug for drug in tested if drug in trained)
    check = "tested drugs in training, by name"
    if by_name:
        yield Finding(check, "leak", f"{len(by_name)} are: {listed(by_name)}", by_name)
    else:
        yield Finding(check, "ok", f"none of the {len(tested)} tested drugs is among the {len(trained)} trained ones")
    yield from _by_structure(trained, tested, compounds)


def _by_structure(trained: list[str], tested: list[str], compounds: Mapping[str, str]) -> Iterator[Finding]:
    check = "tested drugs in training, by structure"
    pairs = tuple(
        f"{drug} = {twin}"
        for drug in tested
        for twin in trained
        if drug != twin and drug in compounds and compounds[drug] == compounds.get(twin)
    )
    without = tuple(drug for drug in (*tested, *trained) if drug not in compounds)
    if pairs:
        yield Finding(check, "leak", f"{len(pairs)} pairs are one compound: {listed(pairs)}", pairs)
    elif without:
        detail = f"{len(without)} drugs have no readable SMILES here: {listed(without)}"
        yield Finding(check, "unknown", detail, without)
    else:
        yield Finding(check, "ok", "no tested compound is trained on, whatever its salt, tautomer or stereochemistry")


def duplicate_structures(drugs: tuple[str, ...], smiles: Mapping[str, str]) -> Finding:
    """Drugs of one compound under several names."""
    names: dict[str, list[str]] = {}
    for drug, compound in sorted(compound_keys(smiles).items()):
        if drug in drugs:
            names.setdefault(compound, []).append(drug)
    doubles = tuple(" = ".join(same) for same in names.values() if len(same) > 1)
    known = sum(len(same) for same in names.values())
    check = "drugs that are one compound"
    if not known:
        return Finding(
            check, "note", f"none of the {len(drugs)} treatments has a readable SMILES, so this cannot be said"
        )
    detail = f"{len(doubles)} groups among {known} structures" + (f": {listed(doubles)}" if doubles else "")
    return Finding(check, "note" if doubles else "ok", detail, doubles)
