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

"""Run the tests against every mutant that cargo-mutants makes of the code.

h_mutants.py SOURCE EQUIVALENT TREE library|delivery [PATTERN]

TREE is made, a copy; PATTERN selects mutants by a part of their names.  What fails
first kills a mutant: the simulation's quick tests; the C tests of the library, or
those of mail.local, installed in the directory MAIL_LOCAL_TESTS; and, for the library,
the exploration of many schedules."""

import collections
import json
import os
import re
import sys

from h_edit import Edit, Edited, Simulation, copy, run
from h_programs import Agent, Library

# Where the code is, and what kills its mutants.  Scripted tests are over before
# a compiler has optimised them.
Stages = collections.namedtuple(
    "Stages", "package leaf files programs quick scripted limit long"
)
STAGES = {
    "library": Stages(
        "nfslock",
        "lib/libnfslock",
        "breaker claim filesystem guard identity lock name observation patience queue timing",
        Library,
        quick=("parts", "protocol", "relock"),
        scripted=True,
        limit=60,
        long=("explore_few", "explore_neighbours", "explore_many"),
    ),
    "delivery": Stages(
        "mail-local",
        "libexec/mail.local",
        "delivery dotlock mailbox",
        Agent,
        quick=("deliveries",),
        scripted=False,
        limit=300,
        long=(),
    ),
}


def mutants(tree, stages):
    command = [os.environ.get("CARGO", "cargo"), "mutants", "--dir", tree]
    command += ["--package", stages.package, "--list", "--json", "--diff"]
    for name in stages.files.split():
        command += ["--file", f"{stages.leaf}/{name}.rs"]
    status, said = run(command, tree, 300)
    if status != 0:
        sys.exit(f"{' '.join(command)}:\n{said}")
    return json.loads(said)


class Mutant:
    def __init__(self, told):
        # The name begins with a place, that others' edits move.
        place, what = told["name"].split(": ", 1)
        self.place = place
        self.name = f"{told['file']}: {what}"
        _, _, hunk, *lines = told["diff"].splitlines()
        at = int(re.match(r"@@ -(\d+)", hunk)[1]) - 1
        self.edit = Edit(told["file"], lines, at)
        self.line = told["span"]["start"]["line"]

    def source(self, tree):
        """The line in which it begins."""
        with open(os.path.join(tree, self.edit.file), encoding="utf-8") as file:
            return file.read().splitlines()[self.line - 1].strip()


def equivalents(path):
    """Mutants that no test can kill: their names, and the lines they are in."""
    known, name = {}, None
    with open(path, encoding="utf-8") as file:
        for line in map(str.rstrip, file):
            if line.startswith("= "):
                name = line[2:]
            elif line.startswith("| "):
                known[name, line[2:]] = 0
    return known


def verdict(mutant, stages, programs, simulation, tree):
    """What becomes of a mutant, and what killed it."""
    with Edited(tree, [mutant.edit]):
        if stages.scripted:
            failed, _ = simulation.test(stages.quick, limit=stages.limit, quick=True)
        else:
            failed, _ = simulation.first(*stages.quick, limit=stages.limit)
        if failed is None:
            return "unviable", []
        if failed:
            return "timeout" if "(too long)" in failed else "simulation", failed
        if programs.make():
            return "unviable", []
        for group in programs.GROUPS:
            failed = programs.test(group)
            if failed:
                return "tests", failed
        failed, _ = simulation.test(stages.long, limit=1200) if stages.long else ([], "")
        return ("exploration", failed) if failed else ("MISSED", [])


def main(source, path, tree, which, pattern=""):
    stages, tree = STAGES[which], os.path.abspath(tree)
    copy(source, tree)
    simulation, programs = Simulation(tree), stages.programs(tree)
    known = equivalents(path)
    counts = collections.Counter()
    # Nothing fails as it is, or nothing would be told by that.
    failed, said = simulation.test(stages.quick, quick=stages.scripted)
    said = said if failed or failed is None else programs.make()
    said = said or [name for group in programs.GROUPS for name in programs.test(group)]
    if said:
        sys.exit(f"tests fail without any mutant: {said}")
    for mutant in map(Mutant, mutants(tree, stages)):
        if not re.search(pattern, f"{mutant.place} {mutant.name}"):
            continue
        key = mutant.name, mutant.source(tree)
        if key in known:
            known[key] += 1
            what, by = "equivalent", []
        else:
            what, by = verdict(mutant, stages, programs, simulation, tree)
        counts[what] += 1
        print(f"{what}: {mutant.place}: {' | '.join(key)}:", *by[:3], flush=True)
    for (name, line), seen in known.items():
        if not seen and not pattern and name.startswith(stages.leaf):
            counts["MISSED"] += 1
            print(f"there is no such mutant any more: {name} | {line}")
    print("mutants:", ", ".join(f"{number} {what}" for what, number in counts.items()))
    return 1 if counts["MISSED"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
