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


"""Mount options, a short run with each: h_options.py VERSION [SERVER [OPTIONS ...]]

Each: locks that count, and deliveries with a reader that takes messages out.
"""

import sys

import cluster
import h_failures
import h_locks
from h_failures import ALL

OPTIONS = ["", "noac", "actimeo=0", "actimeo=600", "sync", "async", "lookupcache=none",
    "nocto", "soft,timeo=50,retrans=2"]
# Without close-to-open a host may not see how long the counter is by now.
UNSAFE = ["nocto"]


def main(version, server="nfsd", *names):
	cluster.isolate()
	with cluster.Cluster(version, server=server) as nfs:
		failures = h_failures.Failures(nfs)
		for options in names or OPTIONS:
			for client in nfs.clients:
				client.unmount()
				client.options = options
				client.mount()
			mounted = ",".join(nfs.clients[0].mounted())
			h_failures.show("%s (%s):" % (options or "defaults", mounted))
			h_locks.set_up(nfs)
			lost = h_locks.run(nfs, [("new", "kept")] * 3, 5)
			assert not lost or options in UNSAFE, lost
			h_locks.clean_up(nfs)
			failures.begin_anew(False)
			mail = failures.mail
			mail.takers = ("python", "nobody")
			mail.read(nfs.clients[0], "u0", ["python"])
			mail.read(nfs.clients[1], "u1", ["python"])
			runs = failures.everywhere(12, ALL[:2])
			for run in runs:
				run.job.check(120)
			mail.stop_readers(60)
			for client in nfs.clients:
				client.check("rm -rf /run/*.reader")
			mail.look()
			taken = [sum(map(len, mail.ledgers(user))) for user in ALL[:2]]
			h_failures.show("\tdeliveries: %d, all there; bytes taken by readers: %s;"
			    " left: %s" % (mail.account(), taken, mail.leftovers()))
			assert not mail.leftovers()
			mail.readers = []
			for client in nfs.clients:
				client.check("rm -f /run/host/*.python")


main(*sys.argv[1:])
