"""Attention over a dense graph, against attention written out edge by edge."""

import pytest
import torch

from methods.networks.graph_attention import Block, GraphAttention, Knockouts

N, WIDTH, HEADS, OUT = 9, 5, 3, 4


@pytest.fixture
def attention():
    torch.manual_seed(0)
    layer = GraphAttention(WIDTH, HEADS, OUT, dropout=0.4).eval()
    torch.nn.init.normal_(layer.bias)
    return layer


@pytest.fixture
def nodes():
    return torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(1))


def edges(share=0.4):
    return torch.rand(N, N, generator=torch.Generator().manual_seed(2)) < share


def whole(adjacency):
    return [Block(slice(0, N), slice(0, N), adjacency)]


def halves(adjacency, at=6):
    """The edges between the two parts alone, as two blocks."""
    return [
        Block(slice(0, at), slice(at, N), adjacency[:at, at:]),
        Block(slice(at, N), slice(0, at), adjacency[at:, :at]),
    ]


def by_edges(layer, nodes, adjacency):
    """(N, heads × out), one target and one head after the other."""
    projected = (nodes @ layer.project.weight.T).reshape(N, HEADS, OUT)
    out = torch.zeros(N, HEADS, OUT)
    for target in range(N):
        sources = adjacency[target].nonzero()[:, 0]
        for head in range(HEADS):
            if len(sources):
                logits = projected[sources, head] @ layer.source[head] + projected[target, head] @ layer.target[head]
                shares = torch.nn.functional.leaky_relu(logits, 0.2).softmax(0)
                out[target, head] = shares @ projected[sources, head]
    return out.reshape(N, -1) + layer.bias


def run(layer, nodes, blocks):
    return layer(nodes, blocks, layer.draw_masks(N, blocks))


def run_knocked_out(layer, nodes, blocks, knockouts):
    return layer.knocked_out(nodes, blocks, layer.draw_masks(N, blocks), knockouts)


def multiplied(nodes, knocked, factor):
    changed = nodes.clone()
    changed[list(knocked)] *= factor
    return changed


def test_attention_is_what_it_is_edge_by_edge(attention, nodes):
    adjacency = edges()
    adjacency[3] = False  # no neighbours at all
    expected = by_edges(attention, nodes, adjacency)
    assert torch.allclose(run(attention, nodes[None], whole(adjacency))[0], expected, atol=1e-6)
    assert torch.equal(expected[3], attention.bias)


def test_blocks_hold_the_edges_between_two_parts(attention, nodes):
    adjacency = edges(0.7)
    between = adjacency.clone()
    between[:6, :6] = between[6:, 6:] = False
    expected = by_edges(attention, nodes, between)
    assert torch.allclose(run(attention, nodes[None], halves(adjacency))[0], expected, atol=1e-6)


@pytest.mark.parametrize("factor", [0.0, -1.0])
@pytest.mark.parametrize("layout", [whole, halves])
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_knock_outs_computed_together_are_what_each_is_alone(attention, nodes, factor, layout, share):
    blocks = layout(edges(share))
    knocked = [(), (0,), (7,), (2, 5), (1, 8)]
    padded = torch.tensor([[*pair, -1, -1][:2] for pair in knocked])
    together = run_knocked_out(attention, nodes, blocks, Knockouts(padded, factor))
    alone = run(attention, torch.stack([multiplied(nodes, which, factor) for which in knocked]), blocks)
    assert torch.allclose(together, alone, atol=1e-5)


def test_gradients_of_knock_outs_are_finite_and_those_of_each_alone(attention, nodes):
    adjacency = edges()
    adjacency[3] = False
    padded = torch.tensor([[4, -1], [3, 4]])
    nodes.requires_grad_()
    (one,) = torch.autograd.grad(
        run_knocked_out(attention, nodes, whole(adjacency), Knockouts(padded, 0.0)).square().sum(), nodes
    )
    each = torch.stack(
        [nodes * (torch.arange(N) != 4)[:, None], nodes * ~torch.isin(torch.arange(N), padded[1])[:, None]]
    )
    (other,) = torch.autograd.grad(run(attention, each, whole(adjacency)).square().sum(), nodes)
    assert torch.allclose(one, other, atol=1e-4)


def test_in_training_knock_outs_computed_together_are_what_each_is_alone_under_the_same_masks(attention, nodes):
    blocks = whole(edges())
    masks = attention.train().draw_masks(N, blocks)
    assert (masks.edges[0] > 1).any()
    together = attention.knocked_out(nodes, blocks, masks, Knockouts(torch.tensor([[3], [-1]]), 0.0))
    alone = attention(torch.stack([multiplied(nodes, (3,), 0.0), nodes]), blocks, masks)
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_source_with_nearly_all_the_weight_is_removed_without_loss_of_digits(attention, nodes):
    with torch.no_grad():
        attention.source.mul_(12)
    blocks = whole(torch.ones(N, N, dtype=torch.bool))
    knocked = torch.arange(N)[:, None]
    together = run_knocked_out(attention, nodes, blocks, Knockouts(knocked, 0.0))
    alone = run(attention, torch.stack([multiplied(nodes, (node,), 0.0) for node in range(N)]), blocks)
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("factor", [0.0, -1.0])
@pytest.mark.parametrize("layout", [whole, halves])
def test_a_source_beside_which_all_others_vanish_is_removed_all_the_same(attention, nodes, factor, layout):
    with torch.no_grad():
        attention.source.mul_(20_000)
    blocks = layout(torch.ones(N, N, dtype=torch.bool))
    knocked = torch.tensor([[node, (node + 4) % N] for node in range(N)])
    together = run_knocked_out(attention, nodes, blocks, Knockouts(knocked, factor))
    pairs = [multiplied(nodes, pair.tolist(), factor) for pair in knocked]
    assert torch.isfinite(together).all()
    assert torch.allclose(together, run(attention, torch.stack(pairs), blocks), atol=1e-4)


@pytest.mark.parametrize("sharpness", [12, 300, 20_000])
def test_gradients_stay_finite_however_sharp_the_attention(attention, nodes, sharpness):
    with torch.no_grad():
        attention.source.mul_(sharpness)
    blocks, knocked = whole(edges(0.6)), torch.arange(N)[:, None]
    nodes.requires_grad_()
    together = run_knocked_out(attention, nodes, blocks, Knockouts(knocked, 0.0))
    alone = run(attention, torch.stack([multiplied(nodes, (node,), 0.0) for node in range(N)]), blocks)
    (one,), (other,) = (torch.autograd.grad(out.square().sum(), nodes) for out in (together, alone))
    assert torch.isfinite(one).all()
    assert torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))
