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


# What the tests of mail.local share.  Sourced by their
# atf_init_test_cases.

: "${MAIL_LOCAL:=/usr/libexec/mail.local}"

export LC_ALL=C
umask 022

# plain: a spool of the caller's own in the work directory, and the program
# without its set-user-id bit, so that it takes -C from anybody and strace(1)
# can follow it.  Sets me, box (the mailbox) and ml (the command).
plain()
{
	[ -x "${MAIL_LOCAL}" ] || atf_fail "no program at ${MAIL_LOCAL}"
	here=$(pwd -P)
	me=$(id -un)
	box=${here}/spool/${me}
	cp "${MAIL_LOCAL}" mail.local && chmod 755 mail.local ||
	    atf_fail "cannot copy the program"
	mkdir spool
	: >conf
	ml="${here}/mail.local -C ${here}/conf -m ${here}/spool/%u"
}

# letter word: a small message that holds the word.
letter()
{
	printf 'Subject: %s\n\nThis is %s.\n' "$1" "$1"
}

# seed: a mailbox with one message in it, and a copy of it called seed.
seed()
{
	{ echo 'From seed@example.net Thu Jan  1 00:00:00 1998'
	    letter seed; echo; } >seed
	cp seed "${box}"
	chmod 600 "${box}"
}

# dated file: the file with every date in a From_ line made the same.
dated()
{
	sed -E 's/^(From [!-~]+ )[A-Z][a-z]{2} [A-Z][a-z]{2} [ 1-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/\1DATE/' "$1"
}

# same expected file: the file is as expected, dates of From_ lines apart.
same()
{
	dated "$1" >same.expected
	dated "$2" >same.found
	atf_check -s exit:0 cmp same.expected same.found
}

# only name ...: these files and no other are in the spool.
only()
{
	for _name; do
		echo "${_name}"
	done | sort >only.expected
	atf_check -o file:only.expected ls -A "${box%/*}"
}

# untouched: the mailbox is as seed() left it, and nothing stands beside it.
untouched()
{
	atf_check cmp seed "${box}"
	only "${box##*/}"
}

# said word ...: what the program told on stderr has each of the words, and
# is one line that begins with its name.
said()
{
	atf_check -o inline:"1\n" -x "wc -l <stderr | tr -d ' '"
	atf_check -o match:'^mail\.local: ' cat stderr
	for word; do
		atf_check -o match:"${word}" cat stderr
	done
}

# refused status word ...: delivering a letter ends with the status, says the
# words, and leaves the mailbox as seed() did.
refused()
{
	_status=$1; shift
	letter refused >letter
	atf_check -s "exit:${_status}" -e save:stderr \
	    timeout 60 ${ml} ${flags} "${me}" <letter
	said "$@"
}

# until_true limit command ...: wait until the command succeeds.
until_true()
{
	_n=$(($1 * 10)); shift
	until "$@" 2>/dev/null; do
		_n=$((_n - 1))
		[ "${_n}" -gt 0 ] || atf_fail "waited in vain for: $*"
		sleep 0.1
	done
}

# finish pid: wait for a background process; its status goes to ${status}.
finish()
{
	status=0
	wait "$1" || status=$?
}

# traced pid: the program that strace(1), as that process, follows; sets
# ${traced}.  strace tries things out in children of its own first.
traced()
{
	until_true 10 is_traced "$1"
}
is_traced()
{
	# The file is a line without an end.
	traced=$(sed 's/ .*//' "/proc/$1/task/$1/children") &&
	    grep -q '^mail\.local$' "/proc/${traced}/comm"
}

# mode_of, links_of, owner_of, group_of file: what ls(1) shows everywhere.
mode_of() { ls -ldn "$1" | awk '{ print substr($1, 1, 10) }'; }
links_of() { ls -ldn "$1" | awk '{ print $2 }'; }
owner_of() { ls -ldn "$1" | awk '{ print $3 }'; }
group_of() { ls -ldn "$1" | awk '{ print $4 }'; }
inode_of() { ls -di "$1" | awk '{ print $1 }'; }

# is word word: the two are the same.
is()
{
	[ "$1" = "$2" ] || atf_fail "found '$1', expected '$2'"
}

# kernel_hold kind file: hold a kernel lock (flock, fcntl or shared) on the
# file, in the background, until the file "go" is there.  Sets holder.
kernel_hold()
{
	python3 "$(atf_get_srcdir)/h_hold.py" "$1" "$2" go held &
	holder=$!
	until_true 10 test -e held
}

