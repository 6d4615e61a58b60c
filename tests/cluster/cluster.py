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

Each guest is a kernel of its own, user-mode Linux.  Its root is the host's, so
that the host's programs are at their own paths; what it writes there stays in its
memory.  The harness, the guests, their network and their disks are in namespaces
of their own, and end with the process that called isolate().

	import cluster
	cluster.isolate()
	with cluster.Cluster(version="4.2", clients=2) as nfs:
		one, two = nfs.clients
		one.check("echo hello >/nfs/tmp/file")
		status, output = two.run("cat /nfs/tmp/file", limit=20)

Every wait has a limit, in seconds: LimitExceeded says that it was reached.
"""

import collections
import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

STATE = "/mnt"		# The harness's own directory, in memory.
EXPORT = "/srv/export"
NETWORK = "10.11.12."
HARNESS = NETWORK + "254"
USERS = 16
# No space that only root can use; quotas; nothing that is written later.
MKFS = ["-q", "-F", "-m", "0", "-O", "quota", "-E", "lazy_itable_init=0"]
PORT, MOUNT_PORT = 2049, 20048


class ClusterError(Exception):
	"""The cluster does not do what it was asked for."""


class LimitExceeded(ClusterError):
	"""A wait reached its limit."""


class Unavailable(ClusterError):
	"""This machine lacks what a cluster needs; the message names it."""


def packages():
	"""The directory where share/setup unpacked the guests' packages."""
	return os.environ.get("NFSLOCK_CLUSTER", "")


def check_available():
	"""Raise Unavailable if no cluster can be had here."""
	if not sys.platform.startswith("linux"):
		raise Unavailable("not Linux")
	if os.getuid() != 0:
		raise Unavailable("not root")
	for program in "ip", "mkfs.ext4", "mount":
		if not shutil.which(program, path=path()):
			raise Unavailable("no %s" % program)
	for file in "/dev/net/tun",:
		if not os.path.exists(file):
			raise Unavailable("no %s" % file)
	for file in ("usr/sbin/mount.nfs", "usr/sbin/rpc.nfsd", "usr/sbin/rpcbind",
	    "usr/bin/kmod", "usr/bin/busybox", "usr/bin/linux.uml"):
		if not os.path.exists(os.path.join(packages(), file)):
			raise Unavailable("no %s in NFSLOCK_CLUSTER (%s)" %
			    (file, packages() or "not set"))


def path():
	return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def host(*command):
	"""Run a command on the host, in the cluster's namespaces."""
	done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60,
	    stderr=subprocess.STDOUT, env=dict(os.environ, PATH=path()))
	if done.returncode:
		raise ClusterError("%s: %s" % (shlex.join(command),
		    done.stdout.decode(errors="replace").strip()))


def until(limit, what, condition, pause=0.01):
	"""Wait until condition() is true, and return what it returned."""
	end = time.monotonic() + limit
	while True:
		value = condition()
		if value:
			return value
		if time.monotonic() > end:
			raise LimitExceeded("%s: not within %g s" % (what, limit))
		time.sleep(pause)


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


class Uml:
	"""User-mode Linux: a kernel that is a process of the host."""

	name = "uml"
	settings = {"interface": "vec0", "tty": "/dev/ttyS0",
	    "modules": STATE + "/uml", "disk": "/dev/ubda"}

	@staticmethod
	def prepare():
		os.makedirs(STATE + "/uml/lib", exist_ok=True)
		os.makedirs(STATE + "/memory", exist_ok=True)
		with contextlib.suppress(FileExistsError):
			os.symlink(packages() + "/usr/lib/uml/modules",
			    STATE + "/uml/lib/modules")

	@staticmethod
	def command(guest):
		command = [packages() + "/usr/bin/linux.uml",
		    "umid=" + guest.name, "uml_dir=" + guest.share, "quiet",
		    "mem=%dM" % guest.memory, "rootfstype=hostfs", "ro",
		    "root=/dev/root", "rootflags=/",
		    "init=" + guest.share + "/init",
		    "con=null", "con0=null,fd:1", "ssl=null", "ssl0=fd:0,null",
		    "vec0:transport=tap,ifname=%s,depth=128,gro=1" % guest.tap]
		if guest.disk:
			command.append("ubd0=" + guest.disk)
		return command, {"TMPDIR": STATE + "/memory"}


