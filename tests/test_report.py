"""Reports: one page that needs nothing else, true to the model, whole on a phone and on a desktop."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bladenet as bn
from bladenet import cli, datasets
from bladenet.display import written_out
from bladenet.pages import breakable
from bladenet.training_data import TrainingData

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MOST = 2_000_000  # bytes of a page


class Page(HTMLParser):
    """The parts of a page that tests look at."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.links, self.ids, self.words = [], [], [], set(), []
        self.feed(text.replace("<wbr>", ""))  # where long names may be broken
        assert not self.open, f"unclosed {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id")}
        if tag == "img":
            self.images.append(attributes)
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def motorcycle():
    data = datasets.load_motorcycle()
    return bn.BladeNetRegressor(alpha=0.05, scaling="standard"), pd.DataFrame(data.X, columns=["time_ms"]), data.y


def houses():
    data = datasets.load_houses()
    frame = pd.DataFrame(data.X, columns=["longitude", "latitude"])
    return bn.BladeNetRegressor(alpha=1e3, scaling="standard", tol=1e-3), frame, pd.Series(data.y, name="price")


def penguins():
    data = datasets.load_penguins()
    frame = pd.DataFrame(data.X, columns=["bill_mm", "mass_g"])
    return bn.BladeNetClassifier(alpha=0.01, scaling="standard"), frame, pd.Series(data.y, name="sex")


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 7)), columns=[f"column {c}" for c in "abcdefg"])
    frame["colour"] = rng.choice(["red", "green"], size=200)
    y = np.abs(frame["column a"]) * frame["column b"] + (frame["colour"] == "red") + 0.1 * rng.normal(size=200)
    return bn.BladeNetRegressor(alpha=0.05, norm=1, max_interaction=2, tol=1e-2), frame, y.rename("yield")


def three_classes():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["u", "v"])
    return bn.BladeNetClassifier(alpha=0.05, tol=1e-2), frame, np.array(["a", "b", "c"])[np.arange(60) % 3]


def constant():
    frame = pd.DataFrame({"x": np.arange(10.0)})
    return bn.BladeNetRegressor(alpha=1e6), frame, np.arange(10.0)


FURTHER = [pytest.param(make, marks=pytest.mark.slow) for make in (motorcycle, houses, penguins)]


@pytest.fixture(scope="module", params=[table, three_classes, constant, *FURTHER], ids=lambda make: make.__name__)
def written(request, tmp_path_factory):
    model, X, y = request.param()
    model.fit(X, y)
    path = tmp_path_factory.mktemp("reports") / f"{request.param.__name__}.html"
    model.report(path, X, y)
    return model, X, y, path


def test_a_page_is_whole_and_needs_no_network(written):
    _, _, _, path = written
    page = Page(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < MOST
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert all(image["alt"] for image in page.images)


def test_a_page_says_what_the_model_says(written):
    model, X, y, path = written
    text = Page(path.read_text(encoding="utf-8")).text
    assert model.certificate_.advice in text
    assert written_out(model.certificate_.lower_bound, 10) in text
    for neuron in model.explain().neurons[:5]:
        assert neuron.formula in text
    score = model.score(X, y)
    assert f"{score:.5g}".replace("-", "−") in text


def test_each_class_has_its_weight_of_each_neuron(written):
    model, _, _, path = written
    text = Page(path.read_text(encoding="utf-8")).text
    assert ("times, for each class" in text) == (model.network_.amplitudes.ndim == 2)
    for neuron in model.explain().neurons[:5] if model.network_.amplitudes.ndim == 2 else ():
        for name, value in zip("abc", neuron.amplitude, strict=True):
            assert f"{name} {'+' if value > 0 else '−'}{written_out(abs(value), 3)}" in text


def test_the_head_says_first_how_good_it_is_and_what_was_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 1))
    y = X[:, 0] + 0.1 * rng.normal(size=80)
    model = bn.BladeNetRegressor(tol=1e-2).fit(X, y)
    rows = np.r_[model.evidence_.index, 79]
    model.report(tmp_path / "new.html", X[rows], y[rows])
    text = Page((tmp_path / "new.html").read_text(encoding="utf-8")).text
    head, _ = text.split("The fit", 1)
    assert f"At least {len(model.evidence_.index)} of them " in head
    assert "The linear model is as good, within one standard error." in head
    order = ["R² on the rows given", "R² on unseen rows", "R² of a linear model", " 1 column", "proven gap"]
    places = [head.index(name) for name in order]
    assert places == sorted(places)
    assert not re.search(r"what_if|explain\(", text.split("For analysts")[0])


