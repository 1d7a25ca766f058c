"""Small tables in the forms in which public data sets are found, with made-up values.

Each is what a person would hand over: the form of the file is that of the data set after which it
is named, the numbers are drawn.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RNG = 5


def drawn(rows: int, columns: int, low: int = 20, high: int = 900) -> np.ndarray:
    """Whole numbers in no order, none of which counts classes."""
    return np.random.default_rng(RNG).integers(low, high, (rows, columns)) * 7 + 3


def floats(rows: int, columns: int) -> np.ndarray:
    """Numbers with two places."""
    return np.random.default_rng(RNG).integers(10, 90_000, (rows, columns)) / 100


def lines(*columns: Sequence[object] | np.ndarray, sep: str = ",") -> str:
    """One line for each row of the ``columns``, each of which may have several of its own."""
    blocks = [np.asarray(one, dtype=object) for one in columns]
    table = np.hstack([one.reshape(len(one), -1) for one in blocks])
    return "".join(sep.join(map(str, row)) + "\n" for row in table)


def cycled(values: Sequence[object], rows: int) -> list[object]:
    """``values`` again and again."""
    return [values[row % len(values)] for row in range(rows)]


def sklearn_digits(rows: int = 60) -> bytes:
    """``digits.csv.gz`` of scikit-learn: floats, 64 pixels of which the first is 0, label last."""
    pixels = np.random.default_rng(RNG).integers(0, 17, (rows, 64)).astype(float)
    pixels[:, 0] = 0
    stream = io.StringIO()
    np.savetxt(stream, np.column_stack([pixels, np.arange(rows) % 10]), delimiter=",")
    return gzip.compress(stream.getvalue().encode(), mtime=0)


def optdigits(rows: int) -> str:
    """``optdigits.tra``: 64 counts of 0 to 16, then the digit; the first count is always 0."""
    pixels = np.random.default_rng(RNG).integers(0, 17, (rows, 64))
    pixels[:, 0] = 0
    return lines(pixels, np.arange(rows) % 10)


def pendigits(rows: int = 60) -> str:
    """``pendigits.tra``: 16 coordinates of 0 to 100 padded with blanks, then the digit."""
    points = np.random.default_rng(RNG).integers(0, 101, (rows, 16))
    table = np.column_stack([points, np.arange(rows) % 10])
    return "".join(",".join(f"{value:3d}" for value in row) + "\n" for row in table)


def pima(*, header: bool, rows: int = 60) -> str:
    """``pima-indians-diabetes``: pregnancies first, whether it broke out last."""
    times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13] * (rows // 12)
    body = lines(times, drawn(rows, 2), floats(rows, 1), cycled([1, 0, 0], rows))
    return "Pregnancies,Glucose,Insulin,BMI,Outcome\n" * header + body


SPECIES = ("Iris-setosa", "Iris-versicolor", "Iris-virginica")


def iris_data(rows: int = 60) -> str:
    """``iris.data``: no names, sorted by species, an empty line at the end."""
    return lines(floats(rows, 4), np.repeat(SPECIES, rows // 3)) + "\n"


def iris_with_id(rows: int = 60) -> str:
    """``Iris.csv`` of Kaggle."""
    names = "Id,SepalLengthCm,SepalWidthCm,PetalLengthCm,PetalWidthCm,Species\n"
    return names + lines(range(1, rows + 1), floats(rows, 4), np.repeat(SPECIES, rows // 3))


def iris_of_sklearn(rows: int = 60) -> str:
    """``iris.csv`` of scikit-learn: its first line counts, and names the classes."""
    return "60,4,setosa,versicolor,virginica\n" + lines(
        floats(rows, 4), np.repeat([0, 1, 2], rows // 3)
    )


def iris_of_r(rows: int = 60) -> str:
    """What R's ``write.table`` makes: blanks, quotes, names of rows below no name."""
    names = '"Sepal.Length" "Sepal.Width" "Species"\n'
    kinds = [f'"{one}"' for one in np.repeat(("setosa", "versicolor", "virginica"), rows // 3)]
    return names + lines([f'"{n + 1}"' for n in range(rows)], floats(rows, 2), kinds, sep=" ")


def wine_of_sklearn(rows: int = 60) -> str:
    """``wine_data.csv`` of scikit-learn: the first line is shorter than the others."""
    return "60,13,class_0,class_1,class_2\n" + lines(floats(rows, 13), cycled([0, 1, 2], rows))


def wine_data(rows: int = 60) -> str:
    """``wine.data``: the class first, from 1, and whole numbers last."""
    return lines(np.repeat([1, 2, 3], rows // 3), floats(rows, 3), drawn(rows, 1))


def wine_quality(rows: int = 60) -> str:
    """``winequality-red.csv``: semicolons, quoted names, qualities from 3 to 8 last."""
    names = '"fixed acidity";"volatile acidity";"pH";"quality"\n'
    return names + lines(floats(rows, 3), cycled([5, 6, 3, 7, 4, 8], rows), sep=";")


def wdbc(rows: int = 120) -> str:
    """``wdbc.data``: a number of the patient, M or B, features."""
    numbers = 842_302 + 17 * np.random.default_rng(RNG).permutation(rows)
    return lines(numbers, cycled(["M", "B", "B"], rows), floats(rows, 4))


def wdbc_of_kaggle(rows: int = 60) -> str:
    """``data.csv`` of Kaggle: the same with names, and a comma too many in the first line."""
    numbers = 842_302 + 17 * np.random.default_rng(RNG).permutation(rows)
    names = '"id","diagnosis","radius_mean","texture_mean",\n'
    return names + lines(numbers, cycled(["M", "B", "B"], rows), floats(rows, 2))


def wisconsin(rows: int = 60) -> str:
    """``breast-cancer-wisconsin.data``: a number first, ? in a column of numbers, 2 or 4 last."""
    marks = [str(n % 9 + 1) for n in range(rows)]
    marks[23] = "?"
    return lines(drawn(rows, 1), drawn(rows, 2), marks, cycled([2, 2, 4], rows))


def adult(rows: int = 60) -> str:
    """``adult.data``: text among the features, blanks after commas."""
    works = cycled(["State-gov", "Private", "?"], rows)
    return lines(drawn(rows, 1), works, cycled(["<=50K", ">50K"], rows), sep=", ")


def covtype(rows: int = 70) -> str:
    """``covtype.data``: 54 numbers, then the kind of the wood from 1 to 7."""
    flags = np.random.default_rng(RNG).integers(0, 2, (rows, 44))
    return lines(drawn(rows, 10), flags, cycled([5, 2, 1, 7, 3, 4, 6], rows))


def letters(rows: int = 104) -> str:
    """``letter-recognition.data``: the letter first, then 16 whole numbers of 0 to 15."""
    numbers = np.random.default_rng(RNG).integers(0, 16, (rows, 16))
    return lines(cycled([chr(65 + n) for n in (19, 8, 3, 13, 6, 0, 25, 2)], rows), numbers)


def glass(rows: int = 60) -> str:
    """``glass.data``: a count first, the kind of the glass last, 4 of which does not occur."""
    return lines(range(1, rows + 1), floats(rows, 9), np.repeat([1, 2, 3, 5, 6, 7], rows // 6))


def usps(rows: int = 50) -> str:
    """``zip.train``: the digit first, as a float, then 256 greys, separated by blanks."""
    greys = np.random.default_rng(RNG).uniform(-1, 1, (rows, 6)).round(3)
    return lines([f"{n % 10}.0000" for n in range(rows)], greys, sep=" ")


def usps_of_libsvm(rows: int = 20) -> str:
    """``usps``: class, then pairs of place and value."""
    return "".join(f"{n % 10 + 1} 1:-1.000000 2:-0.{n:02d} \n" for n in range(rows))


def satellite(rows: int = 60) -> str:
    """``sat.trn``: blanks, 36 whole numbers, classes from 1 to 7 without 6."""
    return lines(drawn(rows, 36), cycled([3, 4, 1, 7, 2, 5], rows), sep=" ")


def spect(rows: int = 40) -> str:
    """``SPECT.train``: the class first and features after it, all of them 0 or 1."""
    return lines(np.random.default_rng(RNG).integers(0, 2, (rows, 23)))


def semeion(rows: int = 60) -> str:
    """``semeion.data``: 256 pixels of 0 or 1, then ten columns with a single 1."""
    pixels = np.random.default_rng(RNG).integers(0, 2, (rows, 256))
    return lines(
        [[f"{value}.0000" for value in row] for row in pixels],
        np.eye(10, dtype=int)[np.arange(rows) % 10],
        sep=" ",
    )


def titanic(rows: int = 60) -> str:
    """``train.csv`` of Kaggle's first competition: text in several columns, a name with a comma."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["PassengerId", "Survived", "Pclass", "Name", "Sex", "Fare", "Embarked"])
    for n in range(rows):
        sex = "male" if n % 3 else "female"
        writer.writerow([n + 1, n % 2, n % 3 + 1, f"Doe, Mr. {n}", sex, n * 1.5, "SCQ"[n % 3]])
    return stream.getvalue()


def mnist_of_kaggle(rows: int = 50, *, label: bool = True) -> str:
    """``train.csv`` of Kaggle's digit recogniser, and its ``test.csv`` without the label."""
    pixels = np.random.default_rng(RNG).integers(0, 256, (rows, 784))
    pixels[:, -1] = 0
    names = [f"pixel{n}" for n in range(784)]
    if not label:
        return ",".join(names) + "\n" + lines(pixels)
    return ",".join(["label", *names]) + "\n" + lines(np.arange(rows) % 10, pixels)


def ucr(rows: int = 30) -> str:
    """A ``..._TRAIN.tsv`` of the UCR archive: tabs, the class first, -1 or 1."""
    return lines(cycled([-1, 1], rows), floats(rows, 5) - 450, sep="\t")


def seeds(rows: int = 60) -> str:
    """``seeds_dataset.txt``: tabs, here and there two of them, the kind from 1 to 3 last."""
    numbers = floats(rows, 3)
    return "".join(
        "\t".join(map(str, row)) + "\t\t"[n % 7 > 0 :] + f"{n // 20 + 1}\n"
        for n, row in enumerate(numbers)
    )


def higgs(rows: int = 60) -> str:
    """``HIGGS.csv``: the class first, as 1.000e+00 or 0.000e+00, signed floats."""
    classes = cycled(["1.000000000000000000e+00", "0.000000000000000000e+00"], rows)
    return lines(classes, floats(rows, 3) - 450)


def poker(rows: int = 60) -> str:
    """``poker-hand-training.data``: suits from 1 to 4 first, the hand from 0 to 9 last."""
    return lines(cycled([1, 2, 3, 4], rows), drawn(rows, 1), cycled(range(10), rows))


def pandas_index(rows: int = 60) -> str:
    """What ``DataFrame.to_csv`` writes of data sorted by label: a column that counts, unnamed."""
    return ",a,b,label\n" + lines(range(rows), floats(rows, 2), np.repeat([0, 1, 2], rows // 3))


def pandas_numbered(rows: int = 60) -> str:
    """The same of an array: the names are numbers."""
    return ",0,1,2,3\n" + lines(range(rows), floats(rows, 3), cycled([0, 1, 2], rows))


def german_excel(rows: int = 60) -> str:
    """What a German Excel saves as CSV: semicolons, decimal commas, a mark at the beginning."""
    numbers = [[f"{value:.2f}".replace(".", ",") for value in row] for row in floats(rows, 2)]
    return "\ufeffsep=;\r\nBreite;Höhe;Klasse\r\n" + lines(
        numbers, cycled(["rot", "grün"], rows), sep=";"
    ).replace("\n", "\r\n")


def savetxt(rows: int = 60) -> str:
    """What ``numpy.savetxt`` writes with a header."""
    return "# width,height,label\n" + lines(floats(rows, 2), cycled([0, 1], rows))


def survey(rows: int = 60) -> str:
    """Answers of which some are called NA or None."""
    return "a,b,answer\n" + lines(floats(rows, 2), cycled(["NA", "None", "yes"], rows))


def written(folder: Path, **files: str | bytes) -> Path:
    """``files`` in ``folder``, and the path of the first; ``__`` in a name stands for a point."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / next(iter(files)).replace("__", ".")