class Job:
	"""A command that runs in a guest."""

	def __init__(self, guest, command):
		self.guest = guest
		self.command = command if isinstance(command, str) else \
		    shlex.join(command)
		guest.jobs += 1
		self.number = guest.jobs
		self.files = "%s/%d." % (guest.share, self.number)
		with open(self.files + "sh", "w") as file:
			file.write("echo $$ >/run/job/%d\n%s\n" %
			    (self.number, self.command))
		guest._tell(self.number)

	def poll(self):
		"""The command's exit status, None as long as it runs."""
		try:
			with open(self.files + "status") as file:
				status = file.read()
		except FileNotFoundError:
			return None
		return int(status) if status.endswith("\n") else None

	@property
	def output(self):
		"""What it wrote to standard output and error so far."""
		try:
			with open(self.files + "out", "rb") as file:
				return file.read().decode(errors="replace")
		except FileNotFoundError:
			return ""

	def wait(self, limit=60):
		"""Wait for its end; returns its exit status and its output."""
		def ended():
			if self.poll() is None:
				self.guest._must_live()
				return False
			return True
		until(limit, "%s: %s" % (self.guest.name, self.command), ended)
		return self.poll(), self.output

	def check(self, limit=60):
		"""As wait(), but any status other than 0 raises ClusterError."""
		status, output = self.wait(limit)
		if status:
			raise ClusterError("%s: %s: status %d: %s" %
			    (self.guest.name, self.command, status, output))
		return output

	def kill(self, signal="KILL", limit=20):
		"""Send a signal to the command and all that it started."""
		self.guest.check("/bin/kill -s %s -- -$(cat /run/job/%d)" %
		    (signal, self.number), limit)


