"""README and documentation do what they say: commands are CI's, Python runs and prints what is written below it."""

import importlib.util
import math
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bladenet
import pictures  # docs/pictures.py
from bladenet.reproduce.theorems.checks import all_rows

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block.code for block in pictures.blocks_of(ROOT / "README.md")]
PAGES = pictures.pages()
NAMES = [page.relative_to(DOCS).as_posix() for page in PAGES]
QUICK_PAGES = ("choosing.md", "faq.md", "gallery/motorcycle.md", "theory/wedge.md")
# cross-validation of three classes, PyTorch, dask: what these blocks call has quick tests of its own
SLOW_BLOCK = re.compile(r"CV\(|^import torch|^from dask", flags=re.MULTILINE)
GALLERY = [page for page in PAGES if page.parent.name == "gallery"]
NUMBER = re.compile(r"[-−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
AGREEMENT = 0.02  # relative, of numbers on a page and printed anew
NOTHING = 1e-6  # below it numbers are rounding


def skip_without_what_is_imported(code):
    for name, extra in (("dask", "distributed"), ("torch", "torch"), ("onnx", "onnxruntime")):
        if re.search(rf"^\s*(import|from) {name}|to_{name}\(", code, flags=re.MULTILINE):
            pytest.importorskip(extra)


def unless(quick, value, name):
    """A parameter that is slow unless it is quick."""
    return pytest.param(value, id=name, marks=[] if quick else pytest.mark.slow)


def value_of(number):
    return float(number.replace(",", "").replace("−", "-"))


def same_output(written, printed):
    """The same text, with numbers that agree."""
    if NUMBER.sub("#", written).split() != NUMBER.sub("#", printed).split():
        return False
    pairs = zip(map(value_of, NUMBER.findall(written)), map(value_of, NUMBER.findall(printed)), strict=True)
    return all(math.isclose(a, b, rel_tol=AGREEMENT, abs_tol=NOTHING) for a, b in pairs)


def test_ci_calls_the_two_commands():
    # guards against a README whose commands nobody runs
    commands = re.findall(r"^    (python3 -m venv .*)$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in commands:
        assert command in script


@pytest.mark.parametrize(
    "block", [unless(SLOW_BLOCK.search(code) is None, code, f"block{k}") for k, code in enumerate(BLOCKS)]
)
def test_python_blocks_of_the_readme_run(block, tmp_path):
    # guards the examples: every line runs, in a process and folder of their own
    skip_without_what_is_imported(block)
    (printed,) = pictures.run([block], tmp_path)
    assert "GLOBAL" in printed


def test_there_are_python_blocks_to_run():
    # guards the patterns above: documents whose blocks are not found pass everything
    assert len(BLOCKS) == 9
    assert len(PAGES) >= 24
    for page in [*PAGES, ROOT / "README.md"]:
        assert len(pictures.blocks_of(page)) == page.read_text(encoding="utf-8").count("```python"), page


@pytest.mark.parametrize("page", [unless(name in QUICK_PAGES, DOCS / name, name) for name in NAMES])
def test_pages_run_and_print_what_they_say(page, tmp_path):
    # guards the documentation: the blocks of a page run one after the other, and their checks hold
    blocks = pictures.blocks_of(page)
    skip_without_what_is_imported("".join(block.code for block in blocks))
    for block, printed in zip(blocks, pictures.run([block.code for block in blocks], tmp_path), strict=True):
        if block.output is not None:
            assert same_output(block.output, printed), (
                f"{page.name} says\n{block.output}\nbut its code prints\n{printed}"
            )
    if page in GALLERY:
        drawn = {picture.name for picture in tmp_path.glob("*.png")}
        assert drawn == set(re.findall(r"images/gallery/([\w-]+\.png)", page.read_text(encoding="utf-8")))


def test_outputs_are_compared():
    # guards the comparison above against one that is always content
    assert same_output("gap 1e-10, 12 neurons", "gap 3e-9, 12 neurons")
    assert not same_output("12 neurons", "13 neurons")
    assert not same_output("GLOBAL 12", "BOUNDED 12")


def test_code_that_fails_is_reported(tmp_path):
    # guards the runner: a page that breaks must not pass
    with pytest.raises(RuntimeError, match="block 2"):
        pictures.run(["print(1)", "assert False"], tmp_path)
    with pytest.raises(RuntimeError, match="SystemExit"):
        pictures.run(["raise SystemExit(0)"], tmp_path)
    with pytest.raises(RuntimeError, match="without a result"):
        pictures.run(["import os; os._exit(0)"], tmp_path)


def test_the_gallery_has_its_pictures():
    # guards against pages whose pictures nobody drew, and pictures of no page
    names = {
        re.sub(r".*/", "", name) for page in GALLERY for name in re.findall(r"\((\S+\.png)\)", page.read_text("utf-8"))
    }
    assert names == {picture.name for picture in pictures.IMAGES.glob("*.png")}
    assert len(names) >= 6


def build_site(configuration, folder):
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
        pytest.skip('needs ".[docs]"')
    # not --quiet: it keeps warnings from --strict
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(configuration), "-d", str(folder)]
    return subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_site_builds(tmp_path):
    # guards links, navigation and the reference: a warning is an error
    done = build_site(ROOT / "mkdocs.yml", tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    missing = [name for name in bladenet.__all__ if f'id="bladenet.{name}"' not in reference]
    assert missing == ["__version__"], f"public names that api.md leaves out: {missing}"


def test_a_warning_is_an_error(tmp_path):
    # guards the build above: a site with a link to nowhere must not pass
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: broken\ntheme: {name: material}\n", encoding="utf-8")
    done = build_site(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stdout + done.stderr


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


EQUATIONS = (DOCS / "theory" / "equations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(bladenet\.[\w.]+)`", EQUATIONS))))
def test_what_the_paper_is_in_the_code_is_there(name):
    if ".torch." in name or ".deep." in name:
        pytest.importorskip("torch")
    assert pydoc.locate(name) is not None or name.rsplit(".", 1)[1] in attributes_of(name.rsplit(".", 1)[0])


def attributes_of(name):
    """Of a class: also those that only instances have."""
    return getattr(pydoc.locate(name), "__dataclass_fields__", {})


def test_every_row_of_the_theorems_is_on_the_page_and_every_equation():
    named = set(re.findall(r"\| ((?:Theorem|Lemma|Corollary|Section) [\d.]+) \|$", EQUATIONS, flags=re.MULTILINE))
    assert named == {row.name for row in all_rows()}
    numbers = set()
    for first, last in re.findall(r"\((\d+)\)(?:–\((\d+)\))?", EQUATIONS):
        numbers |= set(range(int(first), int(last or first) + 1))
    # the numbers that the source text has, but for two definitions of the norm of what it regularises
    text = {*range(1, 6), *range(8, 11), *range(12, 15), *range(17, 21), 22, 24, 25, *range(28, 47), *range(47, 96)}
    assert numbers == text - {11, 15, 16, 21, 23, 26, 27}
