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

"""What the simulated NFS of other tests does, done by real kernels: h_kernels.py VERSION

Each function below is a behaviour that tests/lib/libnfslock/sim or
tests/libexec/mail.local/sim gives to its kernels.  It makes real ones show it, and
returns whether they do; UNLIKE says in which versions of the protocol they do not.

Seen in sources alone, and not here: that a client takes a repeated REMOVE, RENAME
or LINK that failed for one that succeeded, and that a signal ends a request, as
NetBSD's does; that an exclusive create has the times of the client's clock, as by
NetBSD's; a server without exclusive create; one that keeps whole seconds.
"""

import os
import sys
import time

import cluster

EYE = r"""
import errno, fcntl, os, sys, time
from os import *
def text(name):
	with io.open(name) as file:
		return file.read()
import io
def make(name, contents="", flags=0):
	file = os.open(name, O_WRONLY | O_CREAT | flags, 0o666)
	write(file, contents.encode())
	fsync(file)
	close(file)
def size(name):
	return stat(name).st_size
number = 0
while True:
	number += 1
	name = "/run/host/eye%s.%d" % (sys.argv[1], number)
	while not path.exists(name):
		time.sleep(0.005)
	with io.open(name) as file:
		asked = file.read()
	try:
		try:
			said = eval(asked)
		except SyntaxError:
			said = exec(asked)
	except OSError as error:
		said = errno.errorcode[error.errno]
	with io.open(name + ".new", "w") as file:
		file.write(repr(said))
	rename(name + ".new", name + ".said")
"""


class Eye:
	"""A process in a client, that is asked one thing after the other."""

	count = 0

	def __init__(self, client):
		Eye.count += 1
		self.client, self.name, self.asked = client, Eye.count, 0
		self.job = client.spawn(["python3", "-c", EYE, str(self.name)])

	def ask(self, expression):
		"""Ask, and do not wait for what it says."""
		self.asked += 1
		file = "%s/eye%s.%d" % (self.client.share, self.name, self.asked)
		with open(file + ".asked", "w") as asked:
			asked.write(expression)
		os.rename(file + ".asked", file)

	def said(self, limit=90):
		file = "%s/eye%s.%d.said" % (self.client.share, self.name, self.asked)

		def there():
			if self.job.poll() is not None:
				raise cluster.ClusterError(self.job.output)
			return os.path.exists(file)
		cluster.until(limit, "an answer", there, pause=0.002)
		with open(file) as said:
			return eval(said.read())

	def twice(self, expression):
		"""What the client has seen once it does not believe yet."""
		self.see(expression)
		return self.see(expression)

	def see(self, expression, limit=90):
		"""What it says of an expression, or the error's name."""
		self.ask(expression)
		return self.said(limit)


class Scene:
	"""Two clients in a directory that is new to both."""

	def __init__(self, nfs, name, version):
		self.nfs, self.version = nfs, version
		self.one, self.two = (Eye(client) for client in nfs.clients[:2])
		self.here = "/nfs/tmp/" + name
		self.two.see("mkdir(%r)" % self.here)
		self.both("chdir(%r)" % self.here)

	def is_there(self, name):
		"""Whether the server has it."""
		return self.nfs.server.run(["test", "-e", self.on_server(name)])[0] == 0

	def on_server(self, name=""):
		return "/srv/export/tmp/%s/%s" % (os.path.basename(self.here), name)

	def both(self, expression):
		for eye in self.one, self.two:
			eye.see(expression)

	def end(self):
		self.both("chdir('/')")
		for eye in self.one, self.two:
			if eye.job.poll() is None:
				eye.job.kill()


# What a client keeps.

def attributes_are_kept(scene):
	"""stat(2) tells what is known, for a while; open(2) asks the server."""
	one, two = scene.one, scene.two
	two.see("make('a', 'one')")
	one.see("text('a')")
	before = one.see("size('a')")
	two.see("make('a', 'longer')")
	return (before, one.see("size('a')"), one.see("len(text('a'))")) == (3, 3, 6)


