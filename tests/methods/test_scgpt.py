"""scGPT: official checkpoints, the network, learning."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from network_scenes import ask, fitted, make_screen, relative_error, shrunk, shuffled
from scgpt_folder import SIZE, random_network, write_checkpoint

from methods.base import Resources, Unsupported
from methods.conditions import TaskKind
from methods.networks.divergence import TrainingDiverged
from methods.networks.scgpt import PerturbationTransformer
from methods.networks.scgpt_training import GeneTokens, paired_controls, sampled_genes
from methods.scgpt import Scgpt
from methods.scgpt_checkpoint import CheckpointError, load_weights, read_checkpoint
from methods.scgpt_settings import ScgptSettings, ScgptSize, ScgptTraining
from methods.training_cells import TrainingCells

VOCABULARY = ("TP53", "G7", "G2", "MYC", "G0", "G5")
PANEL = ("G0", "G1", "G2", "G5", "G7")
SMALL = ScgptSize(width=32, heads=2, feed_forward=32, layers=2)
QUICK = ScgptTraining(
    learning_rate=3e-3, decay=0.9, warm_up=10, epochs=4, batch_size=32, sequence_length=16, precision="float32"
)
Small = shrunk(Scgpt, scratch_size=SMALL, scratch_training=QUICK)
SINGLES = ("ctrl", "G0", "G1", "G2", "G3", "G4")


def loaded(folder, panel=PANEL) -> tuple[PerturbationTransformer, torch.Tensor]:
    """A new network with the checkpoint's weights, and the tokens of a panel."""
    checkpoint = read_checkpoint(folder)
    genes = GeneTokens(panel, checkpoint)
    torch.manual_seed(99)
    network = PerturbationTransformer(
        len(genes.kept), checkpoint.size, padding_row=genes.padding_row, dropout=0.0, trained_unperturbed_flag=True
    )
    load_weights(network, checkpoint, genes.kept)
    return network.eval(), torch.from_numpy(genes.row_of)


def inputs(n_genes, n_cells=3):
    draw = torch.Generator().manual_seed(5)
    flags = (torch.rand(n_cells, n_genes, generator=draw) < 0.3).long()
    return 4 * torch.rand(n_cells, n_genes, generator=draw), flags


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("joint", ["Wqkv.", "_impl.Wqkv.", "in_proj_"])
def test_a_checkpoint_predicts_after_loading_what_it_predicted_before(tmp_path, joint, prefix):
    written = write_checkpoint(tmp_path, VOCABULARY, joint=joint, prefix=prefix)
    network, tokens = loaded(tmp_path)
    network.decoder.load_state_dict(written.decoder.state_dict())  # new parts, which no checkpoint holds
    network.pert_encoder.load_state_dict(written.pert_encoder.state_dict())
    padding = len(VOCABULARY)
    rows = torch.tensor([VOCABULARY.index(gene) if gene in VOCABULARY else padding for gene in PANEL])
    values, flags = inputs(len(PANEL))
    with torch.no_grad():
        assert torch.allclose(network(tokens, values, flags), written(rows, values, flags), atol=1e-5)


def test_every_loaded_weight_is_the_one_written_and_not_a_random_one(tmp_path):
    written = write_checkpoint(tmp_path, VOCABULARY).state_dict()
    network, _ = loaded(tmp_path)
    names = [name for name in network.state_dict() if not name.startswith(("decoder.", "pert_encoder."))]
    assert sum("self_attn.Wqkv" in name for name in names) == 2 * SIZE.layers
    for name in names:
        value, found = written[name], network.state_dict()[name]
        if name == "encoder.embedding.weight":
            value = value[[len(VOCABULARY), *(VOCABULARY.index(gene) for gene in PANEL if gene in VOCABULARY)]]
        assert torch.equal(found, value), name


