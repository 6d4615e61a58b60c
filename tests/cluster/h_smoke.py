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


"""That the cluster is what it says, and that its faults are: h_smoke.py VERSION"""

import sys

import cluster

# The lock is one for each kernel: were they one, no update would be lost.
COUNT = r"""
import fcntl, time
lock = open("/dev/shm/lock", "w")
end, count = time.monotonic() + 3, 0
while time.monotonic() < end:
	fcntl.flock(lock, fcntl.LOCK_EX)
	with open("/nfs/tmp/counter") as file:
		value = int(file.read().strip("\0") or 0)
	with open("/nfs/tmp/counter", "w") as file:
		file.write(str(value + 1))
	fcntl.flock(lock, fcntl.LOCK_UN)
	count += 1
print(count)
"""
LINK = r"""
import os
open("/nfs/tmp/a", "w").close()
try:
	os.link("/nfs/tmp/a", "/nfs/tmp/b")
	print("linked", end=" ")
except FileExistsError:
	print("EEXIST", end=" ")
# A fresh open, since NFS 4.0 keeps the count that it knew.
print(os.fstat(os.open("/nfs/tmp/a", os.O_RDONLY)).st_nlink)
"""
APPEND = r"""
import os
file = os.open("/nfs/tmp/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
for number in range(3000):
	os.write(file, b"%d\n" % number)
	os.fsync(file)
	print(number, flush=True)
"""


def mounts(nfs, version):
	"""The mounts are what was asked for."""
	for client in nfs.clients:
		options = client.mounted()
		assert "vers=" + version in options, options
		assert ("nolock" in options) == (version == "3"), options
		assert "hard" in options and "noac" not in options, options
	assert len({client.check("hostname") for client in nfs.clients}) == 3


def independent(nfs):
	"""Each client is a kernel of its own, which loses the others' updates."""
	one = nfs.clients[0]
	one.check("echo 0 >/nfs/tmp/counter")
	jobs = [client.spawn(["python3", "-c", COUNT]) for client in nfs.clients]
	counted = sum(int(job.check()) for job in jobs)
	reached = int(one.check("cat /nfs/tmp/counter"))
	print("counter: %d of %d" % (reached, counted))
	assert reached < counted


def lost_reply(nfs, version):
	"""A link that was made, and whose reply was lost, fails; not in a session."""
	one = nfs.clients[0]
	one.unmount()
	one.proxied = True
	one.mount()
	fault = nfs.proxy.fault("LINK", "lose_reply")
	said = one.check(["python3", "-c", LINK])
	fault.wait()
	assert fault.met == 2, fault.met
	assert said == ("EEXIST 2\n" if version in ("3", "4.0") else "linked 2\n"), said
	one.unmount()
	one.proxied = False
	one.mount()


def killed_client(nfs):
	"""A client loses its power, and is started again."""
	two, three = nfs.clients[1:]
	boot = "cat /proc/sys/kernel/random/boot_id"
	before = three.check(boot)
	job = three.spawn("echo left >/nfs/tmp/left; sync /nfs/tmp/left; echo; sleep 600")
	cluster.until(60, "file of client3", lambda: job.output)
	three.kill()
	assert two.check("cat /nfs/tmp/left") == "left\n"
	three.start()
	assert three.check(boot) != before
	assert three.check("cat /nfs/tmp/left") == "left\n"


def partition(nfs):
	"""A client that is cut off hangs, and goes on."""
	one, two = nfs.clients[:2]
	two.check("echo before >/nfs/tmp/cut")
	two.partition()
	job = two.spawn("echo after >/nfs/tmp/cut && sync /nfs/tmp/cut")
	for _ in range(3):
		one.check("echo more >>/nfs/tmp/others && sync /nfs/tmp/others")
	assert job.poll() is None
	assert nfs.server.check("cat /srv/export/tmp/cut") == "before\n"
	two.heal()
	job.check(120)
	assert nfs.server.check("cat /srv/export/tmp/cut") == "after\n"


def crash(nfs):
	"""What was synced before the server's crash is there after it."""
	one = nfs.clients[0]
	job = one.spawn(["python3", "-c", APPEND])
	cluster.until(60, "some records", lambda: job.output.count("\n") > 20)
	nfs.server.kill()
	synced = job.output
	assert job.poll() is None
	nfs.server.start()
	assert nfs.server.check("cat /srv/export/tmp/log").startswith(synced)
	assert job.check(120) == one.check("cat /nfs/tmp/log")


def main(version, server="nfsd"):
	cluster.isolate()
	with cluster.Cluster(version, server=server) as nfs:
		mounts(nfs, version)
		independent(nfs)
		lost_reply(nfs, version)
		killed_client(nfs)
		partition(nfs)
		crash(nfs)


main(*sys.argv[1:])
