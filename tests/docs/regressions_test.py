"""Each test that docs/regressions.md names is in the sources, and each defect
has at least one."""

import pathlib
import re
import unittest


def rows():
    """The defect and the test of each row; a defect holds for the rows below."""
    defect = ""
    for line in pathlib.Path("docs/regressions.md").read_text().splitlines():
        if not line.startswith("| ") or line.startswith("| Defect"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        defect = cells[0] or defect
        yield defect, cells[1]


def tests():
    """All suites and names in the sources that are with this test."""
    found = set()
    for path in pathlib.Path("tests").rglob("*_test.cc"):
        found.update(
            f"{suite}.{name}" for suite, name in re.findall(
                r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", path.read_text(),
                re.MULTILINE))
    return found


class RegressionsTest(unittest.TestCase):

    def test_each_test_that_the_page_names_exists(self):
        known = tests()
        self.assertGreater(len(known), 20)
        for defect, cell in rows():
            name = re.fullmatch(r"`(\w+\.\w+)`", cell)
            self.assertTrue(name, f"{defect}: no test in {cell!r}")
            self.assertIn(name[1], known, defect)

    def test_the_page_has_every_defect(self):
        self.assertEqual(len({defect for defect, _ in rows()}), 49)


if __name__ == "__main__":
    unittest.main()
