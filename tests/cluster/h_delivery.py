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

"""Hosts deliver, and others read: h_delivery.py VERSION [SERVER [ROUNDS [MODE ...]]]

A round is 504 deliveries, and with a mode of many=N 12 times N more to mailboxes that
nobody reads.  The other modes, common and home, are where the mailboxes are: both, if
none is given.

Or h_delivery.py saboteur, which has each host take its dotlocks where no other host
sees them, and exits with 1 and what account() says.
"""

import collections
import sys
import time

import cluster
import h_mail

READERS = ("python", "mutt", "dotlockfile")
# Readers have the first three, one on each host; the others grow, and the last four
# have no more to do than that.
USERS = ["u%d" % number for number in range(8)]
LIMIT = 300


def round_of(nfs, home, more=0):
	"""Deliveries from all hosts to all mailboxes, while there are readers."""
	mail = h_mail.Mail(nfs, home, takers=READERS + ("nobody",))
	begin = time.monotonic()
	runs = [mail.deliver(client, 40, USERS[:4], processes=3, seconds=LIMIT)
	    for client in nfs.clients]
	runs += [mail.deliver(client, 32, USERS, processes=2, seconds=LIMIT, together=4)
	    for client in nfs.clients]
	if more:
		runs += [mail.deliver(client, more, USERS[4:], processes=2, seconds=LIMIT,
		    together=4) for client in nfs.clients]
	expected = 3 * (40 + 32 * 4 + more * 4)
	# So that there are mailboxes to read.
	cluster.until(LIMIT, "some deliveries", lambda: runs[0].delivered() > 3)
	for client, user in zip(nfs.clients, USERS):
		mail.read(client, user, READERS)
	try:
		for run in runs:
			run.job.check(LIMIT + 4 * more)
	except cluster.LimitExceeded:
		# Who waits, and for what.
		for run in runs:
			print([one for one in run.attempts() if one.status != 0], run.said()[-3:])
		print(nfs.server.check("ls -la --full-time /srv/export/mail; date;"
		    " cat /proc/locks"))
		raise
	seconds = time.monotonic() - begin
	mail.stop_readers(LIMIT)
	delivered = mail.account()
	attempts = [attempt for run in runs for attempt in run.attempts()]
	statuses = collections.Counter(attempt.status for attempt in attempts)
	if delivered != expected or set(statuses) - {0, h_mail.TEMPFAIL}:
		said = [line for run in runs for line in run.said()]
		raise AssertionError("%d of %d, statuses %s:\n%s" %
		    (delivered, expected, dict(statuses), "\n".join(said)))
	assert not mail.leftovers(), mail.leftovers()
	taken = collections.Counter()
	for _, reader, data in mail.taken():
		taken[reader] += sum(1 for _ in h_mail.demo.parse(data))
	print("%s: %d deliveries, %d failed for now, %.0f s, %.1f/s; taken: %s" %
	    ("home" if home else "common", delivered, len(attempts) - delivered, seconds,
	    delivered / seconds, dict(taken)), flush=True)
	assert set(taken) == set(READERS) and all(taken.values()), taken
	mail.clear()


def saboteur(nfs):
	"""The mailbox is the one of all hosts; what is beside it is each host's own: so
	mail is lost, and the account has to say so."""
	mail = h_mail.Mail(nfs, conf="mailbox /run/own/%u\n")
	mail.deliver(nfs.clients[0], 1, options=("-m", "/nfs/mail/%u")).job.check()
	for client in nfs.clients:
		client.check("mkdir -m 1777 /run/own && : >/run/own/u0 &&"
		    " mount --bind /nfs/mail/u0 /run/own/u0")
	for _ in range(10):
		for run in [mail.deliver(client, 30, processes=2, seconds=LIMIT)
		    for client in nfs.clients]:
			run.job.check(LIMIT)
		try:
			mail.account()
		except AssertionError as found:
			print(found)
			assert "was lost" in str(found) or "is damaged" in str(found)
			return
	sys.exit("Nothing was found to be wrong.")


def main(version, server="nfsd", rounds="1", *modes):
	cluster.isolate()
	if version == "saboteur":
		with cluster.Cluster("3") as nfs:
			saboteur(nfs)
		return
	more = [int(mode[len("many="):]) for mode in modes if mode.startswith("many=")]
	modes = [mode for mode in modes if mode in ("common", "home")]
	with cluster.Cluster(version, server=server) as nfs:
		for _ in range(int(rounds)):
			for mode in modes or ("common", "home"):
				round_of(nfs, mode == "home", sum(more))


main(*sys.argv[1:])
