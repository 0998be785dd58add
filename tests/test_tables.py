import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.tables import size, table


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_600, "1.0 MB"),
        (118_000_000, "118 MB"),
        (3_400_000_000, "3.4 GB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_sizes(count, text):
    assert size(count) == text


def test_columns_are_aligned_and_the_last_is_wrapped():
    rows = [("a", "one two three four five six seven"), ("longer", "")]
    assert table(rows, ("NAME", "WORDS"), width=32).splitlines() == [
        "NAME    WORDS",
        "a       one two three four five",
        "        six seven",
        "longer",
    ]
    assert table([]) == ""


@given(st.lists(st.tuples(st.text("ab", max_size=6), st.text("cd ", max_size=80)), max_size=5), st.integers(40, 120))
def test_no_line_is_wider_than_asked(rows, width):
    for line in table(rows, width=width).splitlines():
        assert len(line) <= width