def test_genes_that_the_vocabulary_lacks_share_the_padding_row_and_it_is_not_trained(tmp_path):
    write_checkpoint(tmp_path, VOCABULARY)
    network, tokens = loaded(tmp_path, (*PANEL, "G99"))
    assert tokens.tolist().count(0) == 2  # G1 and G99
    values, flags = inputs(6)
    network(tokens, values, flags).sum().backward()
    gradient = network.encoder.embedding.weight.grad
    assert not gradient[0].any()
    assert gradient[1:].any(dim=1).all()


def test_special_tokens_that_the_vocabulary_lacks_were_appended(tmp_path):
    written = write_checkpoint(tmp_path, VOCABULARY, special=())
    network, _ = loaded(tmp_path)
    padding = written.encoder.embedding.weight[len(VOCABULARY)]
    assert torch.equal(network.encoder.embedding.weight[0], padding)


WRONG = {
    "a missing attention weight": (
        {"transformer_encoder.layers.1.self_attn.Wqkv.weight": torch.empty(0)},
        r"lacks transformer_encoder\.layers\.1\.self_attn\.Wqkv\.weight",
    ),
    "an unknown weight": ({"value_encoder.linear3.weight": torch.zeros(1)}, r"unknown value_encoder\.linear3\.weight"),
    "another shape": ({"encoder.enc_norm.bias": torch.zeros(7)}, r"encoder\.enc_norm\.bias: shape \(7,\)"),
    "no embedding": ({"encoder.embedding.weight": torch.empty(0)}, r"lacks 'encoder\.embedding\.weight'"),
    "another vocabulary": ({"encoder.embedding.weight": torch.zeros(50, 16)}, "9 tokens in vocab.json, 50 rows"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(tmp_path, what):
    extra, message = WRONG[what]
    write_checkpoint(tmp_path, VOCABULARY, extra=extra)
    with pytest.raises(CheckpointError, match=message):
        loaded(tmp_path)


def test_missing_and_broken_files_are_named(tmp_path):
    write_checkpoint(tmp_path, VOCABULARY)
    for file, content, message in (
        ("args.json", "{}", r"args\.json, embsize: None is not a whole number"),
        ("vocab.json", '{"A": 0, "B": 2}', r"vocab\.json: must number its 2 tokens"),
        ("vocab.json", "[1]", r"vocab\.json: holds a list"),
        ("args.json", "nonsense", r"args\.json: is not JSON"),
    ):
        folder = tmp_path / message
        write_checkpoint(folder, VOCABULARY)
        (folder / file).write_text(content)
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(folder)
    for file in ("args.json", "vocab.json", "best_model.pt"):
        folder = tmp_path / f"without {file}"
        write_checkpoint(folder, VOCABULARY)
        (folder / file).unlink()
        with pytest.raises(CheckpointError, match=rf"{file}: (cannot be read|no such file)"):
            read_checkpoint(folder)


class Payload:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    write_checkpoint(tmp_path, VOCABULARY)
    torch.save({"encoder.embedding.weight": Payload()}, tmp_path / "best_model.pt")
    with pytest.raises(CheckpointError, match="needs code to be run"):
        read_checkpoint(tmp_path)
    (tmp_path / "best_model.pt").write_bytes(pickle.dumps(Payload(), protocol=2))
    with pytest.raises(CheckpointError, match="needs code to be run"):
        read_checkpoint(tmp_path)
    assert "executed" not in capsys.readouterr().out


def test_a_panel_of_other_symbols_is_refused(tmp_path):
    write_checkpoint(tmp_path, VOCABULARY)
    with pytest.raises(CheckpointError, match="none of the 2 genes of the panel, such as 'ENSG1'"):
        GeneTokens(("ENSG1", "ENSG2"), read_checkpoint(tmp_path))


def test_genes_may_come_in_any_order():
    network = random_network(9)
    values, flags = inputs(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ordered = network(torch.arange(9), values, flags)[:, order]
        assert torch.allclose(network(order, values[:, order], flags[:, order]), ordered, atol=1e-5)


def test_memory_of_a_training_step_grows_with_the_genes_and_not_with_their_square():
    def bytes_kept(n_genes):
        kept = []
        network = random_network(n_genes)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append(t.numel() * t.element_size()) or t, lambda t: t
        ):
            network(torch.arange(n_genes), *inputs(n_genes))
        return sum(kept)

    # the attention weights of 3 cells, 2 heads and 2,000² genes would be 96 MB a layer
    assert bytes_kept(2000) < 4.2 * bytes_kept(500)


def test_sampled_genes_hold_those_perturbed_in_any_cell_unless_told_otherwise():
    flags = torch.zeros(3, 50, dtype=torch.int64)
    flags[0, 4] = flags[2, 30] = 1
    for seed in range(5):
        torch.manual_seed(seed)
        chosen = sampled_genes(flags, 6, keep_perturbed=True).tolist()
        assert len(set(chosen)) == 6
        assert {4, 30} <= set(chosen)
    torch.manual_seed(0)
    assert not {4, 30} <= set(sampled_genes(flags, 6, keep_perturbed=False).tolist())
    assert sorted(sampled_genes(flags, 99, keep_perturbed=True).tolist()) == list(range(50))


def test_partners_are_controls_of_the_same_cell_type_and_controls_are_their_own():
    cells = TrainingCells.of(make_screen(("ctrl|s", "ctrl|t", "G0|s", "G0|t")))
    label = np.array([condition.key for condition in cells.conditions])[cells.condition_of]
    for within in (True, False):
        partners = paired_controls(cells, 0, within_cell_type=within)
        controls = np.char.startswith(label, "ctrl")
        assert (partners[controls] == np.flatnonzero(controls)).all()
        of_s = set(label[partners[label == "G0|s"]])
        assert of_s == ({"ctrl|s"} if within else {"ctrl|s", "ctrl|t"})


def predicted(train, cls=Small, *, seed=0, predict_seed=3) -> pd.DataFrame:
    cells = fitted(cls, train, seed=seed).predict(ask(train, "G1+G2"), n_cells=9, seed=predict_seed)
    return pd.DataFrame(cells, columns=train.genes)


def test_the_seeds_decide_the_result_and_nothing_else_does():
    train = make_screen((*SINGLES, "G0+G1"), validation=("G0+G1",))
    torch.manual_seed(1)
    one = predicted(train)
    torch.manual_seed(2)
    pd.testing.assert_frame_equal(one, predicted(train))
    assert not np.allclose(one, predicted(train, seed=1))
    assert not np.allclose(one, predicted(train, predict_seed=4))
    assert (one.to_numpy() >= 0).all()
    assert (one.std() > 0).any()


def test_the_order_of_cells_and_genes_changes_no_prediction():
    train = make_screen(SINGLES)
    one, other = predicted(train), predicted(shuffled(train))
    pd.testing.assert_frame_equal(one, other[one.columns], rtol=1e-4, atol=1e-5)


def test_a_handful_of_conditions_is_learnt_to_near_zero_error():
    train = make_screen(SINGLES[:4])
    cls = shrunk(Scgpt, scratch_size=SMALL, scratch_training=replace(QUICK, epochs=60, decay=0.95, sequence_length=24))
    assert relative_error(fitted(cls, train), train, SINGLES[1:4]) < 0.05


def test_a_checkpoint_is_fine_tuned(tmp_path):
    train = make_screen(SINGLES)
    write_checkpoint(tmp_path, [*train.genes[:20], "MYC"])
    train = replace(train, resources=Resources(checkpoints={"scgpt": tmp_path}))
    schedule = replace(QUICK, learning_rate=1e-3, epochs=3, precision="bfloat16")
    method = fitted(shrunk(Scgpt, fine_tuning=schedule), train)
    assert method._fitted.network.encoder.embedding.weight.shape == (21, SIZE.width)
    assert relative_error(method, train, SINGLES[1:]) < relative_error(
        fitted(shrunk(Scgpt, fine_tuning=replace(schedule, learning_rate=0.0)), train), train, SINGLES[1:]
    )


def test_the_best_epoch_on_validation_conditions_is_kept():
    train = make_screen(SINGLES, kind=TaskKind.UNSEEN_GENE, validation=("G4",))
    diverging = replace(QUICK, epochs=4, decay=5.0, gradient_norm=10.0)
    method = fitted(shrunk(Scgpt, scratch_size=SMALL, scratch_training=diverging), train)
    train.adata.obs["validation"] = False
    last = fitted(shrunk(Scgpt, scratch_size=SMALL, scratch_training=diverging), train)
    assert relative_error(method, train, ["G4"]) < relative_error(last, train, ["G4"])


def test_a_training_that_diverges_is_an_error():
    train = make_screen(SINGLES, kind=TaskKind.UNSEEN_GENE, validation=("G4",))
    wild = replace(QUICK, learning_rate=1e30)
    with pytest.raises(TrainingDiverged, match="in epoch 1; lower learning_rate"):
        fitted(shrunk(Scgpt, scratch_size=SMALL, scratch_training=wild), train)


def test_the_released_preset_is_fitted_and_predicts():
    released = replace(Scgpt.presets["released"], scratch_size=SMALL, scratch_training=QUICK)
    method = type("Released", (Scgpt,), {"presets": {"default": released}})
    assert np.isfinite(predicted(make_screen(SINGLES), method)).all(axis=None)


def test_the_record_names_what_was_left_out(tmp_path):
    train = make_screen((*SINGLES, "G99"))
    write_checkpoint(tmp_path, train.genes[:20])
    train = replace(train, resources=Resources(checkpoints={"scgpt": tmp_path}))
    method = fitted(shrunk(Scgpt, fine_tuning=QUICK), train)
    assert method.record() == {
        "conditions_left_out": ["G99"],
        "genes_without_token": sorted(train.genes[20:]),
    }


def test_where_pairs_are_asked_for_single_validation_genes_are_fitted_on():
    train = make_screen((*SINGLES, "G0+G1"), validation=("G4",))
    without = make_screen((*SINGLES, "G0+G1"))
    pd.testing.assert_frame_equal(predicted(train), predicted(without))


def test_the_name_says_when_there_is_no_checkpoint():
    method = Scgpt()
    assert method.label((), ()) == "scgpt-scratch"
    assert method.label((), ("checkpoint:scgpt",)) == "scgpt"
    assert method.label((), ("checkpoint:other",)) == "scgpt-scratch"


def test_settings_are_json_and_can_be_changed():
    settings = Scgpt().configuration()
    assert json.loads(json.dumps(settings)) == settings
    assert Scgpt(preset="released").configuration() != settings
    assert Scgpt(epochs=3).settings.scratch_training.epochs == Scgpt(epochs=3).settings.fine_tuning.epochs == 3
    assert ScgptSettings().fine_tuning == ScgptTraining()
    with pytest.raises(ValueError, match="preset='best'"):
        Scgpt(preset="best")
    with pytest.raises(ValueError, match="epochs=-1"):
        Scgpt(epochs=-1)


def test_what_it_has_no_mechanism_for_is_refused_with_the_reason():
    train = make_screen(("ctrl", "G0", "G1", "X9"), kind=TaskKind.UNSEEN_GENE)
    method = fitted(Small, train)
    with pytest.raises(Unsupported, match="X9 not among the measured genes"):
        method.predict(ask(train, "G0+X9"), n_cells=2, seed=0)
    with pytest.raises(Unsupported, match="no training cell"):
        method.predict(ask(train, "G0|nowhere"), n_cells=2, seed=0)
    drugs = make_screen(("ctrl|s", "X@10|s"), modality="treatment", kind=TaskKind.UNSEEN_COVARIATE)
    with pytest.raises(Unsupported, match="a treatment is not a gene"):
        fitted(Small, drugs)
