"""The flags of weir-plugin.pc are those of bazel/plugin.bzl: whoever builds a
plugin outside of the tree gets what we get."""

import pathlib
import re
import unittest


class Native:
    """Takes what a rule is called with."""

    def cc_binary(self, **attributes):
        self.binary = attributes


def bazel_flags(source):
    """What plugin.bzl, which is Python as well, compiles and links with."""
    native = Native()
    scope = {"native": native,
             "select": lambda branches: branches["//conditions:default"]}
    exec(pathlib.Path("bazel/plugin.bzl").read_text(), scope)
    scope["weir_plugin"](name="x", srcs=[source])
    return native.binary["copts"], native.binary["linkopts"]


def pkg_config_flags(package):
    """Its Cflags and Libs, without what a path or a language asks for."""
    text = pathlib.Path(f"api/{package}.pc").read_text()
    cflags = re.search("^Cflags: -I\\${prefix}/include -std=(\\S+) (.*)$", text,
                       re.M)
    libs = re.search("^Libs: -shared (.*)$", text, re.M)
    return cflags[1], cflags[2].split(), libs[1].split()


def installed(flag):
    return flag.replace("$(location //bazel:plugin.map)",
                        "${prefix}/share/weir/weir_plugin.map")


class SdkFlagsTest(unittest.TestCase):

    def test_are_bazels_for_cplusplus(self):
        standard, cflags, libs = pkg_config_flags("weir-plugin")
        copts, linkopts = bazel_flags("x.cc")
        self.assertEqual(standard, "c++20")
        self.assertEqual(cflags, copts)
        self.assertEqual(libs, [installed(flag) for flag in linkopts])

    def test_are_bazels_for_c_but_for_what_only_cplusplus_has(self):
        standard, cflags, libs = pkg_config_flags("weir-plugin-c")
        copts, linkopts = bazel_flags("x.c")
        self.assertEqual(standard, "c11")
        # C has no symbols that are unique.
        self.assertEqual(cflags, [c for c in copts if c != "-fno-gnu-unique"])
        self.assertEqual(libs, [installed(flag) for flag in linkopts])

    def test_belong_to_the_version_that_a_plugin_says_it_was_built_with(self):
        number = re.search(r"^ +(\d{5,}), ",
                           pathlib.Path("api/weir/sdk.h").read_text(), re.M)
        version = "%d.%d.%d" % (int(number[1]) // 10000,
                                int(number[1]) // 100 % 100,
                                int(number[1]) % 100)
        for package in ("weir-plugin", "weir-plugin-c"):
            text = pathlib.Path(f"api/{package}.pc").read_text()
            self.assertIn(f"\nVersion: {version}\n", text)


if __name__ == "__main__":
    unittest.main()
