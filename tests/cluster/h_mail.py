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
import functools
import glob
import itertools
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE + "/../demo")
import demo	# noqa: E402

STATE = "/mnt"		# As the cluster has it.
MAIL_LOCAL = os.environ.get("MAIL_LOCAL", "/usr/libexec/mail.local")
TEMPFAIL = 75
# Enough for several WRITEs.
LONG = b"Subject: long\n\n" + b"A line of a long message, one of many.\n" * 4000

# status None: it is not known how this one ended, since the guest did.
Attempt = collections.namedtuple("Attempt", "number user status seconds")


@functools.lru_cache
def messages():
	"""The texts of all messages."""
	return [LONG] + (demo.suite_messages() or [b"Subject: none\n\nnothing\n"])


def is_long(number):
	"""Whether the message of that number takes several WRITEs."""
	return number % len(messages()) == 0


@functools.lru_cache
def learned():
	"""Of each of them, what mutt may make of it."""
	with tempfile.TemporaryDirectory(dir=STATE) as home:
		return demo.mutt_forms(messages(), home)


def uncounted(text):
	"""A text without what mutt counts.

	While other hosts deliver on NFSv3, it writes a Content-Length and Lines that
	take in some of the next message, though no byte of either is lost.
	"""
	return re.sub(rb"^(Content-Length|Lines): \d+\n", b"", text, flags=re.M)


def made_by_mutt(number, text):
	"""May mutt have made this of the message of that number?"""
	return uncounted(text) in map(uncounted, learned()[number % len(messages())])


def message(number, taker="nobody"):
	"""The message of that number, as mail.local gets it."""
	return demo.tag(taker, number) + messages()[number % len(messages())]


def difference(whole, text):
	"""Where a text begins to differ from what it should be."""
	at = len(os.path.commonprefix([whole, text]))
	return at, whole[at:at + 60], text[at:at + 60]


def taker(number, takers):
	"""Who is to take it: the readers leave something to each other."""
	return takers[number % len(takers)]


# In a guest.

def run(command, data):
	"""Run a command with this input; returns its exit status and its standard error.

	subprocess, with its pipes, costs a guest a third more.
	"""
	with open(os.memfd_create("input"), "wb") as text, \
	    open(os.memfd_create("error"), "rb") as error:
		text.write(data)
		text.seek(0)
		child = os.posix_spawn(command[0], command, os.environ, file_actions=[
		    (os.POSIX_SPAWN_DUP2, text.fileno(), 0),
		    (os.POSIX_SPAWN_DUP2, error.fileno(), 2)])
		_, status = os.waitpid(child, 0)
		error.seek(0)
		return os.waitstatus_to_exitcode(status), error.read()


def deliver(log, first, count, users, together, processes, seconds, takers, *options):
	"""Deliver the messages, each to the next users in turn, and log each attempt.

	As an MTA does, one that failed for now is tried again, for so many seconds.
	"""
	numbers = iter(range(int(first), int(first) + int(count)))
	users, takers, lock = users.split(","), takers.split(","), threading.Lock()
	file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

	def attempt(number, recipients):
		begin, names = time.monotonic(), ",".join(recipients).encode()
		with lock:
			os.write(file, b"begin %d %s\n" % (number, names))
		status, said = run([MAIL_LOCAL, "-f", demo.SENDER, *options, *recipients],
		    message(number, taker(number, takers)))
		with lock:
			os.write(file, b"end %d %s %d %f %s\n" % (number, names, status,
			    time.monotonic() - begin, b"|".join(said.splitlines())))
		return status

	def work():
		while True:
			with lock:
				number = next(numbers, None)
			if number is None:
				return
			turn = number // len(takers)
			recipients = [users[(turn + n) % len(users)]
			    for n in range(int(together))]
			end = time.monotonic() + float(seconds)
			while attempt(number, recipients) == TEMPFAIL and \
			    time.monotonic() < end:
				time.sleep(0.2)
	workers = [threading.Thread(target=work) for _ in range(int(processes))]
	for worker in workers:
		worker.start()
	for worker in workers:
		worker.join()


