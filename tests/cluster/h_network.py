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

"""A client that is cut off, or stands still, while it delivers:
h_network.py VERSION [SERVER [CASE ...]]"""

import sys
import time

import h_failures
from h_guests import Guest
from h_failures import ALL, STALE, STEPS


def cut(nfs, failures, what, begin, end, seconds):
	"""Deliveries of a client that is cut off at each step; others deliver too."""
	one, *others = nfs.clients
	caught = failures.catch(one, seconds=20 if seconds > STALE else 1)
	waiting = failures.deliver(one, 4, ALL[:1])
	begin(one)
	runs = failures.everywhere(clients=others)
	if seconds > STALE:
		# They do not wait for it.
		for run in runs:
			run.job.check(120)
		assert not any(run.delivered() for run in caught)
	else:
		time.sleep(seconds)
	end(one)
	for run, step in zip(caught, STEPS):
		run.job.check(120)
		h_failures.show("\t%s %s: %s" % (step.kind, step.operation,
		    [attempt.status for attempt in run.attempts()]))
	waiting.job.check(120)
	failures.settle(what)


def short_partition(nfs, failures):
	"""Shorter than the stale limit: nobody is robbed."""
	cut(nfs, failures, "partition, short", Guest.partition,
	    Guest.heal, 2)


def long_partition(nfs, failures):
	"""Longer than the stale limit."""
	cut(nfs, failures, "partition, long", Guest.partition,
	    Guest.heal, STALE + 1)


def pause(nfs, failures):
	"""A client stands still for longer than the stale limit."""
	cut(nfs, failures, "pause, long", Guest.pause, Guest.resume,
	    STALE + 1)


def late_write(nfs, failures):
	"""A holder is robbed before its message is written.

	On NFSv3 the message is written all the same once the network is there again,
	over what others have delivered.  From version 4 on the kernel's lock keeps it
	out.
	"""
	one, *others = nfs.clients
	user = ALL[0]
	failures.mail.look()
	before = failures.mail.mailbox(user)
	robbed, = failures.catch(one, [h_failures.Step("WRITE", 2, "delay_request")],
	    [user], seconds=5 * STALE, again=0)
	one.partition()
	runs = failures.everywhere(4, [user], others)
	for run in runs:
		run.job.check(120)
	one.heal()
	robbed.job.check(120)
	assert [attempt.status for attempt in robbed.attempts()] == [75]
	assert any("the lock is gone" in line or "was stolen" in line
	    for line in failures.said(robbed)), robbed.said()
	failures.settle("robbed before the WRITE",
	    overwritten=[user] if one.version == "3" else [])
	assert failures.mail.mailbox(user).startswith(before)


h_failures.main([short_partition, long_partition, pause, late_write], *sys.argv[1:])
