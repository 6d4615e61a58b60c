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


"""What a lock and a delivery cost the server: h_costs.py VERSION

Prints a line for each: version, what, and each operation with how many RPCs of
it.  What is ours is held against d_rpcs: one RPC more fails.

The count of an operation is the least of several batches, since some vary.  READ
and ACCESS are not judged: a client reads a file and asks for access again if the
server's clock has ticked since its last change.  One release in 64 reads the
directory.  Delegations are switched off: the server gives and takes them as it
likes, and who has one asks for nothing, not even when it polls.
"""

import os
import sys
import textwrap
import time

import cluster

HERE = os.path.dirname(os.path.abspath(__file__))
CYCLES = HERE + "/h_cycles"
MAIL_LOCAL = os.environ.get("MAIL_LOCAL", "/usr/libexec/mail.local")
DIRECTORY = "/nfs/tmp/locks"
MAILBOX = DIRECTORY + "/m"
MESSAGE = "/run/message"
VARYING = {"ACCESS", "READ"}
BATCHES, BATCH = 5, 4
WAIT = 5

# procmail's own delivery, and nothing of its users' files.
PROCMAIL = "setpriv --reuid 2001 --regid 2001 --clear-groups" \
    " env HOME=/home/u1 LOGNAME=u1 procmail" \
    " MAILDIR=/var/mail DEFAULT=/var/mail/%s ORGMAIL=/var/mail/%s /dev/null"
DELIVERY = MAIL_LOCAL + " -f someone@example.org %s"


def counted(client, command):
	"""What a command sends: a Counter by operation, and the command's output."""
	before = client.rpcs()
	output = client.check(command)
	return client.rpcs() - before, output


def least(batches):
	"""The least of each operation."""
	common = set.intersection(*map(set, batches))
	return {name: min(batch[name] for batch in batches) for name in common}


def each(counts, batch):
	"""Per piece of a batch: what happens once in it does not count."""
	pieces = {name: (count + batch // 2) // batch
	    for name, count in counts.items()}
	return {name: count for name, count in pieces.items() if count}


def cycle(client, kind):
	"""RPCs of a lock's cycle."""
	command = [CYCLES, "-n", str(BATCH), kind, MAILBOX]
	client.check(command)
	return each(least([counted(client, command)[0] for _ in range(BATCHES)]),
	    BATCH)


def poll(client, other, kind):
	"""RPCs of one look at a lock that another host holds."""
	other.check("echo held >%s.lock" % MAILBOX)
	waiter = client.spawn([CYCLES, "-n", "1", kind, MAILBOX])
	# Till the pauses are as long as they get.
	time.sleep(2)
	before = client.rpcs(), time.monotonic()
	time.sleep(WAIT)
	sent = client.rpcs() - before[0]
	waited = time.monotonic() - before[1]
	other.check("rm -f %s.lock" % MAILBOX)
	tries = int(waiter.check(90).split()[-1])
	if kind in ("new", "kept"):
		# Before that time, the pauses doubled from 10 ms on.
		tries = (tries - 8) * waited / (waited + 2)
	else:
		tries = waited
	return each(sent, int(tries))


def delivery(client, command, existing):
	"""RPCs of a delivery, to one user again and again or each to another."""
	batches = []
	for number in range(BATCHES):
		user = "u2" if existing else "u%d" % (2 + number)
		batches.append(counted(client, "%s <%s" %
		    (command.replace("%s", user), MESSAGE))[0])
		if not existing:
			client.check("rm /var/mail/" + user)
	return each(least(batches[2:]), 1)


def expected():
	"""What d_rpcs has: by version and what, the count of each operation."""
	table = {}
	with open(HERE + "/d_rpcs") as file:
		for line in file:
			version, what, *counts = line.split()
			table.setdefault((version, what), {}).update((name, int(count))
			    for name, count in (word.split("=") for word in counts))
	return table


def compare(version, what, counts, table):
	"""Print it; answers whether it has grown."""
	begin = "%s %s " % (version, what)
	print(textwrap.fill(
	    " ".join("%s=%d" % item for item in sorted(counts.items())), 80,
	    initial_indent=begin, subsequent_indent=begin))
	print("\t%d in all" % sum(counts.values()))
	if (version, what) not in table:
		return False
	before = table[version, what]
	grown = [name for name in counts.keys() - VARYING
	    if counts[name] > before.get(name, 0)]
	for name in grown:
		print("\tThat is more %s than %d." % (name, before.get(name, 0)))
	if any(counts.get(name, 0) < before[name] for name in before.keys() - VARYING):
		print("\tThat is less than %d: record it." % sum(before.values()))
	return bool(grown)


def main(version):
	cluster.isolate()
	table = expected()
	grown = []

	def tell(what, counts):
		if compare(version, what, counts, table):
			grown.append(what)

	with cluster.Cluster(version, clients=2) as nfs:
		one, two = nfs.clients
		nfs.server.check("echo 0 >/proc/sys/fs/leases-enable")
		one.check("mkdir -m 1777 %s && : >%s &&"
		    " printf 'Subject: small\n\nA message.\n' >%s" %
		    (DIRECTORY, MAILBOX, MESSAGE))
		for kind in "new", "kept", "bare", "dotlockfile", "lockfile":
			tell("cycle." + kind, cycle(one, kind))
		for kind in "new", "dotlockfile", "lockfile":
			tell("poll." + kind, poll(one, two, kind))
		for name, command in ("mail.local", DELIVERY), ("procmail", PROCMAIL):
			tell("first." + name, delivery(one, command, False))
			tell("delivery." + name, delivery(one, command, True))
			one.check("rm /var/mail/*")
	if grown:
		sys.exit("%s: more RPCs than before" % ", ".join(grown))


main(*sys.argv[1:])