def test_numbers_keep_to_their_units():
    assert breakable("(10 %) 0.7 ± 0.1 a b") == "(10\u00a0%) 0.7\u00a0±\u00a00.1 a b"


def test_without_data_the_samples_that_define_the_neurons_are_shown(tmp_path):
    model, X, y = motorcycle()
    path = tmp_path / "report.html"
    model.fit(X, y).report(path, title="Without <data>", target="g")
    text = path.read_text(encoding="utf-8")
    assert "Without &lt;data&gt;" in text  # names of the user are no HTML
    page = Page(text)
    assert "samples that define the neurons" in page.text
    assert "On the training data" not in page.text


def test_a_stopped_model_is_not_called_optimal(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    model = bn.BladeNetRegressor(alpha=1e-3, tol=1e-6, time_limit=0.5).fit(X, np.sin(3 * X).sum(axis=1))
    assert model.certificate_.status is not bn.Status.GLOBAL
    model.report(tmp_path / "report.html")
    assert "Globally optimal" not in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("report.txt",), ValueError, r"must end in \.html"),
        (("missing/report.html",), FileNotFoundError, "there is no folder"),
        (("report.html", np.zeros((3, 1))), ValueError, "both X and y"),
        (("report.html", np.zeros((3, 1)), np.zeros(4)), ValueError, "one per row of X"),
    ],
)
def test_what_cannot_be_written_is_said_before(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, X, y = motorcycle()
    model.fit(X.to_numpy(), y)
    with pytest.raises(error, match=message):
        model.report(*arguments)
    assert not list(tmp_path.iterdir())


def test_on_the_command_line(tmp_path):
    model, first, second = tmp_path / "m.json", tmp_path / "first.html", tmp_path / "second.html"
    run = CliRunner().invoke
    columns = ["--features", "species,body_mass_g", "--alpha", "0.01"]
    fitting = ["fit", "penguins", "--target", "sex", *columns, "--quiet", "--out", model, "--report", first]
    assert run(cli.app, list(map(str, fitting))).exit_code == 0
    result = run(cli.app, ["report", str(model), str(second), "--data", "penguins", "--target", "sex"])
    assert result.exit_code == 0, result.output
    date = re.compile(r"on \d{4}-\d\d-\d\d")
    pages = [date.sub("", Page(path.read_text(encoding="utf-8")).text) for path in (first, second)]
    assert pages[0] == pages[1]
    refused = run(cli.app, ["report", str(model), str(second), "--data", "penguins"])
    assert refused.exit_code == cli.BAD_INPUT


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_in_a_browser(written, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    path, messages = written[-1], []
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=[*quiet, "--disable-sync", "--no-first-run"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else messages.append(request.url),
        )
        page.goto(path.as_uri())
        assert messages == []
        # nothing is cut off to the right, and every picture is there
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert page.evaluate("[...document.images].every(image => image.clientWidth <= innerWidth)")
        browser.close()


@pytest.mark.parametrize("outputs", [1, 2])
def test_other_targets_than_those_trained_on_are_refused(tmp_path, outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    y = np.abs(X[:, :outputs]) if outputs > 1 else np.abs(X[:, 0])
    model = bn.BladeNetRegressor(alpha=0.05, tol=1e-3).fit(X, y)
    with pytest.raises(ValueError, match="has an objective of"):
        model.report(tmp_path / "report.html", X, y[::-1])
    assert not (tmp_path / "report.html").exists()


def test_a_constant_network_knows_its_data(tmp_path):
    model, X, y = constant()
    model.fit(X, y)
    model.report(tmp_path / "report.html", X, y)
    with pytest.raises(ValueError, match="has an objective of"):
        model.report(tmp_path / "report.html", X, y + 5)


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile", "poisson"])
@pytest.mark.parametrize("scaling", [None, "standard", "rank", "blend"])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_training_data_are_recognised(loss, scaling, offset):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2)) * [1.0, 1e3] + offset
    y, weight = rng.poisson(2.0, size=60).astype(float), rng.integers(0, 3, size=60)
    settings = {"loss": loss, "scaling": scaling, "norm": 1, "tol": 1e-3}
    model = bn.BladeNetRegressor(alpha=0.05, time_limit=20, **settings).fit(X, y, sample_weight=weight)
    TrainingData.of(model, X, y, weight)
    wrong = y.copy()
    wrong[np.flatnonzero(weight)[0]] += 1.0
    with pytest.raises(ValueError, match="training data"):
        TrainingData.of(model, X, wrong, weight)


def test_interpolation_and_classes_are_recognised():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 2))
    fitted = bn.BladeNetRegressor(alpha=0.0).fit(X, np.abs(X[:, 0]))
    TrainingData.of(fitted, X, np.abs(X[:, 0]))
    with pytest.raises(ValueError, match="training data"):
        TrainingData.of(fitted, X, np.abs(X[:, 0]) + np.eye(20)[0])
    labels = np.array(["a", "b", "c"])[np.arange(20) % 3]
    classifier = bn.BladeNetClassifier(alpha=0.05, tol=1e-2, class_weight="balanced").fit(X, labels)
    TrainingData.of(classifier, X, labels)
    with pytest.raises(ValueError, match="has the class 'd'"):
        TrainingData.of(classifier, X, np.where(labels == "a", "d", labels))