def dotlockfile_turn(box):
	"""Take what is dotlockfile's, and write the rest where the mailbox stands."""
	lock = box.path + ".lock"
	if not os.path.exists(box.path) or \
	    subprocess.run(["dotlockfile", "-l", "-r", "20", "-i", "1", lock]).returncode:
		return 0
	with open(box.path, "r+b") as file:
		mine, others = [], []
		for part in re.split(rb"^(?=From )", file.read(), flags=re.M):
			head = demo.HEAD.match(part)
			(mine if head and head["taker"] == b"dotlockfile" else others).append(part)
		demo.write(demo.ledger(box, "dotlockfile"), b"".join(mine), "ab")
		if mine:
			file.seek(0)
			file.write(b"".join(others))
			file.truncate()
			file.flush()
			os.fsync(file)
	subprocess.run(["dotlockfile", "-u", lock], check=True)
	return len(mine)


TURNS = {**demo.TURNS, "dotlockfile": dotlockfile_turn}


def read(stop, user, path, share, *readers):
	"""Have readers take what is theirs from a mailbox, as its owner."""
	entry = pwd.getpwnam(user)
	# In the guest's memory: what lies on the host is root's there.
	home = "/run/%s.reader" % user
	os.makedirs(home)
	os.chown(home, entry.pw_uid, entry.pw_gid)
	box = demo.Box(user, entry.pw_uid, entry.pw_gid, home, path, [])
	child = os.fork()
	if child == 0:
		demo.read_until(stop, box, 1, {name: TURNS[name] for name in readers})
		return
	_, status = os.waitpid(child, 0)
	for reader in readers:
		with contextlib.suppress(FileNotFoundError):
			shutil.copyfile(demo.ledger(box, reader),
			    "%s/%s.%s" % (share, user, reader))
	shutil.rmtree(home)
	sys.exit(status != 0)


# On the host.

