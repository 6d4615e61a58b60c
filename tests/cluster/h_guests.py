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

"""The hosts of the cluster, and what runs on them."""

import collections
import contextlib
import os
import shlex
import shutil
import signal
import subprocess

from h_base import EXPORT, HARNESS, MOUNT_PORT, NETWORK, PORT, STATE, ClusterError
from h_base import host, packages, until
from h_engines import modules

# No space that only root can use; quotas; nothing that is written later.
MKFS = ["-q", "-F", "-m", "0", "-O", "quota", "-E", "lazy_itable_init=0"]



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
		early = modules(engine)(engine.early)
		late = modules(engine)(self.load.split(), early)[len(early):]
		settings = {"engine": engine.name, "name": self.name, "mac": self.mac,
		    "address": self.address, "interface": engine.interface,
		    "packages": packages(), "shared": self.share,
		    "early": " ".join(early), "late": " ".join(late)}
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

	def wait_ready(self, limit=180):
		"""Wait until it takes commands."""
		def ready():
			self._must_live()
			return os.path.exists(self.share + "/ready")
		until(limit, "start of %s" % self.name, ready)

	def start(self, limit=180):
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
		self.check("cat %s >/run/host/fetched && sync /run/host/fetched" %
		    shlex.quote(file), limit)
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
		if self.version == "4.0":
			# No delegations.  The recall of one may overtake it, and
			# Linux 6.1's server does not read that the client did not know
			# it: whoever wants the file waits until it is revoked, and the
			# client, who is not told, trusts its cache after that.
			options.append("clientaddr=0.0.0.0")
		if self.options:
			options.append(self.options)
		return (self.before_mount() + "mkdir -p /nfs /var/mail /home &&"
		    " mount.nfs %s:%s /nfs -o %s &&"
		    " mount --bind /nfs/mail /var/mail &&"
		    " mount --bind /nfs/home /home" %
		    (HARNESS if self.proxied else address,
		    EXPORT if self.version.startswith("3") else "/",
		    ",".join(options)))

	def before_mount(self):
		"""With ganesha a client of NFS 4.1 or later sends one request at a time.

		It may answer an OPEN with the stateid of what it closes for another
		process of the same user meanwhile (its issue 1395).  Linux waits for
		what is missing in between for 5 s, and anew whenever another process
		opens or closes that file: as long as three others watch a lock, for ever.
		"""
		if not isinstance(self.cluster.server, Ganesha) or \
		    self.version in ("3", "4.0"):
			return ""
		return "echo 1 >/sys/module/nfs/parameters/max_session_slots && "

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
		    [ -d /srv/export ] ||
			{ tar -C /srv -xpf /run/host/files && sync -f /srv; }
		    mount --bind /srv/nfs /var/lib/nfs
		    rpcbind -w""" % {"disk": self.cluster.engine.disk})
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
			""", self.cluster.engine.disk, str(2000 + user),
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
		    {"disk": self.cluster.engine.disk, "mkfs": shlex.join(MKFS)})
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