class Guest:
	"""A host of the cluster: a kernel, and what runs on it."""

	load = ""

	def __init__(self, cluster, name, number, memory, disk=None):
		self.cluster, self.name = cluster, name
		self.address = NETWORK + str(number)
		self.mac = "02:00:00:00:00:%02x" % number
		self.tap = "tap%d" % number
		self.memory, self.disk = memory, disk
		self.share = "%s/%s" % (STATE, name)
		self.process = None
		self.jobs = 0

	# Its life.

	def boot(self):
		"""Begin to start it; wait_ready() waits for that."""
		if self.running():
			raise ClusterError("%s runs" % self.name)
		os.makedirs(self.share, exist_ok=True)
		with contextlib.suppress(FileNotFoundError):
			os.unlink(self.share + "/ready")
		engine = self.cluster.engine
		settings = dict(engine.settings, name=self.name, mac=self.mac,
		    address=self.address, load=self.load, packages=packages(),
		    modprobe=STATE + "/modprobe")
		with open(self.share + "/settings", "w") as file:
			for item in settings.items():
				file.write("%s='%s'\n" % item)
		for file in "passwd", "group", "hosts", "nsswitch.conf", "init":
			shutil.copy("%s/%s" % (STATE, file), self.share)
		command, environment = engine.command(self)
		self.console = self.share + "/console"
		with open(self.console, "ab") as console:
			self.process = subprocess.Popen(command, env=environment,
			    cwd=self.share, stdin=subprocess.PIPE, stdout=console,
			    stderr=console, start_new_session=True)

	def wait_ready(self, limit=60):
		"""Wait until it takes commands."""
		def ready():
			self._must_live()
			return os.path.exists(self.share + "/ready")
		until(limit, "start of %s" % self.name, ready)

	def start(self, limit=60):
		"""Start it, and wait until it does what it did before."""
		self.boot()
		self.wait_ready(limit)
		self.ready()

	def ready(self):
		"""What is done at each start once it takes commands."""

	def kill(self):
		"""Power failure: it stops at once.  A disk keeps what was sent to it."""
		if self.process is None:
			return
		with contextlib.suppress(ProcessLookupError):
			os.killpg(self.process.pid, signal.SIGKILL)
		self.process.wait(20)
		self.process.stdin.close()

		def gone():
			try:
				os.killpg(self.process.pid, 0)
			except ProcessLookupError:
				return True
		until(20, "end of %s" % self.name, gone)
		self.process = None

	def running(self):
		"""Whether it is switched on; a paused one is."""
		return self.process is not None and self.process.poll() is None

	def pause(self):
		"""Stop it in its tracks, as a virtual machine that is suspended."""
		os.kill(self.process.pid, signal.SIGSTOP)

	def resume(self):
		"""Let it go on after pause()."""
		os.kill(self.process.pid, signal.SIGCONT)

	def partition(self):
		"""Cut it off from the network."""
		host("ip", "link", "set", self.tap, "nomaster")

	def heal(self):
		"""End partition()."""
		host("ip", "link", "set", self.tap, "master", "br0")

	def set_clock(self, seconds):
		"""Set its clock that much forward, or back if negative."""
		self.check("date -s @$(($(date +%%s) + %d))" % seconds)

	# What it does.

	def spawn(self, command):
		"""Begin a command, as words or for the shell; returns a Job."""
		return Job(self, command)

	def run(self, command, limit=60):
		"""Run a command; returns its exit status and its output."""
		return self.spawn(command).wait(limit)

	def check(self, command, limit=60):
		"""Run a command that must succeed; returns its output."""
		return self.spawn(command).check(limit)

	def fetch(self, file, limit=60):
		"""The bytes of a file of the guest's."""
		self.check("cat %s >/run/host/fetched" % shlex.quote(file), limit)
		with open(self.share + "/fetched", "rb") as fetched:
			return fetched.read()

	def log(self):
		"""What its kernel and its process 1 said."""
		with open(self.console, errors="replace") as file:
			return file.read()

	def _tell(self, number):
		self._must_live()
		with contextlib.suppress(BrokenPipeError):
			self.process.stdin.write(b"%d\n" % number)
			self.process.stdin.flush()

	def _must_live(self):
		if not self.running():
			raise ClusterError("%s does not run; it said: %s" %
			    (self.name, self.log()[-2000:]))


class Client(Guest):
	"""A host that mounts the server's file system.

	All of it is at /nfs, which has mail, home and tmp; of these, mail is also at
	/var/mail, and home at /home.
	"""

	version, options, proxied = "3", "", False

	@property
	def load(self):
		return "nfsv3" if self.version.startswith("3") else "nfsv4"

	def ready(self):
		self.mount()

	def mount(self, limit=60):
		"""Mount by the client's version, options and proxied, as set before."""
		self.check(self.mount_command(), limit)

	def mount_command(self):
		"""The command that mount() runs."""
		address = self.cluster.server.address
		options = ["vers=" + self.version]
		if self.version.startswith("3"):
			options += ["tcp", "nolock", "port=%d" % PORT, "mountproto=tcp",
			    "mountport=%d" % MOUNT_PORT, "mountaddr=" + address]
		if self.options:
			options.append(self.options)
		return ("mkdir -p /nfs /var/mail /home &&"
		    " mount.nfs %s:%s /nfs -o %s &&"
		    " mount --bind /nfs/mail /var/mail &&"
		    " mount --bind /nfs/home /home" %
		    (HARNESS if self.proxied else address,
		    EXPORT if self.version.startswith("3") else "/",
		    ",".join(options)))

	def unmount(self, limit=60):
		"""Undo mount()."""
		self.check("umount /home && umount /var/mail && umount /nfs", limit)

	def mounted(self):
		"""The options of the mount, as the kernel tells them."""
		for line in self.check("cat /proc/mounts").splitlines():
			source, place, kind, options = line.split()[:4]
			if place == "/nfs":
				return options.split(",")
		return []

	def rpcs(self):
		"""How many RPCs of each operation the mount has sent: a Counter.

		The difference of two is what was sent between them; the call itself
		sends none.
		"""
		counts, ours, operations = collections.Counter(), False, False
		for line in self.check("cat /proc/self/mountstats").splitlines():
			words = line.split()
			if line.startswith("device "):
				ours = not counts and words[4] == "/nfs"
				operations = False
			elif line.strip() == "per-op statistics":
				operations = True
			elif ours and operations and words:
				counts[words[0].rstrip(":")] = int(words[1])
		return +counts