class Deliveries:
	"""Deliveries that a client makes."""

	def __init__(self, client, log, command):
		self.file = "%s/%s" % (client.share, log)
		self.job = client.spawn(command)

	def attempts(self):
		"""All that were begun so far, in the order of their ends."""
		begun, ended = [], []
		with contextlib.suppress(FileNotFoundError), open(self.file) as file:
			for line in file:
				if not line.endswith("\n"):
					break
				what, number, users, *rest = line.split(None, 5)
				for user in users.split(","):
					if what == "begin":
						begun.append((int(number), user))
					else:
						begun.remove((int(number), user))
						ended.append(Attempt(int(number), user,
						    int(rest[0]), float(rest[1])))
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
	"""The mail of a cluster.  home: each mailbox in its user's home.

	A cluster can have one after another, if each is cleared.
	"""

	names = itertools.count()

	def __init__(self, nfs, home=False, conf="", takers=("nobody",)):
		self.nfs, self.home, self.takers = nfs, home, takers
		self.runs, self.number, self.readers = [], 0, []
		# Another one for each: a guest may keep what it has read.
		self.conf = "%s/mail.local.conf.%d" % (STATE, next(self.names))
		with open(self.conf, "w") as file:
			file.write(demo.CONF + conf +
			    ("mailbox %h/.mailspool/%u\n" if home else ""))

	def one_number(self, long):
		"""The number of the next message that is a long one, or none."""
		while is_long(self.number) != long:
			self.number += 1
		self.number += 1
		return self.number - 1

	def path(self, user):
		"""Where a client sees a user's mailbox."""
		return "/home/%s/.mailspool/%s" % (user, user) if self.home else \
		    "/var/mail/" + user

	def path_on_server(self, user):
		"""Where the server has it."""
		return "/srv/export" + self.path(user).replace("/var", "", 1)

	def deliver(self, client, count, users=("u0",), processes=1, seconds=0,
	    options=("-t", "60"), together=1):
		"""Begin to deliver so many messages to the users in turn: a Deliveries.

		seconds: how long one that fails for now is tried again.
		together: how many recipients each message has.  One that fails has all
		of them tried again.
		"""
		log = "deliveries.%d" % next(self.names)
		run = Deliveries(client, log, ["env", "MAIL_LOCAL=" + MAIL_LOCAL,
		    sys.executable, "-B", HERE + "/h_mail.py", "deliver",
		    "/run/host/" + log, str(self.number), str(count), ",".join(users),
		    str(together), str(processes), str(seconds), ",".join(self.takers),
		    "-C", self.conf, *options])
		self.number += count
		self.runs.append(run)
		return run

	def read(self, client, user, readers):
		"""Have readers take what is theirs from a mailbox until stop_readers()."""
		with contextlib.suppress(FileNotFoundError):
			os.unlink(client.share + "/stop")
		self.readers.append((client, user, readers, client.spawn([sys.executable,
		    "-B", HERE + "/h_mail.py", "read", "/run/host/stop", user,
		    self.path(user), "/run/host", *readers])))

	def stop_readers(self, limit=60):
		for client, *_ in self.readers:
			with open(client.share + "/stop", "w"):
				pass
		for *_, job in self.readers:
			job.check(limit)

	def mailbox(self, user):
		"""What the server has of a mailbox."""
		path = self.path_on_server(user)
		status, _ = self.nfs.server.run(["test", "-e", path])
		return self.nfs.server.fetch(path) if status == 0 else b""

	def taken(self):
		"""What the readers have taken: (user, reader, data) of each."""
		for client, user, readers, _ in self.readers:
			for reader in readers:
				file = "%s/%s.%s" % (client.share, user, reader)
				if os.path.exists(file):
					yield user, reader, demo.contents(file)

	def ledgers(self, user):
		"""What the readers have taken from a mailbox."""
		return [data for whose, _, data in self.taken() if whose == user]

	def clear(self):
		"""Have no mailboxes and nothing taken, as at the beginning."""
		self.nfs.server.check("rm -f /srv/export/mail/u*"
		    " /srv/export/home/*/.mailspool/u*")
		for client in self.nfs.clients:
			for file in glob.glob(client.share + "/u*.*"):
				os.unlink(file)

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
		ended with their host.  forms: what else the text of a message may have
		become, but for what mutt makes of it where that reads.
		Returns how many were delivered.
		"""
		attempts = list(itertools.chain(*(run.attempts() for run in self.runs)))
		tried = collections.Counter((one.number, one.user) for one in attempts)
		told = collections.Counter((one.number, one.user) for one in attempts
		    if one.status == 0)
		found, wrong, torn = collections.Counter(), [], 0
		mutt = any("mutt" in readers for _, _, readers, _ in self.readers)
		for user in sorted({one.user for one in attempts}):
			for data in itertools.chain([self.mailbox(user)], self.ledgers(user)):
				for _, who, number, text in demo.parse(data):
					whole = b"" if number is None else demo.as_delivered(
					    message(number, who).split(b"\n", 1)[1])
					if number is not None and (text == whole or
					    forms and text in forms(number) or
					    mutt and made_by_mutt(number, text)):
						found[number, user] += 1
					elif torn < fragments and (text.startswith(b"From ")
					    if number is None else
					    whole.startswith(text.rstrip(b"\n"))):
						torn += 1
					else:
						wrong.append("%s: %s is damaged: at %d, %r: %r" %
						    (user, number, *difference(whole, text)))
		for one, times in told.items():
			if found[one] < times:
				wrong.append("%s: %d was lost" % (one[1], one[0]))
		for one, times in found.items():
			if times > tried[one]:
				wrong.append("%s: %d is there %d times, tried %d times" %
				    (one[1], one[0], times, tried[one]))
		assert not wrong, "\n".join(["%d wrong" % len(wrong)] + wrong[:20])
		return sum(told.values())


if __name__ == "__main__":
	{"deliver": deliver, "read": read}[sys.argv[1]](*sys.argv[2:])
