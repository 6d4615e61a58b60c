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

"""Mail in the cluster: delivered and read in guests, accounted for on the host.

A scenario makes one Mail for a cluster, has clients deliver(), and at the end has
account() hold what was reported against what is in the mailboxes.  In a guest this
file is a program: h_mail.py deliver|read ..., which Mail runs there.
"""

import collections
import contextlib
import itertools
import os
import pwd
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE + "/../demo")
import demo	# noqa: E402

MAIL_LOCAL = os.environ.get("MAIL_LOCAL", "/usr/libexec/mail.local")
TEMPFAIL = 75
# Each of so many is long enough for several WRITEs.
LONG, LONG_BODY = 20, b"A line of a long message, one of many.\n" * 4000

# status None: it is not known how this one ended, since the guest did.
Attempt = collections.namedtuple("Attempt", "number user status seconds")


def messages(known=[]):
	if not known:
		known += demo.suite_messages() or [b"Subject: none\n\nnothing\n"]
	return known


def message(number, taker="nobody"):
	"""The message of that number, as mail.local gets it."""
	text = messages()[number % len(messages())]
	return demo.tag(taker, number) + text + (LONG_BODY if number % LONG == 0 else b"")


def taker(number, takers):
	"""Who is to take it: the readers leave something to each other."""
	return takers[number % len(takers)]


# In a guest.