#
# The world: what root's tests see instead of the machine's mail.  A mount
# namespace whose /etc, /home, /var/mail and /mnt are the work directory's
# own; the machine's are never touched.  /mnt/mail.local is the program,
# set-user-id root.  ./in COMMAND runs as root in there, ./as USER COMMAND
# as one of its users.  With world_net=-n it has a network of its own, too.
#
world_net=
world_progs="unshare nsenter setpriv mount python3"
world_users="alice:61001 bob:61002 mallory:61003 mta:61004 x:61005 nohome:61006"

# world_head text ...: the head of a test in the world; it may need ${also}.
world_head()
{
	atf_set descr "$@"
	atf_set require.user root
	atf_set require.progs "${world_progs} ${also}"
	also=
}

world()
{
	[ -x "${MAIL_LOCAL}" ] || atf_fail "no program at ${MAIL_LOCAL}"
	[ -d /var/mail ] && [ -d /mnt ] && [ -d /home ] ||
	    atf_skip "needs /var/mail, /mnt and /home to mount over"
	here=$(pwd -P)
	mkdir etc home mail
	: >etc/mail.local.conf
	cp -RP /etc/ld.so.* etc/ 2>/dev/null || :
	for db in passwd group; do
		echo "${db}: files"
	done >etc/nsswitch.conf
	echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
	printf 'root:x:0:\nmail:x:8:\nteam:x:61100:alice,bob\n' >etc/group
	for user in ${world_users}; do
		id=${user#*:} user=${user%:*}
		echo "${user}:x:${id}:${id}:${user}:/home/${user}:/bin/sh" \
		    >>etc/passwd
		echo "${user}:x:${id}:" >>etc/group
		mkdir -m 755 "home/${user}"
		chown "${id}:${id}" "home/${user}"
	done
	rmdir home/nohome
	chmod 755 .
	unshare -m ${world_net} --propagation private sh -ec '
		mount --bind etc /etc
		mount --bind home /home
		mount --bind mail /var/mail
		mount -t tmpfs -o mode=755 none /mnt
		cp "$1" /mnt/mail.local
		chmod 4555 /mnt/mail.local
		>world.ready
		exec sleep 900' sh "${MAIL_LOCAL}" >/dev/null 2>world.err &
	echo $! >world.pid
	until_true 10 test -e world.ready
	cat >in <<EOF
#!/bin/sh
exec nsenter -t $(cat world.pid) -m ${world_net} -- sh -c 'cd "${here}" && exec "\$@"' sh "\$@"
EOF
	cat >as <<EOF
#!/bin/sh
user=\$1
shift
exec nsenter -t $(cat world.pid) -m ${world_net} -- setpriv --reuid "\$user" \
    --regid "\$user" --init-groups -- sh -c 'cd / && exec "\$@"' sh "\$@"
EOF
	chmod +x in as
	box=${here}/mail/alice
	me=alice
	ml="./in /mnt/mail.local"
	spool_sticky
}

# world_plain: /mnt/plain is the program without its set-user-id bit.
world_plain()
{
	atf_check ./in cp /mnt/mail.local /mnt/plain
	atf_check ./in chmod 755 /mnt/plain
}

# The three kinds of spool: anyone may create, the group mail may, root may.
# A numeric mode would leave a directory's set-group-id bit.
spool_sticky() { chown 0:0 mail; chmod a=rwx,g-s,+t mail; }
spool_group() { chown 0:8 mail; chmod u=rwx,g=rwxs,o=rx,-t mail; }
# As before, but new files do not get its group.
spool_member() { chown 0:8 mail; chmod u=rwx,g=rwx,o=rx,g-s,-t mail; }
spool_root() { chown 0:0 mail; chmod u=rwx,g=rx,o=rx,g-s,-t mail; }

# world_seed user: seed() for a user of the world.
world_seed()
{
	me=$1 box=${here}/mail/$1
	seed
	chown "$(id_of "$1"):$(id_of "$1")" "${box}"
}

id_of() { awk -F: -v u="$1" '$1 == u { print $3 }' etc/passwd; }

world_end()
{
	if [ -e world.pid ]; then
		kill "$(cat world.pid)" 2>/dev/null || :
	fi
}
