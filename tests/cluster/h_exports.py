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


"""What a server may do to its exports, and a mount that gives up:
h_exports.py VERSION [SERVER [CASE ...]]"""

import sys

import cluster
import h_failures
from h_failures import ALL


def said(run, what):
	"""It failed for now, and said why."""
	assert {attempt.status for attempt in run.attempts()} == {75}, run.attempts()
	for line in h_failures.Failures.said(run):
		assert any(words in line for words in what), line


def squash(nfs, failures):
	"""Root of a client is nobody on the server.

	A common spool of mode 1777 or 2775 and spools in homes need no root; a common
	spool in which root alone makes files does.
	"""
	one, two = nfs.clients[:2]
	nfs.server.export("rw,root_squash")
	failures.everywhere()
	failures.settle("root_squash, spools in homes", {0})
	failures.begin_anew(False)
	failures.everywhere()
	failures.settle("root_squash, common spool 1777", {0})

	# A lock that another user has left can be removed by nobody here.
	nfs.server.check("touch /srv/export/mail/u0.lock &&"
	    " chown 2015 /srv/export/mail/u0.lock")
	run = failures.one(two, ALL[0], limit="15")
	run.job.check(60)
	said(run, ["held by another program"])
	nfs.server.check("rm /srv/export/mail/u0.lock")

	nfs.server.check("chmod 755 /srv/export/mail")
	run = failures.one(one, ALL[0])
	run.job.check(60)
	# Some servers say of a directory that the recipient may write there.
	said(run, ["the file server does not let root write there",
	    "give the recipient access to the directory"])

	failures.begin_anew(False)
	nfs.server.check("chgrp mail /srv/export/mail && chmod 2775 /srv/export/mail")
	failures.everywhere()
	# Clients may believe the mode that it had for a while.
	failures.settle("root_squash, common spool 2775")
	nfs.server.check("chgrp root /srv/export/mail")
	nfs.server.check("chmod 1777 /srv/export/mail")
	nfs.server.export("rw,no_root_squash")
	failures.settle("root_squash, common spool 755")
	failures.begin_anew(True)


def read_only(nfs, failures):
	"""The file system is exported read-only for a while."""
	caught = failures.catch(nfs.clients[0], seconds=0.5)
	runs = failures.everywhere()
	h_failures.some(runs)
	nfs.server.export("ro,no_root_squash")
	run = failures.one(nfs.clients[1], ALL[0])
	run.job.check(60)
	# What the client asks first is whether it may write there.
	said(run, ("Read-only file system", "Permission denied"))
	nfs.server.export("rw,no_root_squash")
	# A client remembers that it may not write there until the directory changes.
	nfs.server.check("touch /srv/export/home/*/.mailspool")
	failures.settle("read-only export", left=True)
	assert caught


def stale(nfs, failures):
	"""The server has the same files on a new file system."""
	runs = failures.everywhere(seconds=5)
	h_failures.some(runs)
	nfs.server.replace_export()
	for run in runs:
		run.job.check(120)
	run = failures.one(nfs.clients[1], ALL[0])
	run.job.check(60)
	h_failures.show("\tbefore it is mounted again: %s" % [attempt.status
	    for attempt in run.attempts()])
	for client in nfs.clients:
		client.check("umount -l /home; umount -l /var/mail; umount -l /nfs")
		client.mount()
	failures.settle("replaced export", left=True)


def soft(nfs, failures):
	"""A mount that gives up, and a partition."""
	one, *others = nfs.clients
	one.unmount()
	one.options = "soft,timeo=5,retrans=1"
	one.mount()
	caught = failures.catch(one)
	one.partition()
	cut = failures.deliver(one, 4, seconds=0)
	runs = failures.everywhere(clients=others)
	for run in runs + [cut]:
		run.job.check(120)
	one.heal()
	cluster.until(60, "its network", lambda: one.run("ls /home/u0 /home/u1")[0] == 0)
	assert {attempt.status for attempt in cut.attempts()} == {75}, cut.attempts()
	for run in caught:
		run.job.check(120)
	failures.settle("soft mount", left=True)
	one.unmount()
	one.options = ""
	one.mount()


h_failures.main([squash, read_only, stale, soft], *sys.argv[1:])
