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


"""The server crashes, is stopped, is full: h_server.py VERSION [SERVER [CASE ...]]"""

import sys
import time

import h_failures
from h_failures import ALL, STALE

ROOM = 100 << 10		# Less than a long message takes.


def crash(nfs, failures):
	"""The server crashes while deliveries run, at every step, and starts again."""
	caught = failures.catch(nfs.clients[0], seconds=0.5)
	runs = failures.everywhere()
	h_failures.some(runs)
	nfs.server.kill()
	nfs.server.start()
	failures.settle("server crash")
	assert caught


def stopped(nfs, failures):
	"""Nothing serves NFS for a while, longer than the stale limit."""
	runs = failures.everywhere()
	h_failures.some(runs)
	nfs.server.stop_service()
	time.sleep(STALE + 1)
	before = sum(run.delivered() for run in runs)
	nfs.server.start_service()
	failures.settle("nfsd stopped")
	assert sum(run.delivered() for run in runs) > before


def full(nfs, failures, what, fill, unfill, said, options=(), status=75):
	"""What can be written is not enough for a long message.

	It may already fail at the lock, while another long one is there.
	"""
	one, *others = nfs.clients
	user = ALL[3]
	failures.settle("before", statuses=(0,))
	before = failures.mail.mailbox(user)
	fill()
	long = [failures.one(client, user, 0, options, long=True) for client in others]
	short = failures.deliver(one, 4, [user], 0, options)
	for run in long + [short]:
		run.job.check(120)
	failures.mail.look()
	unfill()
	after = failures.mail.mailbox(user)
	# What was taken back has left nothing.
	assert after.startswith(before)
	assert len(list(h_failures.demo.parse(after))) == \
	    len(list(h_failures.demo.parse(before))) + short.delivered()
	lines = [line for run in long for line in failures.said(run)]
	assert any(said in line for line in lines), lines
	for run in long:
		assert {attempt.status for attempt in run.attempts()} <= {75, status}
	failures.settle(what, {0, 75, status})


def disk(nfs, failures):
	"""The disk is full."""
	full(nfs, failures, "disk full", lambda: nfs.server.fill(ROOM), nfs.server.unfill,
	    "No space left on device; make room on its file system")


def nothing(nfs, failures):
	"""There is not even room for a lock."""
	one = nfs.clients[0]
	nfs.server.fill()
	run = failures.one(one, ALL[0])
	run.job.check(120)
	nfs.server.unfill()
	failures.settle("disk full to the last block")
	assert {attempt.status for attempt in run.attempts()} == {75}, run.attempts()


def quota(nfs, failures, options=(), status=75):
	"""A user's quota is full."""
	used = int(nfs.server.check("du -s -B1 %s | cut -f 1" %
	    failures.mail.path_on_server(ALL[3])))
	full(nfs, failures, "quota full" + "".join(options),
	    lambda: nfs.server.quota(3, used + ROOM), lambda: nfs.server.quota(3, 0),
	    "Disk quota exceeded; the user's quota is full", options, status)


def bounce(nfs, failures):
	"""The same where the mail system is to return the message."""
	quota(nfs, failures, ["-b"], 73)


h_failures.main([crash, stopped, disk, nothing, quota, bounce], *sys.argv[1:])
