"""Everything that decides what is computed; every difference between the presets is one named field.

The presets are :func:`paper` (what the text says; where it is silent, the release decides unless that is a
listed defect), :func:`released` (what the released code does) and :func:`corrected` (what should be used).
Section numbers refer to the specification of the released code, equations and appendices to the paper
(ICLR 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from doloris.errors import ConfigError
from doloris.loss import Normalisation
from doloris.schedule import Spacing, linear_betas

Norm = Literal["layer", "batch"]
_WITHOUT_EFFECT = frozenset({"single_row"})
"""Fields of saved configurations that decide nothing."""


@dataclass(frozen=True)
class Widths:
    """Widths of the networks; the defaults are the released ones (section 4 and 6).

    Parameters
    ----------
    trunk, decoder, condition, time, mask
        Trunk layers, decoder layers, condition vectors, time embedding, mask model.
    heads
        Attention heads of each graph layer.
    """

    trunk: int = 1024
    decoder: int = 2048
    condition: int = 256
    time: int = 1024
    mask: int = 64
    heads: int = 2


@dataclass(frozen=True)
class DolorisConfig:
    """Settings of one model.

    Parameters
    ----------
    name
        Shown in records; decides nothing.
    widths
        Sizes of the networks.

    timesteps
        Steps of the noise schedule (paper 4.2: 500).
    sampling_steps
        Function evaluations of sampling, NFE (paper 4.2 and A.3: 50).
    spacing
        Which steps are visited. ``leading``: 0, 10, ..., 490 (section 3). ``trailing`` ends at the last step.
    trained_steps
        ``all`` steps (paper: 500) or only the ``visited`` ones (section 3: the respacing is active in training).
    inversion
        ``explicit``: the released loop, which ends one step too far (section 9, item 6). ``implicit``: the
        inverse of sampling, step by step.
    inversion_iterations
        Iterations of ``implicit`` per step.
    latent
        ``inverted`` from control cells (Eq. 15), or ``gaussian`` (ablation "w/o latent", 4.5).
    clip_drug
        Clip predictions to [-1, 1] for drugs while sampling (section 7, item 2).

    log1p_again
        Take log1p of the cells, which are log-normalised already, and map what is generated back (section 1.1: the
        release does so with gene screens).
    values
        What the diffusion sees at a gene that is not expressed. ``raw``: 0. ``imputed``: a draw of the gene's
        expressed values, fresh in every batch, so that x0hat and the latent are constrained there
        (section 9, item 5; the hurdle reading of A.8).
    scaling
        ``max``: one number, the largest training value (3.2). ``gene``: the spread of each gene's expressed
        values, so that the latent of every gene has unit scale.
    skip
        ``none``: the network's output is x0hat. ``moments``: x0hat is the optimal linear estimate given the
        control moments (Eq. 12), moved by the predicted effect, plus the network's scaled output.
    control_information
        What the target model is given of the controls. ``added``: x_noisy is added to its output (section 9,
        item 4). ``input``: x_noisy is an input (3.4). ``none``: only the moments used by ``skip``.
    control_moments
        Whether the moments of the controls are used at all (ablation "w/o mu_c, sigma_c", 4.5).
    effect
        ``none``, or ``kernel``: a closed-form prediction of each condition's mean effect from its graph and
        co-expression neighbours, out of sample for training conditions.
    trained_centre
        What treated cells are centred on in training (``skip="moments"``): the ``observed`` effect of their
        condition, or the ``left_out`` prediction of it, which teaches the network to correct predictions by pulling
        cells towards trained conditions.
    pair_scale
        Factor on the sum of two genes' effects (``effect="kernel"``). .72 is the published median over the pairs
        of Norman et al. 2019 (coefficients .74 and .69).
    loss_genes
        ``expressed`` (Eq. 9, 10, 13) or ``all`` (ablation "w/o mask model", 4.5).
    loss_normalisation
        Per ``cell`` (Eq. 9, 13) or per ``batch`` (section 3).

    decoders
        ``two``, one for controls and one for treated cells (section 4), or ``one`` for both, told apart by the
        condition vector alone, so that errors of inversion and of sampling cancel.
    norm
        ``batch`` as released, which doubles a lone row, or ``layer`` (section 9, items 2 and 3: batch norm erases the
        control condition, and a lone row altogether).
    dropout
        Of every hidden layer (section 4).
    pair_rule
        Two genes: ``sum_decoded`` condition vectors as released (section 4), or ``sum_embedded`` gene vectors
        before decoding, as one condition.

    unknown_genes
        A gene that is neither measured nor trained nor, with ``effect="kernel"``, in an edge list: ``refuse`` it
        (section 11: the release raises), or predict what all perturbations ``shared`` (``effect="kernel"``: such a gene
        is like no other, which leaves the first term of its kernel).

    perturbation_dropout
        Probability that a training cell's genes or drug are hidden from the diffusion, which then learns what
        perturbed cells share. 0: never (section 4). 1: the perturbation reaches the diffusion through its predicted
        effect alone and the graph encoder is left out; what it learned of trained genes misled it on unseen ones.

    n_features
        Principal components of the training-condition means per gene (A.7; section 2: 32).
    node_order
        ``panel``, or ``released``: edges are numbered in another order than features (section 9, item 1).
    coexpression_threshold, coexpression_cells
        |Pearson| above which two genes are linked, over so many random training controls (section 2).
    token_threshold
        Cosine of token embeddings from which two genes are linked (section 2).
    coexpression_neighbours
        Keep a co-expression edge that is among either gene's so many strongest; ``None`` keeps all.

    learning_rate, weight_decay, batch_size, steps
        Of the diffusion (paper 4.2: 1e-3, 32, 10,000; section 5: 1e-4).
    anneal
        ``linear`` to 0 over the steps (section 5) or ``none`` (paper).
    anneal_steps
        Steps after which the linear anneal arrives at 0; ``None``: ``steps``. More than ``steps`` stops on the way.
    anneal_delay
        Steps before the anneal starts counting (section 11: 1).
    idle_gradients
        Gradient of a decoder without rows in a batch: ``zero`` moves it by its momentum (section 11), ``none``
        leaves it alone.
    ema
        Decay of the averaged weights used for sampling; ``None`` samples with the raw ones (section 5). Not together
        with ``early_stopping``, which looks at the raw ones.
    early_stopping
        Keep the weights, the untrained ones included, with the lowest loss on the validation conditions, looked
        at so many times; where none is named, a tenth of the perturbed ones is drawn. The networks do not train on
        them, but predicted effects and gene features are made of all conditions, so they are not quite unseen.
        ``None`` trains to the end, on the validation conditions too.

    mask
        ``graph``: the released network (section 6). ``calibrated``: log odds of the control, a cell's level of
        detection, and the predicted effect, re-weighted by a small network. ``none``: ablation (4.5).
    mask_learning_rate, mask_weight_decay, mask_epochs
        Training of the mask model (section 6; the paper is silent).
    mask_steps
        At most so many steps of the mask model; ``None``: all epochs. The few hundred weights of ``calibrated`` have
        settled by then.
    mask_sampling
        ``reference``: zero pattern of a real cell of the nearest training condition (A.11). ``source``: the
        source cell's own pattern, moved to the predicted probabilities. ``bernoulli``: independent (Eq. 23).
    mask_high, mask_low
        Probabilities from which and up to which a gene is set on or off (A.11: .95 and .05), with
        ``mask_sampling="reference"`` alone.
    mask_high_pair, mask_low_pair
        The same for two genes (section 7); ``None`` uses the ones above.
    reference_genes
        Compare conditions on so many genes of highest probability (section 7: 300); ``None``: all (Eq. 25).
    reference_controls
        Whether the control condition may be the reference (section 7, item 4).
    n_latents
        At least so many control cells per cell type are inverted, for the latents that all conditions reuse (A.4;
        section 7: 100) and for the figures of the latent: more where more cells are asked for, and never more than
        there are.
    """

    name: str = "corrected"
    widths: Widths = field(default_factory=Widths)

    timesteps: int = 500
    sampling_steps: int = 50
    spacing: Spacing = "trailing"
    trained_steps: Literal["all", "visited"] = "all"
    inversion: Literal["explicit", "implicit"] = "implicit"
    inversion_iterations: int = 4
    latent: Literal["inverted", "gaussian"] = "inverted"
    clip_drug: bool = False

    log1p_again: bool = False
    values: Literal["raw", "imputed"] = "imputed"
    scaling: Literal["max", "gene"] = "gene"
    skip: Literal["none", "moments"] = "moments"
    control_information: Literal["added", "input", "none"] = "none"
    control_moments: bool = True
    effect: Literal["none", "kernel"] = "kernel"
    trained_centre: Literal["observed", "left_out"] = "observed"
    pair_scale: float = 0.72
    loss_genes: Literal["expressed", "all"] = "expressed"
    loss_normalisation: Normalisation = "cell"

    decoders: Literal["one", "two"] = "one"
    norm: Norm = "layer"
    dropout: float = 0.1
    pair_rule: Literal["sum_decoded", "sum_embedded"] = "sum_embedded"

    unknown_genes: Literal["refuse", "shared"] = "shared"

    perturbation_dropout: float = 1.0

    n_features: int = 32
    node_order: Literal["panel", "released"] = "panel"
    coexpression_threshold: float = 0.4
    coexpression_cells: int = 500
    token_threshold: float = 0.4
    coexpression_neighbours: int | None = 20

    learning_rate: float = 2e-4
    weight_decay: float = 0.0
    batch_size: int = 32
    steps: int = 10_000
    anneal: Literal["linear", "none"] = "linear"
    anneal_steps: int | None = None
    anneal_delay: int = 0
    idle_gradients: Literal["zero", "none"] = "none"
    ema: float | None = None
    early_stopping: int | None = None

    mask: Literal["graph", "calibrated", "none"] = "calibrated"
    mask_learning_rate: float = 1e-2
    mask_weight_decay: float = 1e-2
    mask_epochs: float = 2.0
    mask_steps: int | None = 1_000
    mask_sampling: Literal["reference", "source", "bernoulli"] = "source"
    mask_high: float = 0.95
    mask_low: float = 0.05
    mask_high_pair: float | None = None
    mask_low_pair: float | None = None
    reference_genes: int | None = None
    reference_controls: bool = True
    n_latents: int = 100

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_combinations(self)

    def to_json(self) -> dict[str, Any]:
        """JSON value that :meth:`from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DolorisConfig:
        """Configuration of a JSON value.

        Raises
        ------
        ConfigError
            If a field is unknown.
        """
        content = {name: setting for name, setting in value.items() if name not in _WITHOUT_EFFECT}
        unknown = sorted(set(content) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown configuration fields {', '.join(unknown)}")
        return cls(**{**content, "widths": Widths(**content["widths"])} if "widths" in content else content)


def corrected() -> DolorisConfig:
    """The default: listed defects mended, and what else helped on held-out training conditions."""
    return DolorisConfig()


def paper(kind: Literal["gene", "drug"] = "gene") -> DolorisConfig:
    """What the paper's text says; it trains longer on drugs (4.2)."""
    return replace(
        corrected(),
        name="paper",
        steps=10_000 if kind == "gene" else 100_000,
        spacing="leading",
        inversion="explicit",
        values="raw",
        scaling="max",
        skip="none",
        control_information="input",
        effect="none",
        decoders="two",
        pair_rule="sum_decoded",
        unknown_genes="refuse",
        perturbation_dropout=0.0,
        coexpression_threshold=0.5,
        coexpression_neighbours=None,
        learning_rate=1e-3,
        anneal="none",
        mask="graph",
        mask_steps=None,
        mask_sampling="reference",
    )


def released(kind: Literal["gene", "drug"] = "gene") -> DolorisConfig:
    """What the released code does, its defects included; thresholds differ between its data sets (section 7)."""
    gene = kind == "gene"
    return replace(
        paper(kind),
        name="released",
        trained_steps="visited",
        clip_drug=True,
        log1p_again=gene,
        control_information="added",
        loss_normalisation="batch",
        norm="batch",
        node_order="released",
        coexpression_threshold=0.5 if gene else 0.3,
        token_threshold=0.4 if gene else 0.3,
        learning_rate=1e-4,
        steps=10_000 if gene else 60_000,
        anneal="linear",
        anneal_delay=1,
        idle_gradients="zero",
        mask_high=0.99,
        mask_low=0.01,
        mask_high_pair=0.98,
        mask_low_pair=0.02,
        reference_genes=300,
    )


def no_control_moments(config: DolorisConfig) -> DolorisConfig:
    """Ablation "w/o mu_c, sigma_c" (4.5): the model is not told the moments of the controls.

    What is expected of clean cells comes from all training cells in their place. Masks and latents still start from
    control cells.
    """
    return replace(config, name=f"{config.name}-no-control-moments", control_moments=False)


def no_latent(config: DolorisConfig) -> DolorisConfig:
    """Ablation "w/o latent" (4.5): sampling starts from Gaussian noise."""
    return replace(config, name=f"{config.name}-no-latent", latent="gaussian")


def no_mask(config: DolorisConfig) -> DolorisConfig:
    """Ablation "w/o mask model" (4.5): the diffusion predicts the zeros too."""
    return replace(config, name=f"{config.name}-no-mask", mask="none", loss_genes="all", values="raw")


def small(config: DolorisConfig) -> DolorisConfig:
    """The same at a size for two processor cores: narrow networks, fewer and larger steps."""
    return replace(
        config,
        name=f"{config.name}-small",
        widths=Widths(trunk=128, decoder=192, condition=64, time=128, mask=32),
        learning_rate=2.0 * config.learning_rate,
        steps=1_500,
    )


def _check_ranges(config: DolorisConfig) -> None:
    counts = ("timesteps", "sampling_steps", "steps", "batch_size", "n_features", "n_latents", "coexpression_cells")
    for name in (*counts, "inversion_iterations", "learning_rate", "mask_learning_rate", "mask_epochs"):
        if not getattr(config, name) > 0:
            raise ConfigError(f"{name}: {getattr(config, name)!r} must be above 0")
    if config.anneal_steps is not None and config.anneal_steps < config.steps:
        raise ConfigError(f"anneal_steps: {config.anneal_steps} is fewer than steps = {config.steps}")
    if config.mask_steps is not None and config.mask_steps < 1:
        raise ConfigError(f"mask_steps: {config.mask_steps} must be above 0; None trains all epochs")
    if config.sampling_steps > config.timesteps:
        raise ConfigError(f"sampling_steps: {config.sampling_steps} is more than timesteps = {config.timesteps}")
    largest = float(linear_betas(config.timesteps)[-1])
    if largest > 1:
        raise ConfigError(f"timesteps: {config.timesteps} are too few: the last beta would be {largest:.3g}, above 1")
    if not 0 <= config.perturbation_dropout <= 1:
        raise ConfigError(f"perturbation_dropout: {config.perturbation_dropout!r} is not in [0, 1]")
    if not 0 <= config.dropout < 1:
        raise ConfigError(f"dropout: {config.dropout!r} is not in [0, 1)")
    if config.ema is not None and not 0 < config.ema < 1:
        raise ConfigError(f"ema: {config.ema!r} is not in (0, 1); None turns it off")
    for low, high in ((config.mask_low, config.mask_high), (config.mask_low_pair, config.mask_high_pair)):
        if low is not None and high is not None and not 0 <= low < high <= 1:
            raise ConfigError(f"mask thresholds: low {low!r} and high {high!r} must satisfy 0 <= low < high <= 1")
    widths = config.widths
    for name, width in (("condition", widths.condition), ("mask", widths.mask)):
        if width % widths.heads:
            raise ConfigError(f"widths.{name}: {width} is not divisible by heads = {widths.heads}")
    if widths.time % 2:
        raise ConfigError(f"widths.time: {widths.time} must be even")


def _check_combinations(config: DolorisConfig) -> None:
    if config.values == "imputed" and config.scaling != "gene":
        raise ConfigError("values='imputed' needs scaling='gene': imputed values are centred on each gene's own")
    if config.inversion == "implicit" and config.skip == "none":
        raise ConfigError("inversion='implicit' needs the expected moments of skip='moments'; set inversion='explicit'")
    if config.skip == "moments" and config.control_information == "added":
        raise ConfigError("skip='moments' and control_information='added' would count the controls twice")
    if config.perturbation_dropout == 1 and config.effect == "none":
        raise ConfigError("perturbation_dropout=1 and effect='none' leave no trace of the perturbation")
    if config.perturbation_dropout == 1 and config.skip == "none" and config.mask == "none":
        raise ConfigError("perturbation_dropout=1, skip='none' and mask='none' leave no trace of the perturbation")
    if config.unknown_genes == "shared" and config.effect == "none":
        raise ConfigError("unknown_genes='shared' needs effect='kernel', which knows what perturbations share")
    if config.mask == "calibrated" and config.effect == "none":
        raise ConfigError("mask='calibrated' re-weights a predicted effect; set effect='kernel'")
    if config.mask_sampling == "source" and config.mask == "graph":
        raise ConfigError("mask_sampling='source' needs the source cell's own probabilities: set mask='calibrated'")
    if config.ema is not None and config.early_stopping is not None:
        raise ConfigError("ema and early_stopping exclude each other: the weights kept would not be the averaged ones")
    if config.mask == "none" and config.values == "imputed":
        raise ConfigError("values='imputed' leaves no zeros, so a mask model is needed; set values='raw'")
