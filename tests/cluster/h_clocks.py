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


"""Clocks that are wrong: h_clocks.py VERSION [SERVER [CASE ...]]"""

import sys

import h_failures
from h_failures import ALL, STALE

WRONG = {"90 minutes fast": 5400, "90 minutes slow": -5400,
    "10 years fast": 315360000, "10 years slow": -315360000}


def wrong(nfs, failures, guest, names):
	"""Live locks are not stolen, whoever's clock is wrong, and dead ones broken."""
	one, two, _ = nfs.clients
	for name in names:
		what = "%s's clock %s" % (guest.name, name)
		# A lock that somebody has left, and one that is held while the clock is
		# stepped.
		two.check("touch %s.lock && chown 2003:2003 %s.lock" %
		    ((failures.mail.path(ALL[3]),) * 2))
		left = failures.one(two, ALL[3])
		held, = failures.catch(one, [h_failures.Step("WRITE", 2, "delay_reply")],
		    ALL[:1], seconds=STALE / 2)
		guest.set_clock(WRONG[name])
		runs = failures.everywhere(users=ALL[:3])
		for run in [held] + runs:
			run.job.check(120)
		left.job.check(120)
		assert held.attempts()[0].status == 0, held.said()
		failures.settle(what, statuses=(0,))
		# It becomes right again during a hold, too.
		held, = failures.catch(one, [h_failures.Step("WRITE", 2, "delay_reply")],
		    ALL[:1], seconds=STALE / 2)
		guest.set_clock(-WRONG[name])
		failures.settle(what + ", and right again", statuses=(0,))


def client(nfs, failures):
	wrong(nfs, failures, nfs.clients[0], list(WRONG))


def waiter(nfs, failures):
	wrong(nfs, failures, nfs.clients[1], list(WRONG))


def server(nfs, failures):
	wrong(nfs, failures, nfs.server, list(WRONG))


def briefly(nfs, failures):
	"""One of each, for every day."""
	wrong(nfs, failures, nfs.clients[0], ["10 years slow"])
	wrong(nfs, failures, nfs.clients[1], ["90 minutes fast"])
	wrong(nfs, failures, nfs.server, ["10 years fast"])


h_failures.main([client, waiter, server, briefly], *sys.argv[1:])
