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

"""What a guest's kernel runs on."""

import functools
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from h_base import STATE, Unavailable, packages, search_path


class Uml:
	"""User-mode Linux: a kernel that is a process of the host."""

	name = "uml"
	interface, disk = "vec0", "/dev/ubda"
	kernels = "usr/lib/uml/modules"
	early = ["overlay"]

	@staticmethod
	@functools.lru_cache(maxsize=None)
	def starts():
		"""Whether it does here: some processors have more registers than it keeps."""
		program = packages() + "/usr/bin/linux.uml"
		if not os.path.exists(program):
			return False
		with tempfile.TemporaryDirectory() as directory:
			said = subprocess.run([program, "mem=128M", "con=null",
			    "con0=null,fd:1", "umid=probe", "uml_dir=" + directory,
			    "rootfstype=hostfs", "root=/dev/root", "rootflags=/", "ro",
			    "init=/bin/true", "panic=-1"], stdin=subprocess.DEVNULL,
			    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
			    env={"TMPDIR": directory}, cwd=directory, timeout=60).stdout
		# It panics when its process 1 ends, which here got so far.
		return b"exitcode=0x00000000" in said

	@staticmethod
	def command(guest):
		"""The command that is the guest, and its environment."""
		memory = STATE + "/memory"
		os.makedirs(memory, exist_ok=True)
		command = [packages() + "/usr/bin/linux.uml",
		    "umid=" + guest.name, "uml_dir=" + guest.share, "quiet",
		    "mem=%dM" % guest.memory, "rootfstype=hostfs", "ro",
		    "root=/dev/root", "rootflags=/",
		    "init=" + guest.share + "/init",
		    "con=null", "con0=null,fd:1", "ssl=null", "ssl0=fd:0,null",
		    "vec0:transport=tap,ifname=%s,depth=128,gro=1" % guest.tap]
		if guest.disk:
			command.append("ubd0=" + guest.disk)
		return command, {"TMPDIR": memory}


class Qemu:
	"""qemu that translates: slower than user-mode Linux, but for every processor."""

	name = "qemu"
	interface, disk = "eth0", "/dev/vda"
	kernels = "usr/lib/modules"
	early = ["virtio_pci", "virtio_net", "virtio_blk", "virtiofs", "overlay"]

	@staticmethod
	def starts():
		return os.path.isdir(os.path.join(packages(), Qemu.kernels)) and \
		    shutil.which("qemu-system-x86_64", path=search_path()) is not None

	@staticmethod
	def command(guest):
		"""The command that is the guest, and its environment."""
		early = modules(Qemu)(Qemu.early)
		archive = guest.share + "/initramfs"
		with open(guest.share + "/settings") as file:
			settings = file.read() + "early='%s'\n" % \
			    " ".join("/" + os.path.basename(file) for file in early)
		with open(STATE + "/init") as file:
			init = file.read().replace("#!" + packages() + "/usr", "#!", 1)
		with open(archive, "wb") as file:
			for directory in "bin", "proc", "run", "dev":
				file.write(cpio(directory, 0o40755))
			with open(packages() + "/usr/bin/busybox", "rb") as busybox:
				file.write(cpio("bin/busybox", 0o100755, busybox.read()))
			file.write(cpio("bin/mount", 0o120777, b"busybox"))
			file.write(cpio("init", 0o100755, init.encode()))
			file.write(cpio("settings", 0o100644, settings.encode()))
			for module in early:
				with open(module, "rb") as ko:
					file.write(cpio(os.path.basename(module), 0o100644,
					    ko.read()))
			file.write(cpio("TRAILER!!!", 0))
		kernel, = glob.glob(packages() + "/boot/vmlinuz-*")
		command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max",
		    "-nodefaults", "-no-reboot", "-display", "none",
		    "-chardev", "stdio,id=tty,signal=off", "-serial", "chardev:tty",
		    "-kernel", kernel, "-initrd", archive,
		    "-append", "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check",
		    "-m", "%dM" % guest.memory, "-numa", "node,memdev=memory",
		    "-object", "memory-backend-memfd,id=memory,share=on,size=%dM" %
			guest.memory,
		    "-netdev", "tap,id=net,script=no,downscript=no,ifname=" + guest.tap,
		    "-device", "virtio-net-pci,netdev=net,romfile=,mac=" + guest.mac]
		if guest.disk:
			command += ["-drive", "if=none,id=disk,format=raw,file=" + guest.disk,
			    "-device", "virtio-blk-pci,drive=disk"]
		daemons = ""
		for tag, source in ("host", "/"), ("packages", packages()):
			path = "%s/%s.socket" % (guest.share, tag)
			daemons += ("rm -f {0}; /usr/lib/qemu/virtiofsd --socket-path={0}"
			    " -o source={1} -o sandbox=chroot </dev/null >/dev/null 2>&1 &"
			    " while [ ! -S {0} ]; do sleep 0.05; done\n").format(
			    path, source)
			command += ["-chardev", "socket,id=%s,path=%s" % (tag, path),
			    "-device", "vhost-user-fs-pci,chardev=%s,tag=%s" % (tag, tag)]
		return ["sh", "-c", daemons + "exec " + shlex.join(command)], \
		    dict(os.environ, PATH=search_path())


def choose():
	"""The first that starts here; NFSLOCK_ENGINE names the only one to try."""
	wanted = os.environ.get("NFSLOCK_ENGINE")
	for engine in Uml, Qemu:
		if wanted in (None, "", engine.name) and engine.starts():
			return engine
	raise Unavailable("user-mode-linux in NFSLOCK_CLUSTER does not start, nor is"
	    " there qemu-system-x86_64 and a kernel for it")


def cpio(name, mode, data=b""):
	"""An entry of an initramfs."""
	def padded(part):
		return part + b"\0" * (-len(part) % 4)
	numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
	header = "070701" + "".join("%08x" % number for number in numbers) + name + "\0"
	return padded(header.encode()) + padded(data)


@functools.lru_cache(maxsize=None)
def modules(engine):
	"""A function that gives the files of modules, and before them what they need."""
	files = {}
	for directory, _, names in os.walk(os.path.join(packages(), engine.kernels)):
		for name in names:
			if name.endswith(".ko"):
				files[name[:-3].replace("-", "_")] = \
				    os.path.join(directory, name)

	def ordered(names, done=()):
		found = list(done)
		for name in names:
			# A kernel has others built in.
			file = files.get(name)
			if file is None or file in found:
				continue
			with open(file, "rb") as module:
				needs = re.search(rb"\0depends=([^\0]*)\0", module.read())
			found = ordered([need.replace("-", "_") for need in
			    needs.group(1).decode().split(",")], found)
			found.append(file)
		return found
	return ordered
