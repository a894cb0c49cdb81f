"""Writes a program, C as well as C++, that prints the layout of every struct, the
value of every enumerator and every constant in the headers that are named. From
the headers themselves, so that nothing can be forgotten."""

import re
import sys

# Grows with each addition; that is its purpose.
NOT_FROZEN = {"WEIR_ABI_MINOR"}


def structs_of(text):
    """Each struct with the names of its members, in order."""
    found = re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", text, re.DOTALL)
    assert len(found) == text.count("typedef struct"), "a struct of another form"
    for name, body in found:
        yield name, [member for declaration in body.split(";")
                     if declaration.strip()
                     for member in members_of(" ".join(declaration.split()))]


def members_of(declaration):
    """`uint32_t a, b[8]` is a and b; `weir_str (*type)(void* ctx)` is type."""
    pointer = re.search(r"\(\*(\w+)\)", declaration)
    if pointer:
        return [pointer[1]]
    return [re.search(r"(\w+)(\[[^\]]*\])?$", part.strip())[1]
            for part in declaration.split(",")]


def constants_of(text):
    """Names of enumerators and of macros that are a number or a string."""
    for body in re.findall(r"\benum \{(.*?)\}", text, re.DOTALL):
        yield from (("%ld", name) for name in re.findall(r"(\w+) =", body))
    for name, value in re.findall(r"^#define (WEIR_\w+) (\S+)$", text, re.M):
        if name not in NOT_FROZEN and re.match(r'["\d(]', value):
            yield "%s" if value[0] == '"' else "%ld", name


def main():
    print("#include <stddef.h>\n#include <stdio.h>\n"
          '#include "weir/message_fields.h"\n#include "weir/plugin_abi.h"\n'
          '#include "weir/plugin_services.h"\n'
          "int main(void) {")
    for path in sys.argv[1:]:
        with open(path, encoding="ascii") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.DOTALL)
        for struct, members in structs_of(text):
            print(f'  printf("{struct} %zu\\n", sizeof({struct}));')
            for member in members:
                print(f'  printf("  {member} at %zu, %zu\\n", '
                      f"offsetof({struct}, {member}), "
                      f"sizeof((({struct}*)0)->{member}));")
        for form, name in constants_of(text):
            cast = "" if form == "%s" else "(long)"
            print(f'  printf("{name} = {form}\\n", {cast}{name});')
    print("  return 0;\n}")


main()