def a_removed_file_is_kept(scene):
	"""stat(2) finds a file that is no more; open(2) does not."""
	one, two = scene.one, scene.two
	two.see("make('a', 'one')")
	one.twice("text('a')")
	two.see("unlink('a')")
	return (one.see("size('a')"), one.see("text('a')")) == (3, "ENOENT")


def that_a_name_is_nobodys_is_kept(scene):
	"""open(2) does not ask about a name while its directory is believed to be what
	it was, which is for longer than files are: half a minute."""
	one, two = scene.one, scene.two
	one.see("listdir('.')")
	first = one.see("text('a')")
	two.see("make('a', 'one')")
	time.sleep(5)
	return (first, one.see("text('a')")) == ("ENOENT", "ENOENT")


def whose_a_name_was_is_kept(scene):
	"""open(2) finds the file that had the name, if that still is, under another."""
	one, two = scene.one, scene.two
	two.see("make('a', 'old')")
	one.twice("text('a')")
	two.see("[rename('a', 'b'), make('a', 'new')]")
	time.sleep(5)
	return one.see("text('a')") == "old"


def but_not_if_the_file_is_gone(scene):
	"""A handle that the server does not know has the client look the name up."""
	one, two = scene.one, scene.two
	two.see("make('a', 'old')")
	one.twice("text('a')")
	two.see("[make('b', 'new'), rename('b', 'a')]")
	return one.see("text('a')") == "new"


def a_list_is_read_anew(scene):
	"""Who opens a directory asks whether it is what it was."""
	one, two = scene.one, scene.two
	two.see("[make(str(n)) for n in range(20)]")
	before = one.twice("len(listdir('.'))")
	two.see("unlink('0')")
	return (before, one.see("len(listdir('.'))")) == (20, 19)


def who_makes_a_name_asks(scene):
	"""link(2) and an exclusive create do not believe that a name is nobody's."""
	one, two = scene.one, scene.two
	one.see("make('t')")
	first = one.see("stat('a')"), one.see("stat('b')")
	two.see("[make('a'), make('b')]")
	return first + (one.see("link('t', 'a')"), one.see("make('b', '', O_EXCL)")) == \
	    ("ENOENT", "ENOENT", "EEXIST", "EEXIST")


# Times, numbers and handles.

def an_exclusive_create_has_the_servers_time(scene):
	"""Linux sets the times that the verifier was kept in."""
	client = scene.nfs.clients[0]
	client.set_clock(5400)
	made, clock = scene.one.see("[close(open('a', O_WRONLY | O_CREAT | O_EXCL)),"
	    " stat('a').st_mtime, time.time()]")[1:]
	client.set_clock(-5400)
	return abs(clock - made - 5400) < 300


def a_number_is_used_again(scene):
	"""The next file has the number of the one that was removed; a handle of the
	old one is no handle of the new one."""
	one, two = scene.one, scene.two
	two.see("make('a', 'one')")
	file = one.see("open('a', O_RDONLY)")
	# The kernel's server has a file open for some seconds.
	old = two.see("[stat('a').st_ino, unlink('a'), time.sleep(6), make('b', 'two'),"
	    " stat('b').st_ino]")
	return old[0] == old[-1] and one.see("fstat(%d)" % file) == "ESTALE"


def an_open_file_is_renamed(scene):
	"""What a process of the same client has open is renamed, and removed later."""
	one, two = scene.one, scene.two
	one.see("make('a')")
	file = one.see("open('a', O_RDONLY)")
	one.see("unlink('a')")
	hidden = two.see("listdir('.')")
	one.see("close(%d)" % file)
	scene.nfs.server.check("! ls -A %s | grep ." % scene.on_server())
	return len(hidden) == 1 and hidden[0].startswith(".nfs")


# What is written.

def appending_writes_over(scene):
	"""An append goes where the client believes that the file ends."""
	one, two = scene.one, scene.two
	two.see("make('a', '')")
	file = one.see("open('a', O_WRONLY | O_APPEND)")
	two.see("make('a', 'two', O_APPEND)")
	one.see("[write(%d, b'one'), fsync(%d)]" % (file, file))
	return two.see("text('a')") == "one"


