"""Files as people have them: one table, written in dozens of ways, is read as the same table or refused by line."""

import gzip
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bladenet import cli
from bladenet.errors import InputError
from bladenet.reading import Notation, decimal_of, read, separator_of
from bladenet.tables import check_present, doubts, left_out

NEEDS_PYARROW = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pandas reads parquet with pyarrow")

N = 40


def truth():
    rng = np.random.default_rng(0)
    size = np.round(rng.uniform(1, 99, size=N), 2)
    return pd.DataFrame(
        {
            "size": size,
            "income": rng.integers(10_000, 2_000_000, size=N),
            "größe": np.array(["klein", "groß", "mittel; fein"])[rng.integers(0, 3, size=N)],
            "t": np.round(size / 10 + rng.normal(size=N), 3),
        }
    )


def pointed(value):
    return f"{value:,}"


def comma(value):
    return f"{value:,}".replace(",", "_").replace(".", ",").replace("_", ".")


def written(sep=",", decimal=".", thousands=False, quote=False, end="\n", gap=None):
    def cell(value):
        if isinstance(value, str):
            text = value
        else:
            text = (comma if decimal == "," else pointed)(value) if thousands else str(value).replace(".", decimal)
            text = text.replace("." if decimal == "," else ",", gap) if gap and thousands else text
        return f'"{text}"' if quote or sep in text or '"' in text else text

    frame = truth()
    rows = [list(frame.columns), *frame.itertuples(index=False)]
    return end.join(sep.join(map(cell, row)) for row in rows) + end


WAYS = {
    "plain": (written(), "utf-8"),
    "windows ends": (written(end="\r\n"), "utf-8"),
    "marked utf-8": (written(), "utf-8-sig"),
    "utf-16": (written(), "utf-16"),
    "utf-16 without mark": (written(), "utf-16-le"),
    "big utf-16 without mark": (written(), "utf-16-be"),
    "latin-1": (written(), "latin-1"),
    "semicolons": (written(";"), "utf-8"),
    "tabs": (written("\t"), "utf-8"),
    "pipes": (written("|"), "utf-8"),
    "quoted": (written(quote=True), "utf-8"),
    "excel in German": (written(";", ",", end="\r\n"), "cp1252"),
    "and marked": (written(";", ",", end="\r\n"), "utf-8-sig"),
    "decimal commas and tabs": (written("\t", ","), "utf-8"),
    "decimal commas, quoted between commas": (written(",", ","), "utf-8"),
    "thousands": (written(thousands=True), "utf-8"),
    "thousands in German": (written(";", ",", thousands=True), "utf-8"),
    "thousands with spaces": (written(";", ",", thousands=True, gap="\u202f"), "utf-8"),
    "thousands with apostrophes": (written(";", ".", thousands=True, gap="'"), "utf-8"),
    "empty lines": (written().replace("\n", "\n\n", 3) + "\n\n", "utf-8"),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_written_it_is_the_same_table(way, tmp_path):
    text, encoding = WAYS[way]
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    frame, _ = read(path, Notation())
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), truth(), check_dtype=False)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.xz", ".parquet", ".feather", ".xlsx"])
def test_so_are_packed_and_binary_files(suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    if suffix.startswith(".csv"):
        truth().to_csv(path, index=False)
    else:
        pytest.importorskip("openpyxl" if suffix == ".xlsx" else "pyarrow")
        {".parquet": truth().to_parquet, ".feather": truth().to_feather, ".xlsx": truth().to_excel}[suffix](
            path, **({"index": False} if suffix == ".xlsx" else {})
        )
    frame, _ = read(path, Notation())
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), truth(), check_dtype=False)