def deliver(log, first, count, users, processes, seconds, takers, *options):
	"""Deliver the messages, each to one of the users in turn, and log each attempt.

	As an MTA does, one that failed for now is tried again, for so many seconds.
	"""
	numbers = iter(range(int(first), int(first) + int(count)))
	users, takers, lock = users.split(","), takers.split(","), threading.Lock()
	file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

	def attempt(number, user):
		begin = time.monotonic()
		with lock:
			os.write(file, b"begin %d %s\n" % (number, user.encode()))
		done = subprocess.run([MAIL_LOCAL, "-f", demo.SENDER, *options, user],
		    input=message(number, taker(number, takers)),
		    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
		with lock:
			os.write(file, b"end %d %s %d %f %s\n" % (number, user.encode(),
			    done.returncode, time.monotonic() - begin,
			    b"|".join(done.stderr.splitlines())))
		return done.returncode

	def work():
		while True:
			with lock:
				number = next(numbers, None)
			if number is None:
				return
			user = users[number // len(takers) % len(users)]
			end = time.monotonic() + float(seconds)
			while attempt(number, user) == TEMPFAIL and time.monotonic() < end:
				time.sleep(0.2)
	workers = [threading.Thread(target=work) for _ in range(int(processes))]
	for worker in workers:
		worker.start()
	for worker in workers:
		worker.join()


def read(stop, user, path, share, *readers):
	"""Have demo.py's readers take what is theirs from a mailbox, as its owner."""
	entry = pwd.getpwnam(user)
	# In the guest's memory: what lies on the host is root's there.
	home = "/run/%s.reader" % user
	os.makedirs(home)
	os.chown(home, entry.pw_uid, entry.pw_gid)
	box = demo.Box(user, entry.pw_uid, entry.pw_gid, home, path, [])
	child = os.fork()
	if child == 0:
		demo.read_until(stop, box, 1, readers)
		return
	_, status = os.waitpid(child, 0)
	for reader in readers:
		with contextlib.suppress(FileNotFoundError):
			shutil.copyfile(demo.ledger(box, reader),
			    "%s/%s.%s" % (share, user, reader))
	sys.exit(status != 0)


# On the host.

class Deliveries:
	"""Deliveries that a client makes."""

	def __init__(self, client, number, command):
		self.file = "%s/deliveries.%d" % (client.share, number)
		self.job = client.spawn(command)

	def attempts(self):
		"""All that were begun so far, in the order of their ends."""
		begun, ended = [], []
		with contextlib.suppress(FileNotFoundError), open(self.file) as file:
			for line in file:
				if not line.endswith("\n"):
					break
				what, number, user, *rest = line.split(None, 5)
				if what == "begin":
					begun.append((int(number), user))
				else:
					begun.remove((int(number), user))
					ended.append(Attempt(int(number), user, int(rest[0]),
					    float(rest[1])))
		return ended + [Attempt(*one, None, None) for one in begun]

	def said(self):
		"""What mail.local wrote to standard error, a line each."""
		with open(self.file) as file:
			return [line.split(None, 5)[5] for line in file
			    if len(line.split(None, 5)) > 5]

	def delivered(self):
		"""How many are reported as delivered so far."""
		return sum(attempt.status == 0 for attempt in self.attempts())


class Mail:
	"""The mail of a cluster.  home: each mailbox in its user's home."""

	def __init__(self, nfs, home=False, conf="", takers=("nobody",)):
		self.nfs, self.home, self.takers = nfs, home, takers
		self.runs, self.number, self.readers = [], 0, []
		self.conf = "/mnt/mail.local.conf"
		with open(self.conf, "w") as file:
			file.write(demo.CONF + conf +
			    ("mailbox %h/.mailspool/%u\n" if home else ""))

	def path(self, user):
		"""Where a client sees a user's mailbox."""
		return "/home/%s/.mailspool/%s" % (user, user) if self.home else \
		    "/var/mail/" + user

	def path_on_server(self, user):
		"""Where the server has it."""
		return "/srv/export" + self.path(user).replace("/var", "", 1)

	def deliver(self, client, count, users=("u0",), processes=1, seconds=0,
	    options=("-t", "60")):
		"""Begin to deliver so many messages to the users in turn: a Deliveries.

		seconds: how long one that fails for now is tried again.
		"""
		run = Deliveries(client, len(self.runs), ["env", "MAIL_LOCAL=" + MAIL_LOCAL,
		    sys.executable, "-B", HERE + "/h_mail.py", "deliver",
		    "/run/host/deliveries.%d" % len(self.runs), str(self.number),
		    str(count), ",".join(users), str(processes), str(seconds),
		    ",".join(self.takers), "-C", self.conf, *options])
		self.number += count
		self.runs.append(run)
		return run

	def read(self, client, user, readers):
		"""Have readers take what is theirs from a mailbox until stop_readers()."""
		with contextlib.suppress(FileNotFoundError):
			os.unlink(client.share + "/stop")
		self.readers.append((client, user, client.spawn([sys.executable, "-B",
		    HERE + "/h_mail.py", "read", "/run/host/stop", user, self.path(user),
		    "/run/host", *readers])))

	def stop_readers(self, limit=60):
		for client, _, _ in self.readers:
			with open(client.share + "/stop", "w"):
				pass
		for _, _, job in self.readers:
			job.check(limit)

	def mailbox(self, user):
		"""What the server has of a mailbox."""
		path = self.path_on_server(user)
		status, _ = self.nfs.server.run(["test", "-e", path])
		return self.nfs.server.fetch(path) if status == 0 else b""

	def ledgers(self, user):
		"""What the readers have taken from it."""
		for client, whose, _ in self.readers:
			for name in demo.TAKERS[:2]:
				file = "%s/%s.%s" % (client.share, user, name)
				if whose == user and os.path.exists(file):
					yield demo.contents(file)

	def leftovers(self):
		"""What is in the spools and is no mailbox."""
		where = "/srv/export/home/*/.mailspool" if self.home else "/srv/export/mail"
		names = self.nfs.server.check("ls -A %s 2>/dev/null || :" % where).split()
		return [name for name in names if not re.fullmatch(r"u\d+|/.*:", name)]

	def account(self, fragments=0, forms=None):
		"""Hold what is in the mailboxes against what was reported, and complain.

		Each message that was reported as delivered is there, byte for byte, and
		none more often than was tried.  One whose attempts all failed may be
		there; none is there that was not sent.  fragments: so many beginnings of
		messages may be there, each followed by a blank line, for deliveries that
		ended with their host.
		Returns how many were delivered.
		"""
		attempts = list(itertools.chain(*(run.attempts() for run in self.runs)))
		tried = collections.Counter((one.number, one.user) for one in attempts)
		told = collections.Counter((one.number, one.user) for one in attempts
		    if one.status == 0)
		found, wrong, torn = collections.Counter(), [], 0
		for user in sorted({one.user for one in attempts}):
			for data in itertools.chain([self.mailbox(user)], self.ledgers(user)):
				for _, who, number, text in demo.parse(data):
					whole = b"" if number is None else demo.as_delivered(
					    message(number, who).split(b"\n", 1)[1])
					if number is not None and (text == whole or
					    forms and text in forms(number)):
						found[number, user] += 1
					elif torn < fragments and (text.startswith(b"From ")
					    if number is None else
					    whole.startswith(text.rstrip(b"\n"))):
						torn += 1
					else:
						wrong.append("%s: %s is damaged: %r" %
						    (user, number, text[:80]))
		for one, times in told.items():
			if found[one] < times:
				wrong.append("%s: %d was lost" % (one[1], one[0]))
		for one, times in found.items():
			if times > tried[one]:
				wrong.append("%s: %d is there %d times, tried %d times" %
				    (one[1], one[0], times, tried[one]))
		assert not wrong, "\n".join(wrong)
		return sum(told.values())


if __name__ == "__main__":
	{"deliver": deliver, "read": read}[sys.argv[1]](*sys.argv[2:])