class Server(Guest):
	"""The host that exports a file system, with the kernel's nfsd."""

	load = "nfsd quota_v2"
	options = "rw,no_root_squash"

	def ready(self):
		self.check(r"""set -e
		    mkdir -p /srv /var/lib/nfs /run/rpcbind
		    mount -o usrquota %(disk)s /srv
		    mount --bind /srv/nfs /var/lib/nfs
		    rpcbind -w""" % self.cluster.engine.settings)
		self.start_service()

	def export(self, options=None):
		"""Export with options: "ro,root_squash" instead of "rw,no_root_squash"."""
		self.options = options or self.options
		self.check("exportfs -i -o %s,sync,no_subtree_check,fsid=0,insecure '*:%s'"
		    % (self.options, EXPORT))

	def start_service(self):
		"""Serve NFS."""
		self.export()
		self.check("mountpoint -q /proc/fs/nfsd ||"
		    " mount -t nfsd nfsd /proc/fs/nfsd;"
		    " rpc.mountd -p %d && rpc.nfsd -L 10 -G 10 4 &&"
		    # The grace of a lock manager that nobody here uses.
		    " echo Y >/proc/fs/lockd/nlm_end_grace" % MOUNT_PORT)

	def stop_service(self):
		"""Serve NFS no longer; the host goes on."""
		self.check("rpc.nfsd 0;"
		    " while pkill -x rpc.mountd; do sleep 0.1; done")

	def end_grace(self):
		"""No client has anything to reclaim."""
		self.check("echo Y >/proc/fs/nfsd/v4_end_grace")

	def fill(self, leave=0):
		"""Fill the disk, but for so many bytes; unfill() undoes it."""
		self.check(r"""
		    size=$(($(df --output=avail -B1 /srv | tail -n 1) - %d))
		    n=0
		    while [ $size -ge 4096 ]; do
			n=$((n + 1))
			fallocate -l $size /srv/full.$n 2>/dev/null ||
			    rm -f /srv/full.$n
			left=$(($(df --output=avail -B1 /srv | tail -n 1) - %d))
			[ $left -ge $size ] && left=$((size / 2))
			size=$left
		    done
		    sync -f /srv""" % (leave, leave))

	def unfill(self):
		"""Undo fill()."""
		self.check("rm -f /srv/full.* && sync -f /srv")

	def quota(self, user, bytes):
		"""Limit what a user (a number, of u0 ...) may have; 0 is no limit."""
		self.check(["python3", "-c", """if True:
			import ctypes, os, struct, sys
			libc = ctypes.CDLL(None, use_errno=True)
			setquota, user, valid = 0x800008 << 8, int(sys.argv[2]), 1
			limits = struct.pack("=8QI4x", int(sys.argv[3]) // 1024,
			    *[0] * 7, valid)
			if libc.quotactl(setquota, sys.argv[1].encode(), user, limits):
				sys.exit(os.strerror(ctypes.get_errno()))
			""", self.cluster.engine.settings["disk"], str(2000 + user),
		    str(bytes)])

	def replace_export(self):
		"""Put the same files on a new file system: old handles are stale."""
		self.stop_service()
		self.check(r"""set -e
		    [ ! -e /proc/fs/nfsd/exports ] || { exportfs -ua && exportfs -f; }
		    tar -C /srv -cf /run/srv.tar .
		    umount /var/lib/nfs
		    umount /srv
		    mkfs.ext4 %(mkfs)s %(disk)s
		    mount -o usrquota %(disk)s /srv
		    tar -C /srv -xpf /run/srv.tar
		    rm /run/srv.tar
		    mount --bind /srv/nfs /var/lib/nfs""" %
		    dict(self.cluster.engine.settings, mkfs=shlex.join(MKFS)))
		self.start_service()


