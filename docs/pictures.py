"""Run the Python of the documentation: draw pictures, and write down what blocks print.

    python docs/pictures.py            # docs/images/gallery, by the code of its pages
    python docs/pictures.py --outputs  # the text after each block, on all pages

A page is a sequence of Python blocks, which run in order, in one process and an empty
folder. A ``text`` block right after a Python block is what that prints.
"""

import io
import os
import re
import shutil
import sys
import tempfile
import traceback
from contextlib import redirect_stdout
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
IMAGES = DOCS / "images" / "gallery"
BLOCK = re.compile(
    r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?",
    flags=re.DOTALL | re.MULTILINE,
)
LONGEST = 300.0  # seconds for a page
SLOW_TO_IMPORT = [
    "bladenet.report",
    "bladenet.regularisation_path",
    "bladenet.cross_validation",
    "bladenet.plotting",
]


class Block(NamedTuple):
    """Python on a page, and what the page says that it prints, or None."""

    code: str
    output: str | None


def pages() -> list[Path]:
    """All pages with Python on them."""
    return [page for page in sorted(DOCS.rglob("*.md")) if blocks_of(page)]


def blocks_of(page: Path) -> list[Block]:
    """The Python blocks of a page, in order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(*match.groups()) for match in found]


def run(codes: list[str], folder: Path) -> list[str]:
    """What pieces of code print; they run in order, in one new process, in `folder`.

    Raises
    ------
    RuntimeError
        If one of them fails, with its traceback, or if they take too long.
    """
    os.environ["MPLBACKEND"] = (
        "Agg"  # before the first process, whose environment the others have
    )
    context = get_context("forkserver")  # imports once what is slow to import
    context.set_forkserver_preload(
        ["pandas", "matplotlib.pyplot", "sklearn.datasets", *SLOW_TO_IMPORT]
    )
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_execute, args=(codes, folder, there))
    process.start()
    there.close()
    try:
        outputs, failure = (
            here.recv()
            if here.poll(LONGEST)
            else ([], f"not done after {LONGEST:g} s")
        )
    except EOFError:
        outputs, failure = [], "the process ended without a result"
    finally:
        process.kill()
        process.join()
    if failure:
        raise RuntimeError(failure)
    return outputs


def _execute(codes: list[str], folder: Path, results: Connection) -> None:
    """Run code and send what it prints, and the traceback where it failed, or ''."""
    os.chdir(folder)
    names = {"__name__": "__main__"}
    outputs: list[str] = []
    try:
        for k, code in enumerate(codes, start=1):
            with redirect_stdout(io.StringIO()) as printed:
                exec(compile(code, f"<block {k}>", "exec"), names)
            outputs.append(printed.getvalue().strip("\n"))
    except BaseException:  # SystemExit among them
        failed = len(outputs)
        failure = f"block {failed + 1}:\n{codes[failed]}\n{traceback.format_exc()}"
        results.send((outputs, failure))
    else:
        results.send((outputs, ""))


def draw() -> None:
    """Make the pictures of the gallery again."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for page in (page for page in pages() if page.parent.name == "gallery"):
        with tempfile.TemporaryDirectory() as folder:
            run([block.code for block in blocks_of(page)], Path(folder))
            for picture in sorted(Path(folder).glob("*.png")):
                shutil.copy(picture, IMAGES / picture.name)
                print(f"{page.relative_to(DOCS)}: {picture.name}")


def write_outputs() -> None:
    """Replace the text after each block by what the block prints."""
    for page in pages():
        if all(not block.output for block in blocks_of(page)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            outputs = iter(
                run([block.code for block in blocks_of(page)], Path(folder))
            )
        text = page.read_text(encoding="utf-8")
        page.write_text(
            re.sub(
                BLOCK,
                lambda found, new=outputs: _with_output(found, next(new)),
                text,
            ),
            encoding="utf-8",
        )
        print(page.relative_to(DOCS))


def _with_output(found: re.Match[str], output: str) -> str:
    code, shown = found.groups()
    return f"```python\n{code}```\n" + (
        f"\n```text\n{output}\n```\n" if shown else ""
    )


if __name__ == "__main__":
    write_outputs() if "--outputs" in sys.argv[1:] else draw()
