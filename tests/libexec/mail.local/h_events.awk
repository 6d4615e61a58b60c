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


# From a trace of "strace -y" to what happened to the mailbox called name:
# one word for each successful call, repetitions told once.
#
#	CREATE OPEN CLOSE	the mailbox
#	FLOCK FCNTL		the kernel's lock on it
#	WRITE SYNC CUT		its contents
#	DIRSYNC			the directory it is in
#	LOCK LOOK UNLOCK	the dotlock: taken, looked at, released
#	IDS			another uid, gid or list of groups
#	NOTIFY			biff
#	TELL			standard error, or syslogd(8), which need not be there

function event(word)
{
	if (word != last)
		printf "%s%s", last == "" ? "" : " ", word
	last = word
}

BEGIN {
	lock = "[/\"]" name "\\.lock\""
	file = "[/\"]" name "\""
	fd = "^[a-z0-9]+\\([0-9]+<[^>]*/" name ">"
}

/^write\(2[<,]/ || /^connect\(.*"\/dev\/log"/ { event("TELL") }
/ = -1 / || / = \?/ { next }

/^(link|linkat)\(/ && $0 ~ lock "(, [0-9A-Z_|]+)?\\)" { event("LOCK"); next }
/^(rename|renameat|renameat2|link|linkat)\(/ && $0 ~ lock { event("UNLOCK"); next }
/^(open|openat)\(/ && $0 ~ lock && /O_EXCL/ { event("LOCK"); next }
/^(unlink|unlinkat)\(/ && $0 ~ lock { event("UNLOCK"); next }
/^(open|openat|newfstatat|lstat|stat|statx)\(/ && $0 ~ lock { event("LOOK"); next }

/^(open|openat)\(/ && $0 ~ file && /O_EXCL/ { event("CREATE"); next }
/^(open|openat)\(/ && $0 ~ file { event("OPEN"); next }
/^flock\(/ && $0 ~ fd && /LOCK_EX/ { event("FLOCK"); next }
/^fcntl\(/ && $0 ~ fd && /F_(OFD_)?SETLKW?, .*F_WRLCK/ { event("FCNTL"); next }
/^p?write(v|64)?\(/ && $0 ~ fd { event("WRITE"); next }
/^f(data)?sync\(/ && $0 ~ fd { event("SYNC"); next }
/^f(data)?sync\(/ { event("DIRSYNC"); next }
/^ftruncate\(/ && $0 ~ fd { event("CUT"); next }
/^close\(/ && $0 ~ fd { event("CLOSE"); next }

/^set(res|re|e)?[ug]id(32)?\(/ || /^setgroups(32)?\(/ { event("IDS"); next }
/^sendto\(/ && /biff|sin_port/ { event("NOTIFY"); next }

END { print "" }
