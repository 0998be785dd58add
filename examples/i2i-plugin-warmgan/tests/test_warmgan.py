"""The whole test of a plugin: i2i's own check of everything that core relies on."""

from i2i.testing import check_model


def test_warmgan():
    check_model("warmgan", width=4, depth=4, layers=2)