def open_tells_the_size(scene):
	"""Who opens after another has closed appends after what that one wrote."""
	one, two = scene.one, scene.two
	one.see("make('a', '')")
	two.see("make('a', 'two', O_APPEND)")
	one.see("make('a', 'one', O_APPEND)")
	return two.see("text('a')") == "twoone"


def a_kernel_lock_tells_the_size(scene):
	"""So does who takes a lock by fcntl(2) that the server knows of."""
	one, two = scene.one, scene.two
	two.see("make('a', '')")
	file = one.see("open('a', O_WRONLY | O_APPEND)")
	two.see("make('a', 'two', O_APPEND)")
	one.see("[fcntl.lockf(%d, fcntl.LOCK_EX), write(%d, b'one'), fsync(%d)]" %
	    (file, file, file))
	return two.see("text('a')") == "twoone"


def a_write_stays_in_the_client(scene):
	"""The server has what was written when it is synced, and not before."""
	one, two = scene.one, scene.two
	file = one.see("open('a', O_WRONLY | O_CREAT)")
	one.see("write(%d, b'one')" % file)
	before = two.see("text('a')")
	one.see("fsync(%d)" % file)
	return (before, two.see("text('a')")) == ("", "one")


# Requests and replies, by way of the proxy.

def repeated(scene, operation, expression, kind="lose_reply"):
	"""What is told of a request whose reply was lost, and which was sent again."""
	fault = scene.nfs.proxy.fault(operation, kind, seconds=2)
	said = scene.one.see(expression)
	fault.wait(60)
	return said


def a_repeated_link_fails(scene):
	"""A link that was made is said to have been there."""
	scene.one.see("make('t')")
	return repeated(scene, "LINK", "link('t', 'a')") == "EEXIST" and \
	    scene.two.see("stat('a').st_nlink") == 2


def a_repeated_unlink_fails(scene):
	"""A file that was removed is said not to have been there."""
	scene.one.see("make('a')")
	return repeated(scene, "REMOVE", "unlink('a')") == "ENOENT"


def a_repeated_rename_fails(scene):
	"""The same for a file that was renamed."""
	scene.one.see("make('a')")
	return repeated(scene, "RENAME", "rename('a', 'b')") == "ENOENT" and \
	    scene.two.see("size('b')") == 0


def a_repeated_exclusive_create_succeeds(scene):
	"""By its verifier the server knows who made the file."""
	operation = "CREATE" if scene.version == "3" else "OPEN"
	return repeated(scene, operation,
	    "close(open('a', O_WRONLY | O_CREAT | O_EXCL))") is None


def a_request_is_executed_twice(scene):
	"""A REMOVE that was held up removes what another made since."""
	scene.one.see("make('a')")
	said = repeated(scene, "REMOVE", "unlink('a')", kind="late_request")
	scene.two.see("make('a')")
	time.sleep(4)
	return said is None and scene.two.see("text('a')") == "ENOENT"


def the_dead_have_sent(scene):
	"""A request of a process that was killed is executed all the same."""
	scene.one.see("make('t')")
	fault = scene.nfs.proxy.fault("LINK", "delay_request", seconds=4)
	scene.one.ask("link('t', 'a')")
	cluster.until(30, "the request", lambda: fault.met)
	scene.one.job.kill()
	scene.one = Eye(scene.nfs.clients[0])
	before = scene.is_there("a")
	fault.wait(60)
	cluster.until(30, "the link", lambda: scene.is_there("a"))
	return not before


