"""Reads NAME.mutant files: defects of the broker that its tests must notice.

A file says which rule is broken, what then goes wrong, and which tests must
fail, and then how to break it:

    Rule: advance the cursor before choosing the bytes
    What: an event that does not fit into a batch is never sent
    Tests: //tests/host/broker:stream_contract_test
    File: host/broker/stream.cc
    -  the lines as they are
    +  the lines of the mutant
       lines that stay, for where the others are not enough to be found

Text that is looked for must be in the file exactly once. There are no line
numbers, so that a mutant only has to be seen to when the lines themselves
change. An empty line ends a change; the next one may be of another file.
"""

import dataclasses
import pathlib


@dataclasses.dataclass
class Change:
    file: str
    old: str = ""
    new: str = ""


@dataclasses.dataclass
class Mutant:
    name: str
    rule: str = ""
    what: str = ""
    tests: list = dataclasses.field(default_factory=list)
    changes: list = dataclasses.field(default_factory=list)


class MutantError(Exception):
    """Says which mutant is wrong, and what of it."""


def read(path):
    """Returns the Mutant that the file says."""
    path = pathlib.Path(path)
    mutant = Mutant(path.stem)
    file = None
    open_change = False
    for line in path.read_text().splitlines():
        head, _, rest = line.partition(": ")
        if line == "":
            open_change = False
        elif line[0] in "+- ":
            if file is None:
                raise MutantError(f"{path.name}: no File: before {line!r}")
            if not open_change:
                mutant.changes.append(Change(file))
                open_change = True
            change = mutant.changes[-1]
            if line[0] != "+":
                change.old += line[1:] + "\n"
            if line[0] != "-":
                change.new += line[1:] + "\n"
        elif head == "Rule":
            mutant.rule = rest
        elif head == "What":
            mutant.what = rest
        elif head == "Tests":
            mutant.tests = rest.split()
        elif head == "File":
            file, open_change = rest, False
        else:
            raise MutantError(f"{path.name}: cannot read {line!r}")
    for field in ("rule", "what", "tests", "changes"):
        if not getattr(mutant, field):
            raise MutantError(f"{path.name}: no {field}")
    return mutant


def read_all(folder):
    """Returns the mutants of a folder, by name."""
    paths = sorted(pathlib.Path(folder).glob("*.mutant"))
    return {path.stem: read(path) for path in paths}


def apply(mutant, root):
    """Returns the mutated text of each file, by its path below `root`."""
    texts = {}
    for change in mutant.changes:
        if change.file not in texts:
            texts[change.file] = (pathlib.Path(root) / change.file).read_text()
        found = texts[change.file].count(change.old)
        if change.old == "" or found != 1:
            raise MutantError(
                f"{mutant.name}: what it changes is in {change.file} {found} "
                f"times, not once; adapt tests/mutants/{mutant.name}.mutant to "
                f"the code as it is now:\n{change.old}")
        if change.old == change.new:
            raise MutantError(f"{mutant.name}: changes nothing")
        texts[change.file] = texts[change.file].replace(change.old, change.new)
    return texts
