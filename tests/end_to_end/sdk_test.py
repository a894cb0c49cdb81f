"""From an installed SDK to messages handled, outside of the tree, by each compiler
that is here: what somebody without Bazel does."""

import json
import os
import pathlib
import shutil
import subprocess

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
"""

# Pairs of a C++ and a C compiler that each must do.
COMPILERS = {"gxx": ("g++", "gcc"), "clang": ("clang++-14", "clang-14")}


class SdkTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.prefix = self.dir / "sdk"
        self.install_sdk(self.prefix)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(self.dir),
                    "TMPDIR": str(self.dir), "LC_ALL": "C",
                    "PKG_CONFIG_PATH": f"{self.prefix}/share/pkgconfig"}

    def install_sdk(self, *args, **kwargs):
        return self.run_tool([harness.runfile("tools/install_sdk"), *args],
                             **kwargs)

    def run_tool(self, argv, code=0, **kwargs):
        done = subprocess.run([str(a) for a in argv], capture_output=True,
                              text=True, timeout=harness.PATIENCE_S,
                              check=False, **kwargs)
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.stdout}{done.stderr}")
        return done

    def compilers(self):
        """Those that are here; says so of the others."""
        here = {}
        for name, pair in COMPILERS.items():
            if all(shutil.which(c, path=self.env["PATH"]) for c in pair):
                here[name] = pair
            else:
                print(f"SKIPPED: no {pair[0]} and {pair[1]}")
        self.assertTrue(here, "a compiler")
        return here

    def make(self, folder, compilers, *args, **kwargs):
        cxx, cc = compilers
        strict = "-O2 -Wall -Wextra -Werror"
        return self.run_tool(
            ["make", "-C", folder, f"CXX={cxx}", f"CC={cc}",
             f"CXXFLAGS={strict}", f"CFLAGS={strict}", *args],
            env=self.env, **kwargs)

    def new_plugin(self, name, *args):
        done = self.run_tool([harness.runfile("cli/weir"), "plugin", "new", name,
                              "--directory", self.dir, *args])
        self.assertEqual(done.stderr, "")
        return self.dir / name

    def test_a_new_plugin_is_built_tested_and_loaded(self):
        folder = self.dir / "plugins"
        folder.mkdir()
        names = []
        for compiler, pair in self.compilers().items():
            for language in ("c", "cpp"):
                name = f"{language}-by-{compiler}"
                plugin = self.new_plugin(name, "--language", language)
                self.make(plugin, pair, "test")
                checked = self.make(plugin, pair, "check",
                                    f"WEIR={harness.runfile('cli/weir')}")
                self.assertIn(" 0 failed,", checked.stdout)
                self.make(plugin, pair, "install", f"PLUGINS={folder}")
                names.append(name)
        sim = self.start_sim("--rate", "3000")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        listed = [json.loads(line) for line in
                  self.weir(host, "--json", "plugins")]
        self.assertEqual({p["name"]: (p["state"], p["version"]) for p in listed},
                         {f"plugins/{name}": ("STATE_RUNNING", "0.1.0")
                          for name in names})
        for name in names:
            with self.subTest(name):
                # A line for an event that it emitted at the thousandth message.
                harness.until(
                    lambda name=name: self.events(
                        host, "--source", f"plugins/{name}", "--type",
                        "updates.seen"), f"{name} has seen a thousand updates")
                stats = self.plugin_stats(host, name)
                self.assertGreaterEqual(int(stats["processed_ok"]), 1000)
                self.assertEqual(int(stats.get("processed_error", 0)), 0)
                self.assertEqual(int(stats["queue_capacity"]), 1024)

    def test_every_header_stands_alone(self):
        headers = sorted((self.prefix / "include/weir").glob("*.h"))
        self.assertIn("sdk.h", [header.name for header in headers])
        for cxx, _ in self.compilers().values():
            for header in headers:
                self.run_tool([cxx, "-std=c++20", "-Wall", "-Wextra", "-Werror",
                               f"-I{self.prefix}/include", "-fsyntax-only",
                               "-x", "c++", "-include", header, "/dev/null"],
                              env=self.env)

    def test_the_headers_of_the_c_interface_are_c(self):
        for _, cc in self.compilers().values():
            for header in ("plugin_abi.h", "message_fields.h"):
                self.run_tool([cc, "-std=c11", "-Wall", "-Wextra", "-Werror",
                               "-pedantic", f"-I{self.prefix}/include",
                               "-fsyntax-only", "-x", "c", "-include",
                               f"weir/{header}", "/dev/null"], env=self.env)

    def test_the_sdk_may_be_moved(self):
        plugin = self.new_plugin("moved")
        self.prefix.rename(self.dir / "elsewhere")
        self.env["PKG_CONFIG_PATH"] = f"{self.dir}/elsewhere/share/pkgconfig"
        self.make(plugin, next(iter(self.compilers().values())))
        self.assertTrue((plugin / "moved.so").exists())

    def test_make_says_how_to_get_an_sdk_that_is_not_there(self):
        plugin = self.new_plugin("lonely")
        self.env["PKG_CONFIG_PATH"] = str(self.dir)
        done = self.make(plugin, ("g++", "gcc"), code=2)
        self.assertIn("no SDK: install it with tools/install_sdk", done.stderr)

    def test_make_install_needs_a_folder_and_keeps_the_operators_settings(self):
        plugin = self.new_plugin("settled")
        pair = next(iter(self.compilers().values()))
        done = self.make(plugin, pair, "install", code=2)
        self.assertIn("make install PLUGINS=FOLDER", done.stderr)
        folder = self.dir / "plugins"
        folder.mkdir()
        (folder / "settled.yaml").write_text("settings: {policy: block}\n")
        self.make(plugin, pair, "install", f"PLUGINS={folder}")
        self.assertEqual((folder / "settled.yaml").read_text(),
                         "settings: {policy: block}\n")
        self.assertEqual(sorted(os.listdir(folder)),
                         ["settled.so", "settled.yaml"])

    def test_install_sdk_says_what_it_takes(self):
        for args, complaint in (((), "takes one argument"),
                                (("",), "is no folder"),
                                (("--help",), "is no folder"),
                                (("/tmp/a b",), "has a space")):
            with self.subTest(args):
                done = self.install_sdk(*args, code=2)
                self.assertIn(complaint, done.stderr)

    def test_install_sdk_takes_a_folder_from_where_it_is_called(self):
        self.install_sdk("here", cwd=self.dir)
        self.assertEqual(
            sorted(p.name for p in (self.dir / "here").rglob("*.pc")),
            ["weir-plugin-c.pc", "weir-plugin.pc"])
        headers = pathlib.Path("api/weir").glob("*.h")
        self.assertEqual(
            sorted(p.name for p in (self.dir / "here").rglob("*.h")),
            sorted(p.name for p in headers))


if __name__ == "__main__":
    harness.main()
