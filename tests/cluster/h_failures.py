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

"""What the programs that break something in the cluster have in common.

Each makes a Failures, has deliveries run, breaks something, mends it, and lets
settle() say whether what was promised was kept.
"""

import collections
import contextlib
import io
import os
import shlex
import tarfile
import time

import cluster
import h_faults
import h_mail
from h_base import USERS
from h_mail import demo

# How old a lock has to be, by mail.local.conf(5), and for how long to wait.
STALE, LIMIT = 6, "60"
ALL = ["u%d" % number for number in range(4)]

# Where a delivery can be caught: the proxy keeps a request, or the reply to it.
# The first WRITE is the dotlock's, the second the message.  The one request is
# the last, lest it comes later than is allowed.
Step = collections.namedtuple("Step", "operation nth kind")
STEPS = [Step("LINK", 1, "delay_reply"), Step("WRITE", 2, "delay_reply"),
    Step("REMOVE", 1, "delay_reply"), Step("WRITE", 2, "delay_request")]


ONE = r"""cd /run/host
log=%s; delivery="%d %s"; again=%d
while :; do
	echo begin $delivery >>$log
	%s <$log.message 2>$log.err
	status=$?
	echo end $delivery $status 0 $(tr '\n' '|' <$log.err) >>$log
	[ $status = 75 ] && [ $((again -= 1)) -ge 0 ] || break
	sleep 0.2
done
"""


class Spool(h_mail.Mail):
	"""The mail, with all mailboxes looked at together."""

	def look(self):
		"""Have the mailboxes as the server has them now."""
		self.nfs.server.check("tar -C / -cf /run/host/spool srv/export/mail"
		    " srv/export/home && sync /run/host/spool")
		with open(self.nfs.server.share + "/spool", "rb") as file, \
		    tarfile.open(fileobj=io.BytesIO(file.read())) as tar:
			self.seen = {"/" + member.name: tar.extractfile(member).read()
			    for member in tar if member.isfile()}

	def mailbox(self, user):
		return self.seen.get(self.path_on_server(user), b"")

	def leftovers(self):
		return [name for name in self.seen if name not in
		    map(self.path_on_server, everybody())]


