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

"""Clients that lose their aim while they deliver: h_killed.py VERSION [every|some|new]

Each step of a delivery is one request of it that does not arrive any more.
"""

import collections
import random
import sys
import threading
import time

import cluster
import h_faults
import h_mail

VICTIMS = 3


class Steps:
	"""Kill clients, one request later each time, until there is no such request.

	Each victim has a mailbox of its own.  After each death another host delivers
	into it, while the dead one is off or starts again.
	"""

	def __init__(self, mail, aim, what, users, every, first, prepare=None, since=b"",
	    long=False):
		self.mail, self.aim, self.what = mail, aim, what
		self.prepare, self.since, self.long = prepare, since, long
		self.every, self.next = every, first
		self.lock = threading.Lock()
		self.errors, self.seconds, self.seen = [], [], 0
		*victims, self.survivor = mail.nfs.clients
		threads = [threading.Thread(target=self.work, args=pair)
		    for pair in zip(victims, users)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert not self.errors, self.errors
		print("%s: %d steps; the next delivery took %.1f to %.1f s" % (what, self.seen,
		    min(self.seconds), max(self.seconds)), flush=True)

	def work(self, victim, user):
		try:
			while not self.errors:
				with self.lock:
					step, self.next = self.next, self.next + self.every
				if not self.step(victim, user, step):
					return
		except BaseException as why:
			self.errors.append("%s %s: %r" % (victim.name, user, why))

	def mailbox(self, user):
		with self.lock:
			return self.mail.mailbox(user)

	def step(self, victim, user, step):
		if self.prepare:
			self.prepare(self.mail, user)
		before = self.mailbox(user)
		strike = self.aim.strike(victim, step, self.since)
		killed = h_faults.Delivery(self.mail, victim, user, self.long)
		cluster.until(h_faults.LIMIT, "%s, step %d" % (self.what, step),
		    lambda: strike.struck or killed.job.poll() is not None)
		status = killed.job.poll()
		if not strike.struck:
			assert status == 0, (step, status, killed.said)
			self.aim.restore(victim)
			return False
		follower = h_faults.Delivery(self.mail, self.survivor, user)
		# A server may let go of what a host had when it is back.
		off = random.random() < 0.5
		if not off:
			self.aim.restore(victim)
		done = follower.wait()
		after = self.mailbox(user)
		if off:
			self.aim.restore(victim)
		print("%s %d: %s: %s; then %s after %s s, victim %s, %+d bytes" % (self.what,
		    step, "+".join(strike.seen[step - 1]), status, done, follower.seconds,
		    "off" if off else "on", len(after) - len(before)), flush=True)
		assert done == 0, (step, done, follower.said)
		assert after.startswith(before), "%d: the mailbox was changed" % step
		names = self.mail.leftovers()
		# NFS 4.0 may stand still for longer than a lock that is stale so soon.
		assert user + ".lock" not in names or "too slow to remove" in follower.said, \
		    (step, names, follower.said)
		self.seconds.append(follower.seconds)
		self.seen += 1
		return True


def no_mailbox(mail, user):
	"""Messages that were in it are out of the account."""
	mail.nfs.server.check(["rm", "-f", mail.path_on_server(user)])
	with h_faults.Delivery.runs:
		mail.runs[:] = [run for run in mail.runs if getattr(run, "user", None) != user]


def random_kills(mail, times):
	"""Hosts die at any time, while all of them deliver into the same mailboxes."""
	users = ["u14", "u15"]
	*victims, survivor = mail.nfs.clients
	runs = [mail.deliver(survivor, 30 * times, users, 2, 120)]
	for _ in range(times):
		victim = random.choice(victims)
		run = mail.deliver(victim, 1000, users, 3, 120)
		cluster.until(120, "deliveries", lambda: run.delivered() > 1)
		time.sleep(random.random())
		victim.kill()
		victim.start()
	runs[0].job.check(600)
	statuses = collections.Counter(attempt.status for run in mail.runs
	    if isinstance(run, h_mail.Deliveries) for attempt in run.attempts())
	slowest = max(attempt.seconds for attempt in runs[0].attempts())
	print("random: statuses %s; slowest %.1f s" % (dict(statuses), slowest), flush=True)
	assert set(statuses) <= {0, 75, None}, statuses
	return users


def new_mailbox(mail, aim):
	"""A mailbox was made, and its maker died before he gave it its mode."""
	victim, survivor = mail.nfs.clients[0], mail.nfs.clients[-1]
	# The first is the lock's.
	strike = aim.strike(victim, 2, operation="SETATTR")
	killed = h_faults.Delivery(mail, victim, "u6")
	cluster.until(h_faults.LIMIT, "second SETATTR", lambda: strike.struck)
	assert killed.job.poll() is None
	follower = h_faults.Delivery(mail, survivor, "u6")
	assert follower.wait() == 0, follower.said
	print("new mailbox: delivered after %s s, %d in all" % (follower.seconds,
	    mail.account(fragments=1)))


def main(version, extent="some", seed=None):
	seed = seed or str(random.randrange(1 << 30))
	print("seed", seed)
	random.seed(seed)
	cluster.isolate()
	nfs = cluster.Cluster(version, clients=VICTIMS + 1, proxied=True)
	nfs.clients[-1].proxied = False
	with nfs:
		mail = h_mail.Mail(nfs, conf=h_faults.CONF)
		aim = h_faults.Aim(nfs)
		if extent == "new":
			return new_mailbox(mail, aim)
		every = 1 if extent == "every" else 4
		users = ["u0", "u1", "u2"]

		def steps(what, users, *rest, **more):
			Steps(mail, aim, "%s %s" % (version, what), users, every,
			    random.randint(1, every), *rest, **more)
		# A long one takes the same steps, and more.
		steps("long message", users, long=True)
		swept = users + random_kills(mail, 20 if extent == "every" else 3)
		if extent == "every":
			steps("short message", users)
			steps("breaking", users, h_faults.stale_lock, b".nfslg")
			steps("new mailbox", ["u3", "u4", "u5"], no_mailbox)
			swept += ["u3", "u4", "u5"]
		torn = h_faults.fragments(mail)
		time.sleep(h_faults.STALE)
		seconds = h_faults.sweep(mail, nfs.clients[-1], swept)
		print("swept within %.1f s; %d delivered, %d ended with their host" %
		    (seconds, mail.account(fragments=torn), torn))


main(*sys.argv[1:])