class Ganesha(Server):
	"""The same with nfs-ganesha, which is a process and no kernel's."""

	load = "quota_v2"

	def export(self, options=None):
		self.options = options or self.options
		words = self.options.split(",")
		with open(self.share + "/ganesha.conf", "w") as file:
			file.write("""
			    NFS_CORE_PARAM {
				Protocols = 3, 4; NFS_Port = %d; MNT_Port = %d;
				Enable_NLM = false; Enable_RQUOTA = false;
			    }
			    NFSV4 {
				Lease_Lifetime = 10; Grace_Period = 10;
				Only_Numeric_Owners = true;
			    }
			    EXPORT {
				Export_Id = 1; Path = %s; Pseudo = /; SecType = sys;
				Access_Type = %s; Squash = %s;
				FSAL { Name = VFS; }
			    }
			    """ % (PORT, MOUNT_PORT, EXPORT,
			    "RO" if "ro" in words else "RW",
			    "No_Root_Squash" if "no_root_squash" in words
			    else "Root_Squash"))
		self.run("pkill -HUP -x ganesha.nfsd")

	def start_service(self):
		self.export()
		self.check(r"""
		    mkdir -p /var/lib/nfs/ganesha
		    ganesha.nfsd -f /run/host/ganesha.conf -L /run/host/ganesha.log \
			-p /run/ganesha.pid
		    until rpcinfo -T tcp localhost 100003 3 >/dev/null 2>&1; do
			sleep 0.1
		    done""")

	def stop_service(self):
		self.check("while pkill -x ganesha.nfsd; do sleep 0.1; done")

	def end_grace(self):
		"""It ends by itself."""


class Fault:
	"""What the proxy does to some requests; Proxy.fault() makes it."""

	KINDS = ("lose_reply", "lose_request", "delay_reply", "delay_request",
	    "late_request", "duplicate")

	def __init__(self, operation, kind, nth, times, seconds, client):
		if kind not in self.KINDS:
			raise ValueError(kind)
		self.operation, self.kind, self.nth = operation, kind, nth
		self.times, self.seconds, self.client = times, seconds, client
		self.met = 0
		self.hits = 0
		self.cancelled = False

	def wants(self, operations, address):
		"""Whether this request, which is counted by this, is one to harm."""
		if self.cancelled or self.operation not in operations or \
		    self.client and self.client.address != address:
			return False
		self.met += 1
		return self.nth <= self.met < self.nth + self.times

	def wait(self, limit=60):
		"""Wait until it has struck as often as it was to."""
		until(limit, "%s of %s" % (self.kind, self.operation),
		    lambda: self.hits >= self.times)

	def cancel(self):
		"""Strike no more."""
		self.cancelled = True


