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

"""Requests and replies that are lost, late or doubled: h_replies.py VERSION [every|some]

Meanwhile hosts deliver into the same mailboxes, and count under one lock.
"""

import collections
import os
import random
import sys
import time

import cluster
import h_faults
import h_mail

LIMIT = 120
COUNT = os.environ.get("H_COUNT", h_mail.HERE + "/h_count")
USERS = ["u0", "u1"]
OPERATIONS = {
    "3": "CREATE LINK REMOVE RENAME WRITE COMMIT SETATTR LOOKUP GETATTR READ",
    "4": "OPEN CLOSE LINK REMOVE RENAME WRITE COMMIT SETATTR LOCK LOCKU DELEGRETURN"
	" GETATTR READ"}
# Shorter than what the stale limit lets a request take, and longer than that limit.
SHORT, LONG = h_faults.STALE / 16, h_faults.STALE * 1.75
KINDS = [("lose_reply", 0), ("lose_request", 0), ("duplicate", SHORT),
    ("delay_reply", SHORT), ("delay_request", SHORT), ("late_request", SHORT),
    ("duplicate", LONG), ("delay_reply", LONG), ("delay_request", LONG),
    ("late_request", LONG)]
# nfslock.h
ANSWERS = {0: "ok", 2: "timed out", 4: "stolen", 5: "gone"}


class Counters:
	"""Processes that count under one lock."""

	def __init__(self, nfs):
		self.nfs = nfs
		self.jobs = [client.spawn([COUNT, "-s", str(h_faults.STALE), "/run/host/stop",
		    "/nfs/tmp/counter", "/nfs/tmp/box"])
		    for client in nfs.clients for _ in range(2)]

	def cycles(self):
		"""What was written and what the release answered, of each cycle."""
		found = []
		for job in self.jobs:
			assert job.poll() in (None, 0), (job.poll(), job.output[-200:])
			for line in job.output.splitlines(True):
				if line.endswith("\n"):
					number, answer, error = map(int, line.split())
					found.append((number, ANSWERS.get(answer,
					    "%d (%d)" % (answer, error))))
		return found

	def answers(self):
		return collections.Counter(answer for _, answer in self.cycles())

	def stop(self):
		for client in self.nfs.clients:
			with open(client.share + "/stop", "w"):
				pass
		for job in self.jobs:
			job.check(LIMIT)

	def account(self):
		"""Each number was written by somebody, and if nobody was robbed, the sum is
		exact.  What a robbed one had not yet written out when the next one looked may
		have that one write the same number as another.  Who was told in time that the
		lock is lost did not write.
		"""
		reached = int(self.nfs.server.check("stat -c %s /srv/export/tmp/counter"))
		cycles = self.cycles()
		good = sorted(number for number, answer in cycles if answer == "ok")
		robbed = len(cycles) - len(good)
		twice = len(good) - len(set(good))
		print("counter %d; %d cycles, %d robbed, %d numbers twice" % (reached,
		    len(cycles), robbed, twice), flush=True)
		assert 0 not in good, "a lost lock was released"
		assert twice <= robbed, good
		written = {number for number, _ in cycles} - {0}
		assert written == set(range(1, reached + 1)), (reached, sorted(written))


def round_of(mail, counters, faults):
	"""Deliver and count while these faults strike, and tell what was seen."""
	before, begin, struck = counters.answers(), time.monotonic(), []
	for operation, kind, seconds in faults:
		if operation == "RENAME":
			for user in USERS:
				h_faults.stale_lock(mail, user)
		# Of some there are few.
		nth = 1 if operation in ("COMMIT", "RENAME") else random.randint(1, 8)
		struck.append(mail.nfs.proxy.fault(operation, kind, nth, 1, seconds))
	runs = [mail.deliver(client, 10, USERS, 2, LIMIT, ("-t", "60"))
	    for client in mail.nfs.clients]
	for run in runs:
		run.job.check(LIMIT * 2)
	missed = [fault.operation for fault in struck if not fault.hits]
	for fault in struck:
		fault.cancel()
	time.sleep(max(seconds for _, _, seconds in faults))
	attempts = [one for run in runs for one in run.attempts()]
	statuses = collections.Counter(one.status for one in attempts)
	print("%s %s %g%s: %.1f s; deliveries %s, slowest %.1f s; locks %s" % (
	    ",".join(operation for operation, _, _ in faults), *faults[0][1:],
	    " (not met: %s)" % ",".join(missed) if missed else "",
	    time.monotonic() - begin, dict(statuses), max(one.seconds for one in attempts),
	    dict(counters.answers() - before)), flush=True)
	for why in sorted(set(why for run in runs for why in run.said())):
		print("\t" + why)
	assert set(statuses) <= {0, h_mail.TEMPFAIL}, statuses


def robbed(aim, counters):
	"""Releases that come twice, or late: they take a successor's lock away, unless
	the server knows what it has done already.  The successor is told; account()
	sees whether it was.
	"""
	for kind, seconds in ("lose_reply", 0), ("duplicate", SHORT), ("late_request", SHORT), \
	    ("late_request", LONG):
		before = counters.answers()
		for _ in range(4):
			aim.fault(b"box.lock", "REMOVE", kind, seconds).wait(LIMIT)
			# It may be free when that comes.
			done = sum(counters.answers().values())
			time.sleep(seconds)
			cluster.until(LIMIT, "locks after a release",
			    lambda: sum(counters.answers().values()) > done + 8)
		print("release %s %g, 4 times: %s" % (kind, seconds,
		    dict(counters.answers() - before)), flush=True)


def main(version, extent="some", port="other_port", seed=None):
	seed = seed or str(random.randrange(1 << 30))
	print("seed", seed)
	random.seed(seed)
	cluster.isolate()
	with cluster.Cluster(version, proxied=True, same_port=port == "same_port") as nfs:
		mail = h_mail.Mail(nfs, conf=h_faults.CONF)
		counters = Counters(nfs)
		names = OPERATIONS[version[0]].split()
		kinds = KINDS
		if extent == "some":
			kinds = KINDS[:3] + random.sample(KINDS[3:6], 1) + \
			    random.sample(KINDS[6:], 1)
		for kind, seconds in kinds:
			groups = [[name] for name in names] if extent == "every" else [names]
			for group in groups:
				round_of(mail, counters,
				    [(name, kind, seconds) for name in group])
		robbed(h_faults.Aim(nfs), counters)
		counters.stop()
		counters.account()
		time.sleep(h_faults.STALE)
		h_faults.sweep(mail, nfs.clients[-1], USERS)
		print("%d delivered" % mail.account())


main(*sys.argv[1:])