def test_names_may_be_anything(tmp_path):
    rng = np.random.default_rng(0)
    names = ["income_$", "$_debt$", "_importance", "neurons", "<b>", "sample"]
    frame = pd.DataFrame(rng.normal(size=(40, 6)), columns=names)
    y = (frame["income_$"].abs() * frame["$_debt$"] + frame["neurons"]).rename("_$price$")
    model = bn.BladeNetRegressor(alpha=0.1, norm=1, max_interaction=2, tol=0.1).fit(frame, y)
    model.report(tmp_path / "report.html", frame, y)
    assert "income_$" in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize("features", [1, 2, 3])
def test_two_classes_may_have_an_output_each(tmp_path, features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, features))
    labels = np.where(X[:, 0] > 0, "b", "a")
    model = bn.BladeNetClassifier(alpha=0.05, loss="softmax", tol=1e-2).fit(X, labels)
    model.report(tmp_path / "report.html", X, labels)


def test_a_report_of_true_and_false(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40)})
    frame["positive"] = np.where(frame["x"] > 0.3, "true", "false")
    table, model = tmp_path / "data.csv", tmp_path / "model.json"
    frame.to_csv(table, index=False)
    runner = CliRunner()
    fit = ["fit", str(table), "--target", "positive", "--alpha", "0.1", "--out", str(model), "--quiet"]
    assert runner.invoke(cli.app, fit).exit_code == 0
    report = ["report", str(model), str(tmp_path / "r.html"), "--data", str(table), "--target", "positive"]
    assert runner.invoke(cli.app, report).exit_code == 0
    assert "accuracy" in Page((tmp_path / "r.html").read_text(encoding="utf-8")).text


def test_what_is_not_proven_is_not_said(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = np.sin(3 * X).sum(axis=1)
    relaxed = bn.BladeNetRegressor(alpha=0.1, strategy="relaxed", tol=1e-2).fit(X, y)
    relaxed.report(tmp_path / "relaxed.html")
    text = Page((tmp_path / "relaxed.html").read_text(encoding="utf-8")).text
    assert "A convex relaxation" in text
    pairs = bn.BladeNetRegressor(alpha=0.1, norm=1, max_interaction=2, tol=1e-1).fit(X, y)
    pairs.report(tmp_path / "pairs.html")
    assert "at most two columns or categories" in Page((tmp_path / "pairs.html").read_text(encoding="utf-8")).text
    exact = bn.BladeNetRegressor(alpha=0.0, norm=1).fit(X[:20, :1], y[:20])
    exact.report(tmp_path / "exact.html")
    assert "fit all targets exactly" in Page((tmp_path / "exact.html").read_text(encoding="utf-8")).text
