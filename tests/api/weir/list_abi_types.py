"""Writes a C file whose shared object carries every struct of the headers that
are named in its debug information, so that abidiff can compare them, down to the
parameters of each function pointer, with those of another day."""

import re
import sys


def main():
    print('#include "weir/message_fields.h"\n#include "weir/plugin_abi.h"\n'
          '#include "weir/plugin_services.h"')
    for path in sys.argv[1:]:
        with open(path, encoding="ascii") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.DOTALL)
        for name in re.findall(r"\} (weir_\w+);", text):
            print(f"void takes_{name}(const {name}* value);\n"
                  f"void takes_{name}(const {name}* value) {{ (void)value; }}")
    print("const weir_plugin* weir_plugin_entry_v1(uint32_t major, uint32_t "
          "minor) {\n  (void)major, (void)minor;\n  return NULL;\n}")


main()
