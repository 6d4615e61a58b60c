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

"""The tests that kyua runs, with what an edited copy of the tree makes."""

import os
import re
import sys

from h_edit import run


class Programs:
    """What the copy's leaf makes, and the test programs that use it."""

    def __init__(self, tree, leaf, tests):
        self.leaf, self.tests = os.path.join(tree, leaf), tests

    def make(self):
        """Make it; what was said, if that failed."""
        status, said = run([os.environ.get("MAKE", "bmake")], self.leaf, 600)
        return said if status != 0 else None

    def test(self, programs):
        """Which of their tests fail?"""
        results = os.path.join(self.leaf, "obj/kyua.db")
        command = ["kyua", "--config=none", "--variable=unprivileged_user=nobody"]
        command += [f"--variable=parallelism={os.environ.get('TESTJOBS', '6')}"]
        command += ["test", f"--kyuafile={self.tests}/Kyuafile"]
        command += [f"--results-file={results}", *programs]
        status, said = run(command, self.tests, 900)
        if os.path.exists(results):
            os.unlink(results)
        failed = re.findall(r"^(\S+)  ->  (?:failed|broken)", said, re.MULTILINE)
        if status is None:
            failed.append("(too long)")
        elif not re.search(r"^[1-9]\d*/\d+ passed", said, re.MULTILINE) and not failed:
            sys.exit(f"{' '.join(command)}:\n{said}")
        return failed


class Library(Programs):
    """The library, and its C tests."""

    GROUPS = (
        ("t_nfslock", "t_relock", "t_theft", "t_directory", "t_faults", "t_wait"),
        ("t_stale", "t_living", "t_queue", "t_takeover", "t_squatters"),
        ("t_signals",),
    )

    def __init__(self, tree):
        objects = os.path.join(os.path.abspath(tree), "objects")
        super().__init__(os.path.abspath(tree), "lib/libnfslock", objects)
        self.cc = os.environ.get("CC", "cc")
        os.mkdir(objects)
        self.names = [name for group in self.GROUPS for name in group]
        with open(os.path.join(objects, "Kyuafile"), "w", encoding="utf-8") as file:
            file.write('syntax(2)\ntest_suite("NetBSD")\n')
            for name in self.names:
                file.write(f'atf_test_program{{name="{name}"}}\n')
        # Once: a mutant changes nothing but what they are linked with.
        sources = os.path.join(tree, "tests/lib/libnfslock")
        for name in [*self.names, "h_lock"]:
            source = os.path.abspath(f"{sources}/{name}.c")
            self.compile(f"-g -O1 -I{self.leaf} -c -o {name}.o {source}")

    def compile(self, arguments):
        status, said = run(f"{self.cc} {arguments}".split(), self.tests, 300)
        if status != 0:
            sys.exit(f"{self.cc} {arguments}:\n{said}")

    def make(self):
        said = super().make()
        if said is None:
            libraries = f"{self.leaf}/obj/libnfslock.a -lpthread"
            for name in self.names:
                self.compile(f"-o {name} {name}.o {libraries} -latf-c")
            self.compile(f"-o h_lock h_lock.o {libraries}")
        return said


class Agent(Programs):
    """mail.local, and its tests as they are installed."""

    GROUPS = (
        ("t_deliver", "t_order", "t_size"),
        ("t_fail", "t_lock", "t_spool", "t_recipients", "t_kill", "t_ids"),
    )

    def __init__(self, tree):
        tests = os.environ["MAIL_LOCAL_TESTS"]
        super().__init__(os.path.abspath(tree), "libexec/mail.local", tests)
        os.environ["MAIL_LOCAL"] = os.path.join(self.leaf, "obj/mail.local")

    def make(self):
        said = super().make()
        if said is None:
            os.chmod(os.environ["MAIL_LOCAL"], 0o4555)
        return said
