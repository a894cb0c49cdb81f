"""The binary interface is what it was: plugins that were built long ago are
loaded by the hosts of today."""

import pathlib
import subprocess
import unittest

GOLDEN = "tests/api/weir/abi_layout.txt"
CURE = """
Within a major version the interface only grows. A struct may get members at its
end, and then its size changes too; any other line of the file stays as it is.
If this is such an addition:
  bazel build //tests/api/weir:abi_layout_c
  bazel-bin/tests/api/weir/abi_layout_c >""" + GOLDEN


def layout(program):
    return subprocess.run([f"tests/api/weir/{program}"], capture_output=True,
                          text=True, check=True).stdout


class AbiLayoutTest(unittest.TestCase):
    maxDiff = None

    def test_c_has_the_layout_that_was_promised(self):
        self.assertMultiLineEqual(
            pathlib.Path(GOLDEN).read_text(), layout("abi_layout_c"), CURE)

    def test_cplusplus_has_the_same(self):
        self.assertMultiLineEqual(layout("abi_layout_c"),
                                  layout("abi_layout_cc"))


if __name__ == "__main__":
    unittest.main()
