"""Bottlenecks whose codes are learned: ``vq``, ``residual-vq`` and ``simvq``.

The codebooks are those of the package vector-quantize-pytorch. Its modules move them within ``forward``; here they move
in `aezoo.bottlenecks.base.Bottleneck.step`, once an optimiser step and over all processes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from vector_quantize_pytorch import SimVQ
from vector_quantize_pytorch.vector_quantize_pytorch import Codebook, ema_inplace, sample_vectors

from aezoo.latent import Latent
from aezoo.modes import in_float32
from aezoo.noise import placed
from aezoo_vq.quantizer import Quantizer, nearest, straight_through

CANDIDATES = 8192
"""The most rows that k-means and restarts draw from: the latest."""


class MovingCodebook(nn.Module):
    """A codebook of moving averages: each code is the mean of the rows that it was nearest to (van den Oord et al.
    2017, arXiv 1711.00937, appendix A.1).

    Args:
        size: how many codes.
        dim: of each.
        decay: of the averages, an optimiser step.
        init: ``"kmeans"`` of the first batch's rows, or ``"random"`` points near zero.
        restart: a code that is nearest to fewer rows than this share of an even one becomes a row of the batch
            (Dhariwal et al. 2020, arXiv 2005.00341); 0: none does.
        cosine: rows and codes are taken to the unit sphere (Yu et al. 2022, arXiv 2110.04627).
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, size: int, dim: int, decay: float, init: str, restart: float, cosine: bool = False) -> None:
        super().__init__()
        self.restart, self.cosine = restart, cosine
        self.book = Codebook(dim=dim, codebook_size=size, decay=decay, use_cosine_sim=cosine)
        self.book.get_buffer("initted").fill_(init != "kmeans")
        # What a step's passes saw: not stored, as nothing is left of it after the step.
        self.register_buffer("counts", torch.zeros(size), persistent=False)
        self.register_buffer("sums", torch.zeros(size, dim), persistent=False)
        self.candidates: Tensor | None = None

    def forward(self, codes: Int[Tensor, "*n"]) -> Float[Tensor, "*n d"]:
        """The points of codes."""
        return F.embedding(codes, self.book.embed[0].float())

    def codes(self, rows: Float[Tensor, "*n d"]) -> Int[Tensor, "*n"]:
        """The code of each row."""
        return nearest(rows, self.book.embed[0].float())

    def see(self, rows: Float[Tensor, "*n d"], codes: Int[Tensor, "*n"]) -> None:
        """Add up what the next `step` moves by."""
        rows, codes = rows.detach().flatten(0, -2), codes.flatten()
        self.counts = self.counts.index_add(0, codes, torch.ones_like(rows[:, 0], dtype=self.counts.dtype))
        self.sums = self.sums.index_add(0, codes, rows.to(self.sums.dtype))
        some = sample_vectors(rows, min(len(rows), CANDIDATES))
        # Bounded: a loop of one's own may never take the step.
        self.candidates = some if self.candidates is None else torch.cat([self.candidates, some])[-CANDIDATES:]

    def forget(self) -> None:
        """Leave what was seen out of the next `step`."""
        self.counts, self.sums, self.candidates = torch.zeros_like(self.counts), torch.zeros_like(self.sums), None

    @property
    def has_begun(self) -> bool:
        """Whether its codes lie where k-means, if it begins so, has put them."""
        return bool(self.book.get_buffer("initted"))

    @torch.no_grad()
    def step(self, total: Callable[[Tensor], Tensor]) -> None:
        """Move the codes; see `aezoo.bottlenecks.base.Bottleneck.step`."""
        if self.candidates is None:
            return
        counts, sums, candidates = (total(each)[None] for each in (self.counts, self.sums, placed(self.candidates)))
        self.forget()
        book = self.book
        if not self.has_begun:
            book.init_embed_(candidates)
            return
        ema_inplace(book.cluster_size, counts, book.decay)
        ema_inplace(book.embed_avg, sums, book.decay)
        book.update_ema()
        used = book.get_buffer("cluster_size")
        even = used.mean()
        rare = used < self.restart * even
        if rare.any():
            book.reset_cluster_size = even
            book.replace(candidates, rare)


def _cures(name: str, taken: dict[str, bool]) -> str:
    """What helps a codebook of which few codes are used, less the options that are taken already."""
    return " or ".join([*(f"{name}({option})" for option, is_taken in taken.items() if not is_taken), "fewer codes"])