def test_what_is_asked_for_is_done(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;b\n1,234;x\n2,500;y\n", encoding="utf-8")
    frame, how = read(path, Notation(decimal=","))
    assert frame["a"].tolist() == [1.234, 2.5]
    assert str(how) == "cells separated by ';', decimal commas"
    frame, _ = read(path, Notation(decimal="."))
    assert frame["a"].tolist() == [1234, 2500]
    path.write_text("a,b\n1,x\nk.A.,y\n3,z\n", encoding="utf-8")
    frame, _ = read(path, Notation(missing=("k.A.",)))
    assert frame["a"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("none", ["?", "-", "n.a.", "..", "missing", "#N/A"])
def test_signs_for_no_value_do_not_make_text_of_a_column(none, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"a,t\n1.5,1\n{none},2\n3,3\n", encoding="utf-8")
    frame, _ = read(path, Notation())
    np.testing.assert_array_equal(frame["a"], [1.5, np.nan, 3.0])


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        ([["1,5", "2,75"]], ","),
        ([["1.5", "2.75"]], "."),
        ([["1,234", "5,678"]], "."),
        ([["1.234,5", "7"]], ","),
        ([["1,234.5", "7"]], "."),
        ([["1,234,567", "7"]], "."),
        ([["1,5", "2.5"]], "."),
        ([["1,5"], ["2.5"]], "."),
        ([["a,b", "c"]], "."),
        ([], "."),
    ],
)
def test_a_comma_is_decimal_where_nothing_else_makes_sense(cells, sign):
    assert decimal_of(cells) == sign


def test_a_separator_splits_all_rows_alike():
    assert separator_of("a,b;c\n1,5;2\n3,5;4\n") == ";"
    assert separator_of('a,b\n"x;y",1\nz,2\n') == ","
    assert separator_of("a\n1\n2\n") == ","


def test_thousands_in_some_cells_only_are_no_numbers(tmp_path):
    # which of them are wrong is not ours to say
    path = tmp_path / "table.csv"
    path.write_text('a,t\n"1,234",1\n5678,2\n9,3\n', encoding="utf-8")
    frame, _ = read(path, Notation())
    assert frame["a"].tolist() == ["1,234", "5678", "9"]


def test_faults_are_named_by_line(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;b\n1;2\n3;4;5\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 3 .* has 3 cells, but the header has 2"):
        read(path, Notation(separator=";"))
    path.write_bytes("a,b\n1,ä\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"line 2 .* is not utf-8"):
        read(path, Notation(encoding="utf-8"))
    with pytest.raises(InputError, match="--encoding utf8000"):
        read(path, Notation(encoding="utf8000"))
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="empty"):
        read(path, Notation())


def test_columns_that_name_rows_are_left_out_unless_they_are_all_there_is():
    n = 30
    frame = pd.DataFrame(
        {
            "Unnamed: 0": np.arange(n),
            "row": np.arange(1, n + 1),
            "customer_id": np.random.default_rng(0).permutation(n) + 1000,
            "email": [f"p{i}@example.com" for i in range(n)],
            "joined": [f"2024-{1 + i % 12:02d}-03" for i in range(n)],
            "time": np.arange(n),
            "income": np.random.default_rng(1).permutation(n) * 1000,
            "price": np.random.default_rng(2).normal(size=n),
            "kind": ["a", "b"] * (n // 2),
        }
    )
    found = left_out(frame, list(frame.columns))
    assert set(found) == {"Unnamed: 0", "row", "customer_id", "email", "joined"}
    assert "2024-01-03" in found["joined"]
    assert left_out(frame, ["row"]) == {}
    assert left_out(frame.head(5), list(frame.columns)) == {}


def test_a_file_with_semicolons_ids_and_dates_is_fitted_without_an_option(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["id;größe;Datum;t"]
    for i in range(60):
        x = rng.normal()
        lines.append(f"K{i:03d};{x:.3f};0{1 + i % 9}.02.2024;{abs(x) + 0.1 * rng.normal():.3f}".replace(".", ",", 0))
    text = "\n".join(
        ";".join(c.replace(".", ",") if k in (1, 3) else c for k, c in enumerate(line.split(";"))) for line in lines
    )
    path, model = tmp_path / "table.csv", tmp_path / "model.json"
    path.write_text(text, encoding="cp1252")
    runner = CliRunner()
    fitted = runner.invoke(cli.app, ["fit", str(path), "--target", "t", "--out", str(model), "--quiet"])
    assert fitted.exit_code == 0, fitted.output
    assert "cells separated by ';', decimal commas, encoding cp1252" in fitted.stderr
    assert "'id' has another text in every row: left out" in fitted.stderr
    assert "'Datum' holds dates" in fitted.stderr
    assert "On rows it has not seen: R² 0." in fitted.stdout
    assert "t from größe" in fitted.stdout
    predicted = runner.invoke(cli.app, ["predict", str(model), str(path), "--keep", "id"])
    assert predicted.stdout.splitlines()[:2][1].startswith("K000,")
    refused = runner.invoke(cli.app, ["predict", str(model), str(path), "--keep", "name"])
    assert refused.exit_code == cli.BAD_INPUT


def refusal(path):
    with pytest.raises(InputError) as refused:
        read(path, Notation())
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "# exported on Monday\n" + written(),
        "Report\n\n" + written(";"),
        "Report;;;\n;;;\n" + written(";", ","),
        "sep=;\n" + written(";"),
        written().replace("\n", ",\n"),
        written().replace("\n", ",\n").replace("t,\n", "t\n", 1),
        written() + ",,,\n,,,\n",
        written(quote=True).replace('","', '" , "'),
        written("|").replace("|", " | "),
        written(quote=True).replace('","', '"   "'),
        written().replace("klein", " klein ").replace("größe", " größe "),
    ],
)
def test_what_stands_around_a_table_is_no_part_of_it(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    frame, how = read(path, Notation())
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), truth(), check_dtype=False)
    line = frame.index[0] - 1
    assert line == 1 or f"the header is line {line}" in str(how)


