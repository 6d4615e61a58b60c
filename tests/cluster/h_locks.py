#!/usr/bin/env python3
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


"""Lockers of several hosts on one mailbox: h_locks.py VERSION SERVER CASE ..."""

import collections
import os
import sys

import cluster
from h_base import EXPORT

HERE = os.path.dirname(os.path.abspath(__file__))
CYCLES = HERE + "/h_cycles"
H_LOCK = HERE + "/../lib/libnfslock/h_lock"
SOAK = int(os.environ.get("NFSLOCK_SOAK", "1"))
DIRECTORY = "/nfs/tmp/locks"
MAILBOX, COUNTER = DIRECTORY + "/m", DIRECTORY + "/counter"

# As h_cycles.  It takes the kernel's lock on the mailbox first, as mailbox does.
PYTHON = r"""
import mailbox, sys, time
path, counter, seconds, pause = sys.argv[1:]
box = mailbox.mbox(path, create=False)
end, cycles = time.monotonic() + float(seconds), 0
while time.monotonic() < end:
	try:
		box.lock()
	except mailbox.ExternalClashError:
		time.sleep(0.1)
		continue
	with open(counter, "ab+") as file:
		size = file.seek(0, 2)
		file.seek(max(size - 12, 0))
		number = int(file.read(12) or 0) + 1
		file.write(b"%11d\n" % number)
	print(number)
	box.unlock()
	cycles += 1
	time.sleep(float(pause) / 1000)
print("cycles", cycles, "tries", 0)
"""

# dotlockfile -p takes the pid in a lock for one of its own host.  On several
# hosts it takes the locks of live processes of its own kind (the case pid: 7 of 96
# updates lost), and who is robbed removes the lock of whoever is next.  So it is on
# one host here.
MIXED = (
    ("new", "dotlockfile_p", "lockfile", "python"),
    ("kept", "dotlockfile", "lockfile", "python"),
    ("new", "kept", "dotlockfile", "python"))


def locker(kind, seconds, pause):
	"""The command of a locker that counts under its lock."""
	if kind == "python":
		return ["python3", "-c", PYTHON, MAILBOX, COUNTER, str(seconds),
		    str(pause)]
	return [CYCLES, "-c", COUNTER, "-s", str(seconds), "-w", str(pause), kind,
	    MAILBOX]


def set_up(nfs):
	# A directory that is removed stays in the other hosts' caches.
	nfs.clients[0].check("mkdir -p -m 1777 %s; : >>%s; : >%s" %
	    (DIRECTORY, MAILBOX, COUNTER))


def clean_up(nfs):
	"""Nothing may be left but what set_up() made."""
	left = nfs.server.check("ls -A %s/tmp/locks" % EXPORT).split()
	assert left == ["counter", "m"], left
	for client in nfs.clients:
		left = client.check("ls -A /dev/shm").split()
		assert not left, (client.name, left)


def run(nfs, kinds, seconds, pause=0):
	"""Count with these kinds of lockers on each host.

	Returns how many updates were lost, and prints which kinds met each other.
	"""
	jobs = [(client, kind, client.spawn(locker(kind, seconds, pause)))
	    for client, some in zip(nfs.clients, kinds) for kind in some]
	wrote = collections.defaultdict(list)
	cycles = collections.Counter()
	for client, kind, job in jobs:
		numbers = job.check(seconds + 120).split()
		*numbers, _, done, _, _ = numbers
		assert int(done) > 0, "%s on %s never got the lock" % (kind, client.name)
		cycles[kind] += int(done)
		for number in numbers:
			wrote[int(number)].append("%s on %s" % (kind, client.name))
	counted = sum(cycles.values())
	lost = counted - len(wrote)
	print("%d of %d updates lost in %d s: %s" % (lost, counted, seconds,
	    " ".join("%s %d" % item for item in sorted(cycles.items()))))
	met = collections.Counter(tuple(sorted(set(who)))
	    for who in wrote.values() if len(who) > 1)
	for who, times in met.most_common(5):
		print("%d x %s" % (times, ", ".join(who)))
	stands = nfs.server.check("cat %s/tmp/locks/counter" % EXPORT)
	should = "".join("%11d\n" % (n + 1) for n in range(counted))
	assert (stands == should) == (lost == 0), stands
	return lost


def control(nfs):
	"""Without a lock updates are lost, and that is seen."""
	set_up(nfs)
	assert run(nfs, [("none",)] * 3, 1) > 0
	clean_up(nfs)


def counter(nfs, seconds):
	"""Several processes of each host lock with libnfslock."""
	set_up(nfs)
	assert run(nfs, [("new", "new", "kept", "kept")] * 3, seconds) == 0
	clean_up(nfs)


def mixed(nfs, seconds):
	"""Lockers of all kinds that keep the rules, on all hosts.

	The pause leaves the lock to those that ask for it once in a second.
	"""
	set_up(nfs)
	assert run(nfs, MIXED, seconds, 200) == 0
	clean_up(nfs)


def survives(nfs):
	"""dotlockfile -p of other hosts takes no live lock of ours."""
	one, *others = nfs.clients
	set_up(nfs)
	holder = one.spawn("exec %s -h 600000 -r 500 %s echo locked" %
	    (H_LOCK, MAILBOX))
	cluster.until(60, "lock", lambda: holder.output)
	tries = [client.spawn("""
		n=0
		while [ $n -lt 20 ]; do
			dotlockfile -q -l -r 0 -p %s.lock
			[ $? -eq 4 ] || exit 1
			n=$((n + 1))
		done""" % MAILBOX) for client in others]
	for job in tries:
		job.check(60)
	# It says if the lock was touched.
	holder.kill("TERM")
	assert holder.check(60) == "locked\n"
	clean_up(nfs)


def pid(nfs, seconds):
	"""dotlockfile -p on several hosts: what it loses by itself."""
	set_up(nfs)
	print("dotlockfile -p lost %d" %
	    run(nfs, [("dotlockfile_p",)] * 3, seconds, 200))


def main(version, server, *cases):
	"""Cases: counter, mixed, and pid, which judges nothing."""
	cluster.isolate()
	with cluster.Cluster(version, server=server) as nfs:
		if "counter" in cases:
			control(nfs)
			counter(nfs, 5 * SOAK)
		if "mixed" in cases:
			survives(nfs)
			mixed(nfs, 20 * SOAK)
		if "pid" in cases:
			pid(nfs, 20)


if __name__ == "__main__":
	main(*sys.argv[1:])
