# $NetBSD$
#
# Copyright (c) 2026 The libnfslock authors.
# All rights reserved.
#
# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions
# are met:
# 1. Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright
#    notice, this list of conditions and the following disclaimer in the
#    documentation and/or other materials provided with the distribution.
#
# THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
# ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
# IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
# ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
# FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
# DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
# OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
# LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
# OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
# SUCH DAMAGE.

"""Take each rule out of a copy of the tree, and see tests fail.

h_rules.py SOURCE RULES TREE [NAME ...]: with TREE -, only see that each edit is possible."""

import os
import sys

from h_edit import Edit, Edited, Simulation, copy
from h_programs import Library

# Tests that take no time.
SCRIPTED = ("parts", "protocol", "relock")


class Rule:
    def __init__(self, name):
        self.name, self.tests, self.edits = name, [], []


def rules(path):
    found, lines = [], []
    with open(path, encoding="utf-8") as file:
        for line in map(str.rstrip, file):
            mark, rest = line[:2], line[2:]
            if mark == "= ":
                found.append(Rule(rest))
            elif mark == "? ":
                found[-1].tests.append(rest.split())
            elif mark == "@ ":
                lines = []
                found[-1].edits.append((rest, lines))
            elif found and line[:1] in (" ", "-", "+"):
                lines.append(line)
    for rule in found:
        rule.edits = [Edit(file, lines) for file, lines in rule.edits]
    return found


class Tests:
    """All that a rule may name."""

    def __init__(self, tree, tests):
        self.simulation = Simulation(tree)
        in_c = any(program.startswith("t_") for program, *_ in tests)
        self.library = Library(tree) if in_c else None

    def failed(self, program, *names):
        """Which fail?"""
        if program.startswith("t_"):
            said = self.library.make()
            failed = self.library.test([":".join([program, *names])]) if not said else None
        else:
            quick = program in SCRIPTED
            failed, said = self.simulation.test([program], *names, quick=quick)
        if failed is None:
            sys.exit(f"it does not compile:\n{said}")
        return failed


def main(source, path, tree, *names):
    every = rules(path)
    if tree == "-":
        for rule in every:
            for edit in rule.edits:
                with open(os.path.join(source, edit.file), encoding="utf-8") as file:
                    edit.of(file.read())
        return 0
    copy(source, tree)
    wanted = [rule for rule in every if not names or rule.name in names]
    named = sorted({tuple(test) for rule in wanted for test in rule.tests})
    tests = Tests(tree, named)
    for test in named:
        failed = tests.failed(*test)
        if failed:
            sys.exit(f"with every rule there fails: {' '.join(failed)}")
    status = 0
    for rule in wanted:
        with Edited(tree, rule.edits):
            failed = [tests.failed(*test) for test in rule.tests]
        said = [name for some in failed for name in some]
        if not all(failed):
            status, said = 1, ["NOBODY MISSES IT"]
        print(f"{rule.name}:", *said, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
