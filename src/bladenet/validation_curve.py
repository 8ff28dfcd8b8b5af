"""The curve by which α is chosen: mean losses on samples left out, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bladenet.display import ROWS, Shown, View, number
from bladenet.losses import Array

if TYPE_CHECKING:
    import pandas as pd

RULES = ("best", "one_standard_error")


@dataclass(frozen=True, eq=False, repr=False)
class ValidationCurve(Shown):
    """Mean losses on samples left out, for falling α.

    Attributes
    ----------
    alphas : (k,) falling
    losses : (k, folds), the mean loss on the samples that each fold leaves out
    """

    alphas: Array
    losses: Array

    def _view(self) -> View:
        count = len(self.losses)
        if not count:
            return View("ValidationCurve: empty")
        means, errors = self.means, self.standard_errors
        best, careful = (self.choose(rule) for rule in RULES)
        marks = {careful: "within one standard error", best: "best"}
        start = max(0, min(best - ROWS // 2, count - ROWS))
        rows = [
            (number(self.alphas[k]), number(means[k]), number(errors[k]), marks.get(k, ""))
            for k in range(start, min(count, start + ROWS))
        ]
        title = f"ValidationCurve: {count} alphas, {self.losses.shape[-1]} folds"
        return View(title, (), ("alpha", "loss", "standard error", ""), rows, count, "data() has all." * (count > ROWS))

    @property
    def means(self) -> Array:
        """Means over the folds, (k,)."""
        return np.asarray(self.losses.mean(axis=1), dtype=np.float64)

    @property
    def standard_errors(self) -> Array:
        """Standard errors of these means, (k,); 0 for a single fold."""
        folds = self.losses.shape[1]
        if folds < 2:
            return np.zeros(len(self.losses))
        return np.asarray(self.losses.std(axis=1, ddof=1) / np.sqrt(folds), dtype=np.float64)

    def without(self, fold: int) -> ValidationCurve:
        """The curve of the other folds; itself if there are none."""
        return ValidationCurve(self.alphas, np.delete(self.losses, fold, axis=1)) if self.losses.shape[1] > 1 else self

    def choose(self, rule: str) -> int:
        """The α of the smallest mean, or the largest α whose mean is within one standard error of that."""
        means = self.means
        best = int(means.argmin())
        if rule == "best":
            return best
        return int(np.argmax(means <= means[best] + self.standard_errors[best]))

    def data(self) -> pd.DataFrame:
        """One row per α: alpha, loss, standard_error."""
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        return pd.DataFrame({"alpha": self.alphas, "loss": self.means, "standard_error": self.standard_errors})
