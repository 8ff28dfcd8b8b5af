"""What data span: for p = 2 an orthonormal basis, for p = 1 those features that are no multiples of others."""

import numpy as np
from scipy.sparse import csc_array

from bladenet.losses import Array

FLAT = 1e-13  # extent, relative to the largest, below which the data have no further dimension
ASIDE = 1e-9  # a cosine that is further below 1 belongs to features that are no multiples of each other
PROBES = 4  # unit vectors on which features are projected before they are compared


def span(points: Array, bias: bool, most: int | None, flat: float) -> tuple[Array | None, float]:
    """Orthonormal basis (d, r) of the span of the points, if it is not everything; and what lies outside.

    At most so many of its directions; with a `bias`, a constant part is none. An extent up to `flat` may be that of
    digits that were left out.
    """
    d = points.shape[1]
    mean = points.mean(axis=0) if bias else np.zeros(d)  # with a bias, a constant part is an offset
    _, extents, directions = np.linalg.svd(points - mean, full_matrices=False)
    rank = max(1, int(np.count_nonzero(extents > max(FLAT * extents[0], flat))))
    rank = min(rank, most or rank)
    if rank >= d:
        return None, 0.0
    basis = np.ascontiguousarray(directions[:rank].T)
    outside = points - points @ basis @ basis.T
    if bias:
        outside = outside - 0.5 * (outside.max(axis=0) + outside.min(axis=0))
    return basis, float(np.linalg.norm(outside, axis=1).max())


def selection(points: Array, flat: float) -> tuple[csc_array | None, float]:
    """The features that are no multiples of others, as a basis (d, r); and what the others differ from multiples by.

    Only features in nearly the same direction are compared. Those have nearly the same projections, up to their sign,
    on whatever unit vector: sorted by one of these, they are neighbours. A difference up to `flat` may be that of
    digits that were left out.
    """
    n, d = points.shape
    sizes, lengths = np.abs(points).max(axis=0), np.linalg.norm(points, axis=0)
    probes = np.random.default_rng(0).normal(size=(n, PROBES))
    places = np.abs(points.T @ (probes / np.linalg.norm(probes, axis=0)))
    places /= np.where(lengths > 0.0, lengths, 1.0)[:, None]
    order = np.argsort(places[:, 0], kind="stable")
    places, in_order = places[order], np.zeros(d, dtype=bool)  # which are kept
    near = np.sqrt(2.0 * ASIDE) + 1e-12  # distance of unit vectors whose cosine is 1 − ASIDE, and rounding
    first, last = (np.searchsorted(places[:, 0], places[:, 0] + side) for side in (-near, near))
    position = np.argsort(order)
    lost = 0.0
    for k in np.argsort(-lengths, kind="stable"):
        here = position[k]
        beside = np.arange(first[here], last[here])[in_order[first[here] : last[here]]]
        off = sizes[k] if in_order.any() else np.inf  # the first has nothing to be a multiple of
        for j in order[beside[(np.abs(places[beside] - places[here]) <= near).all(axis=1)]]:
            product = float(points[:, k] @ points[:, j])
            if abs(product) > (1.0 - ASIDE) * lengths[k] * lengths[j]:
                off = min(off, float(np.abs(points[:, k] - product / lengths[j] ** 2 * points[:, j]).max()))
        if off <= max(FLAT * sizes.max(), flat):
            lost = max(lost, off)
        else:
            in_order[here] = True
    kept = np.sort(order[in_order])
    if len(kept) == d:
        return None, 0.0
    return csc_array((np.ones(len(kept)), (kept, np.arange(len(kept)))), shape=(d, len(kept))), lost