def a_soft_mount_tells_an_error_of_what_is_done(scene):
	"""The process is told that it failed; later it is done."""
	client = scene.nfs.clients[0]
	scene.both("chdir('/')")
	client.unmount()
	client.options = "soft,timeo=10,retrans=1,nosharecache"
	client.mount()
	scene.both("chdir(%r)" % scene.here)
	scene.one.see("make('a')")
	# Each attempt of it.
	fault = scene.nfs.proxy.fault("REMOVE", "delay_request", times=9, seconds=15)
	said = scene.one.see("unlink('a')")
	before = scene.is_there("a")
	cluster.until(60, "the removal", lambda: not scene.is_there("a"), pause=0.5)
	fault.cancel()
	scene.one.see("chdir('/')")
	client.unmount()
	client.options = ""
	client.mount()
	return said in ("EIO", "ETIMEDOUT") and before


# Crashes, last: the server's.

def what_was_not_committed_is_sent_again(scene):
	"""A server that crashed before a COMMIT gets the data once more."""
	one, server = scene.one, scene.nfs.server
	# What it writes by itself is not lost.
	server.check("echo 0 >/proc/sys/vm/dirty_writeback_centisecs &&"
	    " mount -o remount,commit=300 /srv")
	before = one.client.rpcs()["WRITE"]
	file = one.see("open('a', O_WRONLY | O_CREAT)")
	# It asks again at once.
	commit = scene.nfs.proxy.fault("COMMIT", "lose_request", times=1000)
	# More than one WRITE, or that would be a stable one.
	one.ask("[write(%d, b'one' * 100000), fsync(%d)]" % (file, file))
	cluster.until(60, "the COMMIT", lambda: commit.hits)
	server.kill()
	commit.cancel()
	server.start()
	one.said()
	again = server.check("tr -d one <%s | wc -c; stat -c %%s %s" %
	    (scene.on_server("a"), scene.on_server("a")))
	sent = one.client.rpcs()["WRITE"] - before
	return sent > 11 and again.split() == ["0", "300000"]


ALL = "3", "4.0", "4.1", "4.2"
SESSIONS = "4.1", "4.2"
UNLIKE = {
    # In which versions it is not so.
    # There open(2) asks for a name, and not for the file that is known.
    whose_a_name_was_is_kept: ("4.0",),
    # There a file that is open keeps its number.
    a_number_is_used_again: ALL[1:],
    a_repeated_link_fails: SESSIONS,
    a_repeated_unlink_fails: SESSIONS,
    a_repeated_rename_fails: SESSIONS,
    a_request_is_executed_twice: SESSIONS,
    # There it waits as long as the connection stands.
    a_soft_mount_tells_an_error_of_what_is_done: ALL[1:],
}
BEHAVIOURS = [
    attributes_are_kept, a_removed_file_is_kept, that_a_name_is_nobodys_is_kept,
    whose_a_name_was_is_kept, but_not_if_the_file_is_gone, a_list_is_read_anew,
    who_makes_a_name_asks, an_exclusive_create_has_the_servers_time,
    a_number_is_used_again, an_open_file_is_renamed, appending_writes_over,
    open_tells_the_size, a_kernel_lock_tells_the_size, a_write_stays_in_the_client,
    a_repeated_link_fails, a_repeated_unlink_fails, a_repeated_rename_fails,
    a_repeated_exclusive_create_succeeds, a_request_is_executed_twice,
    the_dead_have_sent, a_soft_mount_tells_an_error_of_what_is_done,
    what_was_not_committed_is_sent_again]


def main(version, *only):
	cluster.isolate()
	wrong = 0
	with cluster.Cluster(version, clients=2, proxied=True) as nfs:
		for behaviour in BEHAVIOURS:
			name = behaviour.__name__
			if only and name not in only:
				continue
			expected = version not in UNLIKE.get(behaviour, ())
			# What a client keeps it keeps for seconds: machines are busy.
			for number in range(8):
				scene = Scene(nfs, "%s.%d" % (name, number), version)
				seen = behaviour(scene)
				scene.end()
				if seen == expected:
					break
			print("%-46s %s%s" % (name.replace("_", " "), "yes" if seen else "no",
			    "" if seen == expected else "  UNEXPECTED"), flush=True)
			wrong += seen != expected
	sys.exit(wrong != 0)


main(*sys.argv[1:])