class Connection:
	"""A client's connection through the proxy, and the server's end of it."""

	def __init__(self, proxy, near, address):
		self.proxy, self.near, self.address = proxy, near, address[0]
		self.far = socket.socket()
		if proxy.same_port:
			self.far.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			self.far.bind(("", address[1]))
		# Else the server would know a late request's port.
		self.far.settimeout(60)
		self.far.connect((proxy.server.address, PORT))
		self.far.settimeout(None)
		for end in near, self.far:
			end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		self.locks = {near: threading.Lock(), self.far: threading.Lock()}
		self.faults = {}
		self.late = 0
		for work in self.requests, self.replies:
			threading.Thread(target=work, daemon=True).start()

	def send(self, end, record):
		with contextlib.suppress(OSError), self.locks[end]:
			end.sendall(struct.pack(">I", 0x80000000 | len(record)) + record)

	def later(self, seconds, work, *arguments):
		timer = threading.Timer(seconds, work, arguments)
		timer.daemon = True
		timer.start()

	def requests(self):
		for record in records(self.near):
			fault = self.proxy.struck(record, self.address)
			kind = fault.kind if fault else None
			if kind in ("lose_reply", "delay_reply", "duplicate"):
				self.faults[record[:4]] = fault
			if kind == "lose_request":
				fault.hits += 1
				break
			if kind == "delay_request":
				self.later(fault.seconds, self.send, self.far, record)
				fault.hits += 1
				continue
			if kind == "late_request":
				self.late += 1
				self.later(fault.seconds, self.arrive_late, record)
				fault.hits += 1
				break
			self.send(self.far, record)
			if kind == "duplicate":
				self.later(fault.seconds, self.send, self.far, record)
		self.close(self.near)
		if not self.late:
			self.close(self.far)

	def arrive_late(self, record):
		self.send(self.far, record)
		# Its reply is of no use to anybody.
		self.later(10, self.close, self.far)

	def replies(self):
		seen = set()
		for record in records(self.far):
			xid = record[:4]
			fault = self.faults.get(xid)
			if fault and fault.kind == "duplicate" and xid in seen:
				del self.faults[xid]
				fault.hits += 1
				continue
			if fault and fault.kind == "lose_reply":
				fault.hits += 1
				break
			if fault and fault.kind == "delay_reply":
				del self.faults[xid]
				self.later(fault.seconds, self.send, self.near, record)
				fault.hits += 1
				continue
			if fault:
				seen.add(xid)
			self.send(self.near, record)
		self.close(self.near)
		if not self.late:
			self.close(self.far)

	def close(self, end):
		# At once, so that its port is free: nobody reads what is left.
		with contextlib.suppress(OSError):
			end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
			    struct.pack("ii", 1, 0))
			end.shutdown(socket.SHUT_RDWR)
		with contextlib.suppress(OSError):
			end.close()


class Proxy:
	"""Stands between the clients and the server, and harms what it is told to.

	same_port: the server sees the client's own port, also after a new connection,
	by which its cache of replies knows a repeated request.  Without, it does not
	know it, as behind an address translation.
	"""

	def __init__(self, server, same_port=False):
		self.server, self.same_port = server, same_port
		self.lock = threading.Lock()
		self.rules = []
		self.socket = socket.create_server((HARNESS, PORT), backlog=16)
		threading.Thread(target=self.accept, daemon=True).start()

	def accept(self):
		while True:
			try:
				near, address = self.socket.accept()
			except OSError:
				return
			threading.Thread(target=self.connect, args=(near, address),
			    daemon=True).start()

	def connect(self, near, address):
		try:
			Connection(self, near, address)
		except OSError:
			near.close()

	def fault(self, operation, kind, nth=1, times=1, seconds=0, client=None):
		"""Harm the nth request with this operation from now on, and so many.

		operation: the name that mountstats has for it, "LINK".
		kind: lose_reply and lose_request close the connection as well, so that
		the client sends again; delay_reply and delay_request take so many
		seconds; late_request closes the connection, and the request arrives
		so many seconds later all the same; duplicate sends it twice.
		client: that of one client alone.
		"""
		fault = Fault(operation, kind, nth, times, seconds, client)
		with self.lock:
			self.rules.append(fault)
		return fault

	def struck(self, record, address):
		"""The first fault that wants this request."""
		with self.lock:
			if not self.rules:
				return None
			names = operations(record)
			# Each counts it.
			wanting = [rule for rule in self.rules
			    if rule.wants(names, address)]
		return wanting[0] if wanting else None

	def close(self):
		# accept() would keep it open.
		self.socket.shutdown(socket.SHUT_RDWR)
		self.socket.close()


