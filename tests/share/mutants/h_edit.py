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

"""Edits in a copy of the tree, each of which has to turn a test red."""

import os
import re
import shutil
import signal
import subprocess

# What a copy is made of: the crates that ship, and all that tests them.
PARTS = ("Cargo.toml", "Cargo.lock", "lib", "libexec", "share", "tests")

# In which crate of tests/ the programs of the simulation are.
CRATES = {"deliveries": "mail-local-sim"}
CRATE = "nfslock-sim"


def copy(source, tree):
    """Copy the tree, without what was built in it."""
    os.mkdir(tree)
    for part in PARTS:
        path = os.path.join(source, part)
        if os.path.isdir(path):
            built = shutil.ignore_patterns("obj", "target")
            shutil.copytree(path, os.path.join(tree, part), ignore=built)
        else:
            shutil.copy(path, tree)


class Edit:
    """Lines of one file: what goes (-), what comes (+), and what stays."""

    def __init__(self, file, lines, at=None):
        self.file, self.at = file, at
        self.old = "".join(line[1:] + "\n" for line in lines if line[:1] in " -")
        self.new = "".join(line[1:] + "\n" for line in lines if line[:1] in " +")

    def of(self, text):
        """The text after the edit, which has to be possible in one way."""
        if self.at is not None:
            lines = text.splitlines(keepends=True)
            before, text = "".join(lines[: self.at]), "".join(lines[self.at :])
            if not text.startswith(self.old):
                raise ValueError(f"{self.file}:{self.at} is not\n{self.old}")
            return before + self.new + text[len(self.old) :]
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} does not have this once:\n{self.old}")
        return text.replace(self.old, self.new)


class Edited:
    """A tree in which edits are made, for as long as this lasts."""

    def __init__(self, tree, edits):
        self.tree, self.edits, self.before = tree, edits, {}

    def __enter__(self):
        after = {}
        for edit in self.edits:
            path = os.path.join(self.tree, edit.file)
            if path not in after:
                with open(path, encoding="utf-8") as file:
                    after[path] = self.before[path] = file.read()
            after[path] = edit.of(after[path])
        write(after)

    def __exit__(self, *_):
        write(self.before)


def write(texts):
    for path, text in texts.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def run(command, directory, limit, **environment):
    """The status of a command, None if it took too long, and what it said."""
    child = subprocess.Popen(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=limit)
        return child.returncode, said
    except subprocess.TimeoutExpired:
        # With the tests that it runs.
        os.killpg(child.pid, signal.SIGKILL)
        said, _ = child.communicate()
        return None, said


class Simulation:
    """The simulation's programs, built in a copy of the tree."""

    def __init__(self, tree):
        self.directory = os.path.join(tree, "tests")
        self.target = os.path.join(os.path.abspath(tree), "target")

    def cargo(self, programs, *arguments, limit, quick):
        packages = {CRATES.get(program, CRATE) for program in programs}
        command = [os.environ.get("CARGO", "cargo"), "test", "--locked"]
        for package in sorted(packages):
            command += ["--package", package]
        for program in programs:
            command += ["--test", program]
        environment = {"CARGO_TARGET_DIR": self.target, "RUSTFLAGS": "--cap-lints=allow"}
        if quick:
            # Building takes longer than running does.
            environment["CARGO_PROFILE_DEV_OPT_LEVEL"] = "0"
        return run([*command, *arguments], self.directory, limit, **environment)

    def test(self, programs, name="", limit=600, quick=False):
        """Which tests fail?  None: they cannot be built."""
        options = {"limit": limit, "quick": quick}
        status, said = self.cargo(programs, "--no-run", **options)
        if status != 0:
            return None, said
        status, said = self.cargo(programs, "--no-fail-fast", "--", name, **options)
        failed = [line.split()[1] for line in said.splitlines() if is_failure(line)]
        if status is None:
            failed.append("(too long)")
        elif status != 0 and not failed:
            failed.append("(the program)")
        elif " passed; " not in said:
            failed.append("(no test)")
        return failed, said

    def first(self, program, limit):
        """The first test that fails, of a program whose tests take long."""
        status, said = self.cargo([program], "--", "--list", limit=600, quick=False)
        if status != 0:
            return None, said
        for name in re.findall(r"^(\w+): test$", said, re.MULTILINE):
            failed, said = self.test([program], name, limit)
            if failed:
                return failed, said
        return [], said


def is_failure(line):
    return line.startswith("test ") and line.endswith(" ... FAILED")
