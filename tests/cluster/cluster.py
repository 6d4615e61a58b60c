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

"""Several real NFS client kernels and a server, on this machine alone.

Each guest is a kernel of its own: user-mode Linux, or qemu where that does not
start.  Its root is the host's, so that the host's programs are at their own paths;
what it writes there stays in its memory.  The harness, the guests, their network
and their disks are in namespaces of their own, and end with the process that called
isolate().

	import cluster
	cluster.isolate()
	with cluster.Cluster(version="4.2", clients=2) as nfs:
		one, two = nfs.clients
		one.check("echo hello >/nfs/tmp/file")
		status, output = two.run("cat /nfs/tmp/file", limit=20)

Every wait has a limit, in seconds: LimitExceeded says that it was reached.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tarfile

import h_engines
from h_base import HARNESS, STATE, USERS, ClusterError, LimitExceeded, Unavailable
from h_base import host, packages, search_path, until
from h_guests import MKFS, Client, Ganesha, Server
from h_proxy import Proxy

__all__ = ["Cluster", "ClusterError", "LimitExceeded", "STATE", "Unavailable",
    "check_available", "host", "isolate", "until"]


def check_available():
	"""Raise Unavailable if no cluster can be had here."""
	if not sys.platform.startswith("linux"):
		raise Unavailable("not Linux")
	if os.getuid() != 0:
		raise Unavailable("not root")
	for program in "ip", "mkfs.ext4", "mount":
		if not shutil.which(program, path=search_path()):
			raise Unavailable("no %s" % program)
	if not os.path.exists("/dev/net/tun"):
		raise Unavailable("no /dev/net/tun")
	for file in ("usr/sbin/mount.nfs", "usr/sbin/rpc.nfsd", "usr/sbin/rpcbind",
	    "usr/bin/busybox"):
		if not os.path.exists(os.path.join(packages(), file)):
			raise Unavailable("no %s in NFSLOCK_CLUSTER (%s)" %
			    (file, packages() or "not set"))


def isolate():
	"""Go on in namespaces of our own: network, mounts and processes.

	To be called first of all, and once.  The calling process waits and exits as
	what goes on does; if it is killed, however it is, all the rest dies too.
	"""
	check_available()
	libc = ctypes.CDLL(None, use_errno=True)
	newns, newpid, newnet, pdeathsig = 0x20000, 0x20000000, 0x40000000, 1
	if libc.unshare(newns | newpid | newnet):
		raise Unavailable("unshare: %s" % os.strerror(ctypes.get_errno()))
	_fork_and_wait(lambda: libc.prctl(pdeathsig, signal.SIGKILL))
	# This is process 1 now; it has nothing to do but to reap.
	for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
		signal.signal(number, signal.SIG_DFL)
	host("mount", "--make-rprivate", "/")
	host("mount", "-t", "proc", "proc", "/proc")
	host("mount", "-t", "tmpfs", "-o", "mode=755", "cluster", STATE)
	_fork_and_wait(lambda: None)
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _fork_and_wait(first):
	"""Return in a child; the parent reaps, and exits as the child does."""
	sys.stdout.flush()
	sys.stderr.flush()
	child = os.fork()
	if child == 0:
		first()
		return
	while True:
		try:
			pid, status = os.wait()
		except KeyboardInterrupt:
			continue
		if pid == child:
			os._exit(status >> 8 if status & 0x7f == 0 else
			    128 + (status & 0x7f))


class Cluster:
	"""A server and clients, from entering it to leaving it.

	version: "3", "4.0", "4.1" or "4.2"; options: more mount options.
	server: "nfsd", the kernel's, or "ganesha".
	disk: the size of the server's file system.
	proxied: clients reach the server through self.proxy, else directly; a client
	that has been unmounted can be mounted the other way.
	same_port: as Proxy has it.
	"""

	def __init__(self, version="3", clients=3, options="", server="nfsd",
	    disk="512M", proxied=False, same_port=False):
		self.engine = h_engines.choose()
		self.proxy = None
		self._same_port = same_port
		self._disk = disk
		image = STATE + "/disk"
		server = {"nfsd": Server, "ganesha": Ganesha}[server]
		self.server = server(self, "server", 1, 256, image)
		self.clients = [Client(self, "client%d" % n, 10 + n, 256)
		    for n in range(1, clients + 1)]
		for client in self.clients:
			client.version, client.options = version, options
			client.proxied = proxied
		self.guests = [self.server] + self.clients

	def __enter__(self):
		try:
			self.start()
		except BaseException:
			self.stop()
			raise
		return self

	def __exit__(self, *_):
		self.stop()

	def start(self):
		"""Make the network and the disk, and start all."""
		check_available()
		self._write_state()
		host("ip", "link", "set", "lo", "up")
		host("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0",
		    "mcast_snooping", "0")
		host("ip", "address", "add", HARNESS + "/24", "dev", "br0")
		host("ip", "link", "set", "br0", "up")
		for guest in self.guests:
			host("ip", "tuntap", "add", guest.tap, "mode", "tap")
			host("ip", "link", "set", guest.tap, "up", "master", "br0")
		self._make_disk()
		for guest in self.guests:
			guest.boot()
		self.server.wait_ready()
		self.server.ready()
		self.server.end_grace()
		self.proxy = Proxy(self.server, self._same_port)
		for client in self.clients:
			client.wait_ready()
		mounts = [client.spawn(client.mount_command())
		    for client in self.clients]
		for mount in mounts:
			mount.check()

	def stop(self):
		"""End all of it at once."""
		if self.proxy:
			self.proxy.close()
		for guest in self.guests:
			guest.kill()
		with contextlib.suppress(ClusterError):
			host("ip", "link", "delete", "br0")
		for guest in self.guests:
			with contextlib.suppress(ClusterError):
				host("ip", "link", "delete", guest.tap)
			shutil.rmtree(guest.share, ignore_errors=True)

	def _make_disk(self):
		files = STATE + "/files"
		with contextlib.suppress(FileNotFoundError):
			shutil.rmtree(files)
			os.unlink(self.server.disk)
		for directory, mode, owner in [("nfs/v4recovery", 0o755, 0),
		    ("export/mail", 0o1777, 0), ("export/tmp", 0o1777, 0)] + [
		    ("export/home/u%d" % n, 0o755, 2000 + n) for n in range(USERS)]:
			directory = os.path.join(files, directory)
			os.makedirs(directory)
			os.chmod(directory, mode)
			os.chown(directory, owner, owner)
		for name in "etab", "rmtab":
			with open(files + "/nfs/" + name, "w"):
				pass
		# The server itself is to unpack them.  What mkfs makes has no generation,
		# and a handle without one finds whatever has its number on another disk.
		os.makedirs(self.server.share, exist_ok=True)
		with tarfile.open(self.server.share + "/files", "w") as tar:
			tar.add(files, ".")
		host("mkfs.ext4", *MKFS, self.server.disk, self._disk)

	def _write_state(self):
		here = os.path.dirname(os.path.abspath(__file__))
		with open(here + "/h_guest.sh") as file:
			script = file.read()
		users = ["u%d" % n for n in range(USERS)]
		files = {
		    "init": "#!%s/usr/bin/busybox sh\n%s" % (packages(), script),
		    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		    "passwd": "root:x:0:0:root:/root:/bin/sh\n"
			"daemon:x:1:1::/:/bin/false\n"
			"_rpc:x:100:65534::/run/rpcbind:/bin/false\n"
			"statd:x:101:65534::/var/lib/nfs:/bin/false\n"
			"nobody:x:65534:65534:nobody:/:/bin/false\n" +
			"".join("%s:x:%d:%d::/home/%s:/bin/sh\n" %
			    (user, 2000 + n, 2000 + n, user)
			    for n, user in enumerate(users)),
		    "group": "root:x:0:\ndaemon:x:1:\nmail:x:8:\nnogroup:x:65534:\n" +
			"".join("%s:x:%d:\n" % (user, 2000 + n)
			    for n, user in enumerate(users)),
		    "hosts": "127.0.0.1 localhost\n" +
			"".join("%s %s\n" % (guest.address, guest.name)
			    for guest in self.guests)}
		for name, text in files.items():
			with open("%s/%s" % (STATE, name), "w") as file:
				file.write(text)
		os.chmod(STATE + "/init", 0o755)


def main(soak="yes"):
	"""Say why not, if a cluster cannot run here: in a time for every day, unless soak."""
	try:
		check_available()
		if h_engines.choose() is not h_engines.Uml and soak != "yes":
			raise Unavailable("user-mode Linux does not start here, and qemu is"
			    " slow: set the variable soak to yes to run this")
	except Unavailable as why:
		print(why)
		sys.exit(1)


if __name__ == "__main__":
	main(*sys.argv[1:])