@pytest.mark.parametrize("index", [True, False])
def test_columns_below_each_other_are_separated_by_blanks(index, tmp_path):
    path = tmp_path / "table.txt"
    table = truth().assign(größe="klein")
    path.write_text(table.to_string(index=index), encoding="utf-8")
    frame, _ = read(path, Notation())
    pd.testing.assert_frame_equal(frame[list(table)].reset_index(drop=True), table, check_dtype=False)


def test_sheets_count_rows_as_they_show_them(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "table.xlsx"
    truth().astype(object).replace("klein", " klein ").to_excel(path, index=False, startrow=2)
    frame, _ = read(path, Notation())
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), truth(), check_dtype=False)
    frame.iloc[3, 0] = np.nan
    with pytest.raises(InputError, match="column 'size' has no value in row 7:"):
        check_present(frame)


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (["201", "7.953", "12.044"], "'7.953' in line 3 stands beside '201' in line 2"),
        (["7.953", "201", "?", "0"], "If it means 7953, write it so or say --decimal ,"),
        (["-7.953", "201", "1.000"], "thousands or decimals"),
        (['"1.234,5"', "7.953", "5678"], "separates thousands by points in some cells"),
    ],
)
def test_thousands_that_may_be_decimals_are_refused(cells, part, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,t\n" + "".join(f"{cell},x\n" for cell in cells), encoding="utf-8")
    assert part in refusal(path)


@pytest.mark.parametrize(
    "cells", [["7.953", "12.044"], ["0.125", "7.953", "3"], ["7.953", "2.5", "3"], ["1234.567", "3"]]
)
def test_decimals_that_cannot_be_thousands_are_numbers(cells, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,t\n" + "".join(f"{cell},x\n" for cell in cells), encoding="utf-8")
    assert read(path, Notation())[0]["a"].tolist() == list(map(float, cells))
    path.write_text("a,t\n201,x\n7.953,x\n", encoding="utf-8")
    assert read(path, Notation(decimal="."))[0]["a"].tolist() == [201.0, 7.953]
    assert read(path, Notation(decimal=","))[0]["a"].tolist() == [201, 7953]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "a,t,b,a\n1,2,3,4\n", ["line 1", "'a'", "columns 1 and 4"]),
        ("a.csv", "5,1,5\n1,2,3\n", ["'5'", "no header?"]),
        ("a.csv", "a,b,c\n1,2,3\n4,5\n", ["line 3", "has 2 cells, but the header has 3"]),
        ("a.csv", 'a,b\n1,"x\n2,y\n', ["line 2", "never closed"]),
        ("a.csv", ",,\n,,\n", ["is empty"]),
        ("a.csv", "<!DOCTYPE html>\n<html></html>", ["HTML"]),
        ("a.csv", '[{"a": 1}]', ["JSON"]),
        ("a.csv", bytes(range(1, 32)) * 9, ["no text"]),
        ("a.csv", b"\x89PNG\r\n\x1a\n", ["a picture"]),
        ("a.csv", b"PK\x03\x04junk", [".xlsx"]),
        ("a.xls", "a,b\n1,2\n", ["no Excel file", "name it .csv"]),
        ("a.csv.zip", b"PK\x03\x04junk", ["cannot be unpacked"]),
        ("a.csv.gz", gzip.compress(written().encode(), mtime=0)[:99], ["cannot be unpacked"]),
        pytest.param("a.parquet", b"PAR1junk", ["damaged or no parquet file"], marks=NEEDS_PYARROW),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(name, content, parts, tmp_path):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refusal(path)
    for part in [str(path), *parts]:
        assert part in message


VARIOUS = np.random.default_rng(3).permutation(9000)[:30] + 1000


@pytest.mark.parametrize(
    "name",
    [
        "CustomerID",
        "PassengerId",
        "SubjectID",
        "Kundennummer",
        "Kunden-Nr.",
        "Nr.",
        "Artikelnr",
        "OrderNo",
        "customer_number",
        "account_number",
        "IDNR",
        "#",
        "StudentNumber",
        "userid",
        "Lfd. Nr.",
        "Order No.",
        "Kunden ID",
    ],
)
def test_names_of_ids(name):
    frame = pd.DataFrame({name: VARIOUS, "text": [f"{value}" for value in VARIOUS], "z": VARIOUS / 7.0})
    assert set(left_out(frame, list(frame))) == {name}
    assert set(left_out(frame.astype({name: str}), list(frame))) == {name}
    assert left_out(frame.assign(**{name: 5}), list(frame)) == {}


@pytest.mark.parametrize(
    "name", ["stress index", "price index", "Body Mass Index", "Dosis", "SNR", "humid", "AtomicNumber"]
)
def test_names_of_quantities(name):
    for values in (VARIOUS, np.arange(30), np.arange(1, 31)):
        assert left_out(pd.DataFrame({name: values, "z": VARIOUS / 7.0}), [name, "z"]) == {}


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([*map(str, VARIOUS[:-1]), "12o"], None),
        ([f"€{value:,.1f}" for value in VARIOUS], None),
        ([f"{value},5 €" for value in VARIOUS], None),
        ([f"{value}.5 kg" for value in VARIOUS], None),
        ([f"remark {value}" for value in VARIOUS], "another text"),
        ([f"12:{k % 5:02d}" for k in range(29)] + ["?"], "times such as '12:00'"),
        ([f"{k}.02.2024" for k in range(1, 31)], "dates"),
        ([f"{k:05d}" for k in range(30)], "different codes"),
        ([None] * 30, "is empty"),
    ],
)
def test_numbers_with_faults_are_not_left_out_as_names(cells, why):
    frame = pd.DataFrame({"a": cells, "z": VARIOUS})
    found = left_out(frame, ["a", "z"])
    assert why in found["a"] if why else not found


