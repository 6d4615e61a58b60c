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


"""How fast hosts lock and deliver over NFS: h_throughput.py [quick] [VERSION ...]

Prints tables: cycles a second of all hosts together, each with one process, on
one mailbox and each on its own, and deliveries a second.
"""

import os
import statistics
import sys

import cluster

HERE = os.path.dirname(os.path.abspath(__file__))
CYCLES = os.environ.get("H_CYCLES", HERE + "/h_cycles")
MAIL_LOCAL = os.environ.get("MAIL_LOCAL", "/usr/libexec/mail.local")
DIRECTORY = "/nfs/tmp/locks"
KINDS = "new", "kept", "dotlockfile", "lockfile"

DELIVER = r"""
begin=$(date +%%s%%N)
for i in $(seq %d); do
	%s <<-EOF || exit
	Subject: small

	A message.
	EOF
done
echo $((($(date +%%s%%N) - begin) / 1000000))
"""
AGENTS = {
    "mail.local": MAIL_LOCAL + " -f someone@example.org -m /var/mail/%s u1",
    "procmail": "setpriv --reuid 2001 --regid 2001 --clear-groups"
	" env HOME=/home/u1 LOGNAME=u1 procmail MAILDIR=/var/mail"
	" DEFAULT=/var/mail/%s ORGMAIL=/var/mail/%s /dev/null"}


def cycles(clients, kind, seconds, processes=1, many=False):
	"""Cycles a second of all of these hosts together."""
	jobs = [client.spawn([CYCLES, "-s", str(seconds), kind, "%s/m%s" %
	    (DIRECTORY, "%s.%d" % (client.name, number) if many else "")])
	    for client in clients for number in range(processes)]
	# A peer may be asleep yet, or be at its last try.
	return sum(int(job.check(seconds + 120).split()[1])
	    for job in jobs) / seconds


def deliveries(clients, agent, number, many=False):
	"""Deliveries a second of all of these hosts together."""
	jobs = []
	for client in clients:
		name = "many." + client.name if many else "one"
		jobs.append(client.spawn(DELIVER %
		    (number, AGENTS[agent].replace("%s", agent + "." + name))))
	longest = max(int(job.check(number * 10 + 60)) for job in jobs)
	return len(clients) * number * 1000 / longest


def ratio(clients, kind, to, seconds, times):
	"""The middle one of several ratios, each of two that ran one after the other."""
	return statistics.median(cycles(clients, kind, seconds) /
	    max(cycles(clients, to, seconds), 1 / seconds) for _ in range(times))


def row(name, numbers):
	print("%-40s %s" % (name, " ".join("%8.2f" % n for n in numbers)))
	sys.stdout.flush()


def table(nfs, version, quick):
	seconds, number, some = (1, 3, (1, 3)) if quick else (4, 16, (1, 2, 3))
	clients = nfs.clients
	clients[0].check("mkdir -m 1777 %s" % DIRECTORY)
	row("NFS %s: hosts" % version, some)
	for kind in KINDS:
		for many in False, True:
			row("%s, %s" % (kind, "many mailboxes" if many else
			    "one mailbox"), [cycles(clients[:hosts], kind, seconds,
			    many=many) for hosts in some])
	for kind in "new", "kept":
		row("%s, one mailbox, 4 processes each" % kind,
		    [cycles(clients[:hosts], kind, seconds, 4) for hosts in some])
	row("bare", [cycles(clients[:1], "bare", seconds)])
	for agent in AGENTS:
		for many in False, True:
			row("deliveries: %s, %s" % (agent, "many mailboxes" if many else
			    "one mailbox"), [deliveries(clients[:hosts], agent, number,
			    many) for hosts in some])
	times = 1 if quick else 5
	for kind in "new", "kept":
		row("%s / dotlockfile, 3 hosts, one mailbox" % kind,
		    [ratio(clients, kind, "dotlockfile", seconds, times)])
		row("%s / bare, 1 host" % kind,
		    [ratio(clients[:1], kind, "bare", seconds, times)])
	print()


def main(*words):
	"""A cluster for each version, one after the other."""
	quick = "quick" in words
	versions = [word for word in words if word != "quick"] or ["3", "4.2"]
	cluster.isolate()
	for version in versions:
		with cluster.Cluster(version) as nfs:
			table(nfs, version, quick)


main(*sys.argv[1:])