class VectorQuantizer(Quantizer):
    """Each position is the nearest of ``codebook_size`` points that move with the features (VQ-VAE, van den Oord et al.
    2017, arXiv 1711.00937).

    ``codes`` of a latent are ``(b, ...)`` below ``codebook_size``; its term ``commitment`` is the squared error of each
    number, ``(b, d, ...)``, and moves the encoder alone.

    Args:
        feature_shape: of one image's features.
        codebook_size, dim, decay, init, restart, cosine: as of `MovingCodebook`.
    """

    def __init__(
        self,
        feature_shape: tuple[int, ...],
        *,
        codebook_size: int = 512,
        dim: int = 8,
        decay: float = 0.99,
        init: str = "kmeans",
        restart: float = 0.1,
        cosine: bool = False,
    ) -> None:
        cures = _cures("vq", {"init='kmeans'": init == "kmeans", "restart=0.1": restart > 0, "cosine=True": cosine})
        super().__init__(feature_shape, dim, (codebook_size,), cures)
        self.codebook = MovingCodebook(codebook_size, dim, decay, init, restart, cosine)

    def forward(self, features: Float[Tensor, "b c ..."]) -> Latent:
        x = self.rows(features)
        x = F.normalize(x, dim=-1) if self.codebook.cosine else x
        codes = self.codebook.codes(x)
        if self.collects:
            self.codebook.see(x, codes)
        q = self.codebook(codes)
        terms = {"commitment": (x - q).square().movedim(-1, 1)}
        return Latent(straight_through(x, q).movedim(-1, 1), codes=codes, terms=terms)

    def embed(self, codes: Int[Tensor, "b ..."]) -> Float[Tensor, "b d ..."]:
        return self.codebook(codes).movedim(-1, 1)

    def step(self, total: Callable[[Tensor], Tensor]) -> None:
        self.codebook.step(total)


class ResidualVectorQuantizer(Quantizer):
    """What a codebook leaves of a position is quantised by the next one, and the points of all are added (RQ-VAE, Lee
    et al. 2022, arXiv 2203.01941; HR-VQVAE, Adiban et al. 2022, arXiv 2208.04554).

    ``codes`` of a latent are ``(b, num_quantizers, ...)`` below ``codebook_size``. Its term ``commitment`` is the
    squared error of each number after each codebook, ``(b, num_quantizers, d, ...)``, and moves the encoder alone.

    Args:
        feature_shape: of one image's features.
        num_quantizers: codebooks.
        codebook_size, dim, decay, init, restart: of each, as of `MovingCodebook`.
    """

    def __init__(
        self,
        feature_shape: tuple[int, ...],
        *,
        codebook_size: int = 256,
        num_quantizers: int = 4,
        dim: int = 8,
        decay: float = 0.99,
        init: str = "kmeans",
        restart: float = 0.1,
    ) -> None:
        cures = _cures("residual-vq", {"init='kmeans'": init == "kmeans", "restart=0.1": restart > 0})
        super().__init__(feature_shape, dim, (codebook_size,) * num_quantizers, cures)
        books = (MovingCodebook(codebook_size, dim, decay, init, restart) for _ in range(num_quantizers))
        self.codebooks = nn.ModuleList(books)

    def forward(self, features: Float[Tensor, "b c ..."]) -> Latent:
        x = self.rows(features)
        rest, found, errors = x, [], []
        for book in self.books:
            codes = book.codes(rest)
            if self.collects:
                book.see(rest, codes)
            rest = rest - book(codes)
            found.append(codes)
            errors.append(rest.square().movedim(-1, 1))
        codes = torch.stack(found, 1)
        z = straight_through(x.movedim(-1, 1), self.embed(codes))
        return Latent(z, codes=codes, terms={"commitment": torch.stack(errors, 1)})

    def embed(self, codes: Int[Tensor, "b depth ..."]) -> Float[Tensor, "b d ..."]:
        points = [book(own) for book, own in zip(self.books, codes.unbind(1), strict=True)]
        return torch.stack(points).sum(0).movedim(-1, 1)

    def step(self, total: Callable[[Tensor], Tensor]) -> None:
        """As of any bottleneck; k-means begins one codebook a step, on what those before it leave."""
        for at, book in enumerate(self.books):
            begins = not book.has_begun
            book.step(total)
            if begins:
                for later in self.books[at + 1 :]:
                    later.forget()
                return

    @property
    def books(self) -> list[MovingCodebook]:
        """The codebooks, coarsest first."""
        return [book for book in self.codebooks if isinstance(book, MovingCodebook)]


class SimVectorQuantizer(Quantizer):
    """Each position is the nearest of ``codebook_size`` points that lie fixed and at random behind a linear layer,
    which learns: so all codes move together, and none dies (SimVQ, Zhu et al. 2024, arXiv 2411.02038).

    ``codes`` of a latent are ``(b, ...)`` below ``codebook_size``. Its terms are the squared error of each number,
    ``(b, d, ...)``: ``commitment`` moves the encoder, ``codebook`` the layer.

    Args:
        feature_shape: of one image's features.
        codebook_size: how many.
        dim: of each.
    """

    def __init__(self, feature_shape: tuple[int, ...], *, codebook_size: int = 512, dim: int = 8) -> None:
        super().__init__(feature_shape, dim, (codebook_size,), "a larger weight of codebook")
        self.points = SimVQ(dim, codebook_size)

    def forward(self, features: Float[Tensor, "b c ..."]) -> Latent:
        x, book = self.rows(features), self.book()
        codes = nearest(x, book)
        q = F.embedding(codes, book)
        terms = {"commitment": (x - q.detach()).square(), "codebook": (x.detach() - q).square()}
        terms = {name: term.movedim(-1, 1) for name, term in terms.items()}
        return Latent(straight_through(x, q).movedim(-1, 1), codes=codes, terms=terms)

    def embed(self, codes: Int[Tensor, "b ..."]) -> Float[Tensor, "b d ..."]:
        return F.embedding(codes, self.book()).movedim(-1, 1)

    def book(self) -> Float[Tensor, "n d"]:
        """The points, in float32 whatever autocast says."""
        with in_float32(self.points.frozen_codebook):
            return self.points.codebook.float()
