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

"""Deliveries one by one, and power failures at one request of them."""

import contextlib
import os
import re
import shlex
import signal
import threading

import h_mail
from h_proxy import Fault, operations

# The rest follows from the stale limit; the time limit is what the pages advise.
STALE = 4
CONF = "stale %d\nlimit %d\n" % (STALE, STALE + 120)
LIMIT = STALE + 120 + 60


class Delivery:
	"""One delivery by a client, which h_mail.Mail accounts for with the others."""

	runs = threading.Lock()

	def __init__(self, mail, client, user, long=False, options=""):
		with self.runs:
			self.number = mail.one_number(long)
			mail.runs.append(self)
		self.user = user
		file = "message.%d" % self.number
		with open("%s/%s" % (client.share, file), "wb") as message:
			message.write(h_mail.message(self.number))
		self.job = client.spawn("""
		    read -r begin rest </proc/uptime
		    %s -C %s -f sender@example.org %s %s </run/host/%s
		    status=$?
		    read -r end rest </proc/uptime
		    echo "took $begin $end"
		    exit $status""" % (shlex.quote(h_mail.MAIL_LOCAL), mail.conf, options,
		    user, file))

	def wait(self, limit=LIMIT):
		return self.job.wait(limit)[0]

	@property
	def seconds(self):
		"""How long it took, by its host's clock that nobody sets."""
		took = re.search(r"^took (\S+) (\S+)$", self.job.output, re.M)
		return took and round(float(took.group(2)) - float(took.group(1)), 2)

	@property
	def said(self):
		return re.sub(r"took .*\n", "", self.job.output).strip()

	def attempts(self):
		return [h_mail.Attempt(self.number, self.user, self.job.poll(), self.seconds)]


class Strike:
	"""A power failure of a client at its nth request, which does not arrive.

	It counts from the first request that has these bytes in it, and only those of
	the operation, if there is one.
	"""

	def __init__(self, client, nth, since=b"", operation=None):
		self.client, self.nth, self.since = client, nth, since
		self.operation = operation
		self.met, self.seen = 0, []
		self.struck = False

	def wants(self, record, names):
		# Not those that a client sends of its own accord.
		if not self.struck and (not names or names in (["SEQUENCE"], ["RENEW"])):
			return False
		if self.operation not in names and self.operation and not self.struck:
			return False
		if self.met or self.since in record:
			self.met += 1
			self.seen.append(names)
		if self.met == self.nth and not self.struck:
			self.struck = True
			with contextlib.suppress(ProcessLookupError):
				os.killpg(self.client.process.pid, signal.SIGKILL)
		return self.struck


class Aim:
	"""Aims at requests of which more is known than their operation."""

	def __init__(self, nfs):
		self.others, self.faults, self.strikes = nfs.proxy.struck, [], {}
		nfs.proxy.struck = self.look

	def look(self, record, address):
		for name, fault in self.faults:
			if name in record and fault.wants(operations(record), address):
				return fault
		strike = self.strikes.get(address)
		if strike and strike.wants(record, operations(record)):
			return Fault("", "lose_request", 1, 1, 0, None)
		return self.others(record, address)

	def fault(self, name, operation, kind, seconds):
		"""As the proxy's, for the first request that has this name in it."""
		fault = Fault(operation, kind, 1, 1, seconds, None)
		self.faults.append((name, fault))
		return fault

	def strike(self, client, nth, since=b"", operation=None):
		"""Kill the client at its nth request: a Strike."""
		strike = self.strikes[client.address] = Strike(client, nth, since,
		    operation)
		return strike

	def restore(self, client):
		"""End what strike() began, and start the client if it was killed."""
		strike = self.strikes[client.address]
		if strike.struck:
			client.kill()
		del self.strikes[client.address]
		if strike.struck:
			client.start()


def fragments(mail):
	"""How many deliveries ended with their host."""
	return sum(attempt.status is None for run in mail.runs for attempt in run.attempts())


def stale_lock(mail, user):
	"""A lock of a program that was killed, and whose host is not known."""
	path = mail.path_on_server(user) + ".lock"
	mail.nfs.server.check("echo >%s && chown %s: %s" % (path, user, path))


def sweep(mail, client, users):
	"""What the killed left is old by now: a delivery that breaks a lock sweeps it up."""
	for user in users:
		stale_lock(mail, user)
	last = [Delivery(mail, client, user) for user in users]
	for one in last:
		assert one.wait() == 0, one.said
	left = mail.leftovers()
	assert not left, left
	return max(one.seconds for one in last)