def records(end):
	"""What comes on a connection, by RPC's record marking, to its end."""
	def exactly(size):
		data = bytearray()
		while len(data) < size:
			part = end.recv(size - len(data))
			if not part:
				raise EOFError
			data += part
		return bytes(data)
	with contextlib.suppress(OSError, EOFError):
		while True:
			record, last = b"", False
			while not last:
				mark, = struct.unpack(">I", exactly(4))
				last = mark & 0x80000000
				record += exactly(mark & 0x7fffffff)
			yield record


V3 = ("NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE CREATE MKDIR SYMLINK"
    " MKNOD REMOVE RMDIR RENAME LINK READDIR READDIRPLUS FSSTAT FSINFO PATHCONF"
    " COMMIT").split()
V4 = dict(enumerate("ACCESS CLOSE COMMIT CREATE DELEGPURGE DELEGRETURN GETATTR GETFH"
    " LINK LOCK LOCKT LOCKU LOOKUP LOOKUPP NVERIFY OPEN OPENATTR OPEN_CONFIRM"
    " OPEN_DOWNGRADE PUTFH PUTPUBFH PUTROOTFH READ READDIR READLINK REMOVE RENAME"
    " RENEW RESTOREFH SAVEFH SECINFO SETATTR SETCLIENTID SETCLIENTID_CONFIRM VERIFY"
    " WRITE RELEASE_LOCKOWNER BACKCHANNEL_CTL BIND_CONN_TO_SESSION EXCHANGE_ID"
    " CREATE_SESSION DESTROY_SESSION".split(), 3))
V4[53] = "SEQUENCE"
# How the arguments of those go on that stand before others in what Linux sends:
# sizes of words and of s(trings).
V4_ARGUMENTS = {"SEQUENCE": [32], "PUTFH": ["s"], "PUTROOTFH": [], "SAVEFH": [],
    "RESTOREFH": [], "GETFH": [], "ACCESS": [4], "LOOKUP": ["s"], "LOOKUPP": [],
    "LINK": ["s"], "REMOVE": ["s"], "RENAME": ["s", "s"], "COMMIT": [12],
    "GETATTR": ["b"], "CLOSE": [20]}


def operations(record):
	"""The operations of a call: NFSv3's procedure, or those of a COMPOUND.

	Of a COMPOUND up to the first of which the arguments' length is unknown here.
	"""
	def word(at):
		return struct.unpack_from(">I", record, at)[0]

	def after_string(at):
		return at + 4 + (word(at) + 3) // 4 * 4
	try:
		kind, _, program, version, procedure = struct.unpack_from(">5I", record, 4)
		if kind != 0 or program != 100003:
			return []
		if version == 3:
			return [V3[procedure]]
		if procedure == 0:
			return ["NULL"]
		at = after_string(after_string(24 + 4) + 4)	# Past both flavours.
		at = after_string(at) + 4			# Tag, minor version.
		names, left = [], word(at)
		at += 4
		while left:
			names.append(V4.get(word(at), str(word(at))))
			at, left = at + 4, left - 1
			for part in V4_ARGUMENTS[names[-1]]:
				if part == "s":
					at = after_string(at)
				elif part == "b":
					at += 4 + 4 * word(at)
				else:
					at += part
	except (KeyError, IndexError, struct.error):
		pass
	return names


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
		self.engine = Uml
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
		self.engine.prepare()
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
		host("mkfs.ext4", *MKFS, "-d", files, self.server.disk, self._disk)

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
		with contextlib.suppress(FileExistsError):
			os.symlink(packages() + "/usr/bin/kmod", STATE + "/modprobe")


def main():
	"""Say what is missing, if a cluster cannot run here."""
	try:
		check_available()
	except Unavailable as why:
		print(why)
		sys.exit(1)


if __name__ == "__main__":
	main()
