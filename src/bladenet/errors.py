"""What the user of the command line can put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bladenet.checks import RowError

if TYPE_CHECKING:
    import pandas as pd


class InputError(Exception):
    """Something the user can put right; its message is one line."""

    @classmethod
    def of(cls, error: Exception, frame: pd.DataFrame | None = None) -> InputError:
        """The same as an error of the library; rows are those of a table that was read."""
        return cls(error.told(frame.index) if isinstance(error, RowError) and frame is not None else str(error))
