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

"""What stands between the clients and the server, and harms requests and replies."""

import contextlib
import socket
import struct
import threading

from h_base import HARNESS, PORT, until



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
	by which nfsd's cache of replies knows a repeated request of NFSv3.  Without, it
	does not know it, as behind an address translation or after a reboot.
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