class Failures:
	"""A cluster with its mail, and what is broken in it."""

	def __init__(self, nfs, home=False, conf=""):
		self.nfs = nfs
		self.mail = Spool(nfs, home, "stale %d\n%s" % (STALE, conf))
		self.checked = 0

	def begin_anew(self, home):
		"""With empty mailboxes, in the homes or in the common spool."""
		self.nfs.server.check("rm -rf /srv/export/mail/* /srv/export/home/*/.mailspool")
		# What was done behind its back ganesha learns after a while.
		for client in self.nfs.clients:
			cluster.until(120, "the end of the old mailboxes",
			    lambda client=client: client.run("ls /home/u*/.mailspool/"
			    " /nfs/mail/u* 2>&1 | grep -v 'No such file'")[0] == 1,
			    pause=1)
		for run in self.mail.runs:
			with contextlib.suppress(FileNotFoundError):
				os.unlink(run.file)
		number = self.mail.number
		self.__init__(self.nfs, home)
		self.mail.number = number

	def deliver(self, client, count=8, users=ALL, seconds=90, options=(), processes=2):
		"""Begin deliveries of an MTA that tries again what failed for now."""
		return self.mail.deliver(client, count, users, processes, seconds,
		    ("-t", LIMIT, *options))

	def one(self, client, user, again=0, options=(), long=False, limit=LIMIT):
		"""Begin one delivery, so that it is begun at once.

		again: how often what failed for now is tried again.
		"""
		mail = self.mail
		number = mail.one_number(long)
		log = "delivery.%d" % number
		with open("%s/%s.message" % (client.share, log), "wb") as file:
			file.write(h_mail.message(number))
		run = h_mail.Deliveries(client, log, ONE % (log, number, user, again,
		    shlex.join([h_mail.MAIL_LOCAL, "-C", mail.conf, "-f", demo.SENDER, "-t",
		    limit, *options, user])))
		mail.runs.append(run)
		return run

	def everywhere(self, count=8, users=ALL, clients=None, seconds=90):
		"""Begin deliveries on all clients."""
		return [self.deliver(client, count, users, seconds)
		    for client in clients or self.nfs.clients]

	def catch(self, client, steps=STEPS, users=ALL, seconds=20, again=9):
		"""Begin one delivery for each step, and have it caught there.

		A request is kept for no longer than half of the stale limit.
		"""
		caught = []
		for step, user in zip(steps, users):
			fault = self.nfs.proxy.fault(step.operation, step.kind, step.nth,
			    seconds=seconds, client=client)
			if step.kind == "delay_request" and steps is STEPS:
				fault.seconds = STALE / 2
			caught.append(self.one(client, user, again))
			cluster.until(60, "%s of %s" % (step.kind, step.operation),
			    lambda: fault.met >= step.nth)
		return caught

	def settle(self, what, statuses=(0, 75), overwritten=(), left=False):
		"""Everything mended: it goes on, and all that was promised was kept.

		statuses: which may have been seen.  overwritten: users whose mailboxes may
		be damaged, since a robbed holder's request came late on NFSv3.  left: the
		server may not have let temporaries be removed.
		"""
		begin = time.monotonic()
		broken = self.mail.runs[self.checked:]
		for run in broken:
			run.job.check(180)
		resumed = time.monotonic() - begin
		seen = collections.Counter(attempt.status for run in broken
		    for attempt in run.attempts())
		for line, times in collections.Counter(line for run in broken
		    for line in self.said(run)).items():
			show("\t%d x %s" % (times, line))
		# ganesha forgets who its clients are when its clock is set.
		patient = isinstance(self.nfs.server, cluster.Ganesha)
		after = self.everywhere(len(ALL), seconds=30 if patient else 0)
		for run in after:
			run.job.check(120)
		self.checked = len(self.mail.runs)
		self.mail.look()
		show("%s: %s; %.1f s to resume; doubles: %d" %
		    (what, dict(seen), resumed, self.doubles()))
		assert set(seen) <= set(statuses), seen
		for run in after:
			last = {(one.number, one.user): one.status
			    for one in run.attempts()}
			assert set(last.values()) == {0}, run.said()
		self.account(overwritten)
		if left:
			self.sweep()
		names = self.mail.leftovers()
		assert not names, names

	def sweep(self):
		"""Have temporaries that were left removed, by who breaks a stale lock."""
		names = self.mail.leftovers()
		show("\tleft: %s" % names)
		assert all("/.nfslk." in name for name in names), names
		runs = []
		for user in everybody():
			path = self.mail.path_on_server(user)
			if any(os.path.dirname(path) == os.path.dirname(name)
			    for name in names):
				h_faults.stale_lock(self.mail, user)
				runs.append(self.one(self.nfs.clients[0], user))
		for run in runs:
			run.job.check(120)
		self.checked = len(self.mail.runs)
		self.mail.look()
		self.account()

	def account(self, overwritten=()):
		"""Every message that was reported is there, but for what may be damaged.

		Who said that he left alone what is in the mailbox may have left a beginning.
		"""
		left = sum("left alone" in line for run in self.mail.runs
		    for line in self.said(run))
		try:
			self.mail.account(fragments=left)
		except AssertionError as wrong:
			# The first line counts the others.
			lines = str(wrong).splitlines()[1:]
			wrong = [line for line in lines
			    if line.split(":")[0] not in overwritten]
			assert not wrong, "\n".join(wrong)
			show("\tdamaged, as documented: %s" %
			    [line.partition(" is damaged")[0] for line in lines])

	def doubles(self):
		"""How many messages are in a mailbox more than once."""
		count = 0
		for user in everybody():
			found = collections.Counter(number for _, _, number, _ in
			    demo.parse(self.mail.mailbox(user)) if number is not None)
			count += sum(times - 1 for times in found.values())
		return count

	@staticmethod
	def said(run):
		"""What deliveries said, without the program's name."""
		return [line.replace("mail.local: ", "", 1)
		    for lines in run.said() for line in lines.strip().strip("|").split("|")]


def everybody():
	return ["u%d" % number for number in range(USERS)]


def show(what):
	print(what, flush=True)


def some(runs):
	"""Wait until each has delivered something."""
	for run in runs:
		cluster.until(60, "some deliveries", run.delivered)


def main(cases, version, server="nfsd", *names):
	"""Run the cases of these names, or all, in one cluster."""
	cluster.isolate()
	with cluster.Cluster(version, server=server, proxied=True) as nfs:
		# Each in a directory of its own: what waits in a directory keeps the others
		# of its host from making and removing files there.
		failures = Failures(nfs, home=True)
		# Mailboxes, and what the clients cache.
		for run in failures.everywhere(len(ALL)):
			run.job.check(120)
		for case in cases:
			if not names or case.__name__ in names:
				begin = time.monotonic()
				case(nfs, failures)
				show("%s: %.1f s" % (case.__name__, time.monotonic() - begin))
