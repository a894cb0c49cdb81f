"""The mutants of this folder can be made of the sources as they are, so that
tools/mutants, which is too slow to run each time, can be run at any time."""

import pathlib
import re
import tempfile
import unittest

from tests.mutants import mutant

# What a broker of cursors must not do; each has at least one mutant.
RULES = {
    "advance the cursor before choosing the bytes",
    "read visible before clearing writing",
    "drop the tick backstop",
    "off by one at the edges of chunks",
    "publish visible before COMMIT",
    "heartbeat cursor from visible instead of the scan position",
    "reuse ids after an unclean stop",
    "forget the gap count of filtered streams",
    "take a position of another log for one of this",
    "let append times go back with the clock",
    "hide what the machine forgot",
    "let retention take the young or keep the old",
    "begin at a time behind what is gone",
    "take a part of what was published together",
    "believe what a damaged row says",
    "tell nobody of what became visible",
    "resume from somewhere else than the cursor",
}


class MutantsTest(unittest.TestCase):

    def setUp(self):
        self.mutants = mutant.read_all("tests/mutants")

    def test_can_all_be_made_of_the_sources(self):
        for each in self.mutants.values():
            with self.subTest(each.name):
                texts = mutant.apply(each, ".")
                for file, text in texts.items():
                    self.assertNotEqual(text, pathlib.Path(file).read_text())

    def test_break_each_rule(self):
        self.assertEqual({each.rule for each in self.mutants.values()}, RULES)

    def test_name_tests_that_exist(self):
        for each in self.mutants.values():
            for label in each.tests:
                package, name = re.fullmatch(r"//([^:]+):(\w+)", label).groups()
                build = pathlib.Path(package, "BUILD.bazel").read_text()
                self.assertTrue(f'name = "{name}"' in build,
                                f"{each.name}: there is no {label}")

    def test_are_refused_if_the_code_is_not_what_they_change(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "x.mutant")
            path.write_text("Rule: r\nWhat: w\nTests: //a:b\nFile: f\n-old\n+new\n")
            file = pathlib.Path(folder, "f")
            for text, error in (("other\n", "0 times"), ("old\nold\n", "2 times")):
                file.write_text(text)
                with self.assertRaisesRegex(mutant.MutantError, error):
                    mutant.apply(mutant.read(path), folder)
            file.write_text("1\nold\n2\n")
            self.assertEqual(mutant.apply(mutant.read(path), folder),
                             {"f": "1\nnew\n2\n"})


if __name__ == "__main__":
    unittest.main()