def test_codes_are_categories_and_placeholders_are_spoken_of(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("plz,age,t\n" + "01067,-999,3\n10115,33,4\n01067,-999,5\n04109,41,-99\n", encoding="utf-8")
    frame, _ = read(path, Notation())
    assert frame["plz"].tolist() == ["01067", "10115", "01067", "04109"]
    codes, placeholders = doubts(frame, list(frame))
    assert "'plz' holds codes" in codes
    assert placeholders == "−999 stands in 2 rows of 'age': if it means no value, say --na -999"
    assert doubts(frame.assign(age=[-999, -998, -999, -990], plz="1"), ["age", "plz"]) == []


def refused_on_the_command_line(path, *options):
    result = CliRunner().invoke(cli.app, ["fit", str(path), "--target", "t", *options])
    assert result.exit_code == cli.BAD_INPUT
    return result.stderr


def test_empty_cells_of_all_columns_are_told_at_once(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b,first name,empty,t\n1,,x,,1\n,,y,,2\n5,6,z,,3\n7,8,x,,4\n", encoding="utf-8")
    message = refused_on_the_command_line(path)
    assert "'empty' is empty: left out" in message
    assert "'a' has no value in line 3; column 'b' has no value in line 2 and 1 more:" in message
    assert '(--features "first name")' in message
    assert "df.dropna()" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,T\n1,2\n3,4\n", "Did you mean 'T'?"),
        ("0.5,1\n1,2\n3,4\n", "if there is no header"),
        ("a,t\n1,5\n2,5\n3,5\n", "the target 't' is 5 in every row"),
        ("a,t\n" + "".join(f"{k}.5,{k % 3}\n" for k in range(20)) + "12o,1\n", "numbers as text, '12o' in line 22"),
        ("a,t\n" + "".join(f"{k}.5,{k % 3}\n" for k in range(10)) + "12o,1\n", "numbers as text, '12o' in line 12"),
    ],
)
def test_faults_have_remedies_on_the_command_line(text, part, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    assert part in refused_on_the_command_line(path)
