"""Files that are whole or not there."""

import os
import uuid
from pathlib import Path


def check_folder(path: Path) -> None:
    """Refuse a file in a folder that does not exist, by the name that the user knows."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write to: create it first.")


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, then rename: readers see the old file or the new one, never a part.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    check_folder(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
