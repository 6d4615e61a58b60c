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

"""What all parts of the cluster use: its places, its errors, its waits."""

import os
import shlex
import subprocess
import time

STATE = "/mnt"		# The harness's own directory, in memory.
EXPORT = "/srv/export"
NETWORK = "10.11.12."
HARNESS = NETWORK + "254"
USERS = 16
PORT, MOUNT_PORT = 2049, 20048


class ClusterError(Exception):
	"""The cluster does not do what it was asked for."""


class LimitExceeded(ClusterError):
	"""A wait reached its limit."""


class Unavailable(ClusterError):
	"""This machine lacks what a cluster needs; the message names it."""


def packages():
	"""The directory where share/setup unpacked the guests' packages."""
	directory = os.environ.get("NFSLOCK_CLUSTER")
	return directory and os.path.abspath(directory) or ""


def search_path():
	"""PATH with the directories of what only root can use."""
	return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def host(*command):
	"""Run a command on the host, in the cluster's namespaces."""
	done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60,
	    stderr=subprocess.STDOUT, env=dict(os.environ, PATH=search_path()))
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
