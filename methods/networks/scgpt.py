"""The network of scGPT's perturbation mode: a transformer over the genes of one control cell."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from methods.scgpt_settings import ScgptSize

LARGEST_VALUE = 512.0
"""Values are cut here before they are encoded (Cui et al. 2024, released code)."""


class PerturbationTransformer(nn.Module):
    """Predicts a perturbed cell from a control cell and flags on the perturbed genes (Cui et al. 2024).

    Every gene is a token: its embedding, its expression in the control cell and its flag are summed. After
    the encoder layers each token gives a gain and an offset, and the prediction of its gene is
    gain × control value + offset. There are no positions, so genes may come in any order and number.

    Submodules bear the names that official checkpoints give them.

    Parameters
    ----------
    n_tokens
        Rows of the gene embedding.
    size
        Widths and depth.
    padding_row
        Row shared by all genes without a token of their own; it is not trained. ``None`` where there is none.
    dropout
        Probability, in the value encoder and the encoder layers.
    trained_unperturbed_flag
        Whether unperturbed genes get a trained flag vector; else theirs is zero.
    """

    def __init__(
        self,
        n_tokens: int,
        size: ScgptSize,
        *,
        padding_row: int | None,
        dropout: float,
        trained_unperturbed_flag: bool,
    ) -> None:
        super().__init__()
        self.encoder = _GeneEncoder(n_tokens, size.width, padding_row)
        self.value_encoder = _ValueEncoder(size.width, dropout)
        self.pert_encoder = nn.Embedding(2, size.width, padding_idx=None if trained_unperturbed_flag else 0)
        self.transformer_encoder = _Encoder(size, dropout)
        self.decoder = _AffineDecoder(size.width)

    def encode(self, tokens: Tensor, values: Tensor, perturbed: Tensor) -> Tensor:
        """Contextual vectors of the genes: (B, L, width).

        Parameters
        ----------
        tokens
            Embedding row of each gene, (L,) int64.
        values
            Control cells, (B, L), log-normalised.
        perturbed
            1 for perturbed genes, else 0: (B, L) int64.
        """
        summed = self.encoder(tokens) + self.value_encoder(values) + self.pert_encoder(perturbed)
        return cast(Tensor, self.transformer_encoder(summed))

    def forward(self, tokens: Tensor, values: Tensor, perturbed: Tensor) -> Tensor:
        """Predicted cells, (B, L), on the scale of ``values``; they may be negative. See :meth:`encode`."""
        gain, offset = self.decoder(self.encode(tokens, values, perturbed))
        return cast(Tensor, gain * values + offset)


class _GeneEncoder(nn.Module):
    def __init__(self, n_tokens: int, width: int, padding_row: int | None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, width, padding_idx=padding_row)
        self.enc_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(L,) to (L, width)."""
        return cast(Tensor, self.enc_norm(self.embedding(tokens)))


class _ValueEncoder(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(1, width)
        self.linear2 = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """(B, L) to (B, L, width)."""
        hidden = functional.relu(self.linear1(values.clamp(max=LARGEST_VALUE)[..., None]))
        return cast(Tensor, self.dropout(self.norm(self.linear2(hidden))))


class _Encoder(nn.Module):
    def __init__(self, size: ScgptSize, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_EncoderLayer(size, dropout) for _ in range(size.layers))

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, width) to (B, L, width)."""
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class _EncoderLayer(nn.Module):
    """Attention, then a feed-forward block; each is added and normalised afterwards (post-norm)."""

    def __init__(self, size: ScgptSize, dropout: float) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(size.width, size.heads, dropout)
        self.linear1 = nn.Linear(size.width, size.feed_forward)
        self.linear2 = nn.Linear(size.feed_forward, size.width)
        self.norm1 = nn.LayerNorm(size.width)
        self.norm2 = nn.LayerNorm(size.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, width) to (B, L, width)."""
        hidden = self.norm1(hidden + self.dropout(self.self_attn(hidden)))
        widened = self.dropout(functional.relu(self.linear1(hidden)))
        return cast(Tensor, self.norm2(hidden + self.dropout(self.linear2(widened))))


class _SelfAttention(nn.Module):
    """Every gene attends to every gene.

    The fused kernel keeps no (L, L) matrix: memory is of order B × L × width, on the CPU too.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.Wqkv = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, width) to (B, L, width)."""
        n_cells, n_genes, width = hidden.shape
        joint = self.Wqkv(hidden).reshape(n_cells, n_genes, 3, self.heads, width // self.heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return cast(Tensor, self.out_proj(mixed.transpose(1, 2).reshape(n_cells, n_genes, width)))


class _AffineDecoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.coeff_decoder = _Readout(width)
        self.bias_decoder = _Readout(width)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, width) to gain and offset, (B, L) each."""
        return self.coeff_decoder(hidden), self.bias_decoder(hidden)


class _Readout(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, 1)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, width) to (B, L)."""
        return cast(Tensor, self.fc(hidden)[..., 0])
