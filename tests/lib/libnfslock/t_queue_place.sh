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


# Where the processes of a host meet, the real one, in every state in which an
# administrator or a user may have left it: a lock is always had, by polling
# where it has to be.  Each case has file systems of its own.

lock="$(atf_get_srcdir)/h_lock"

place_head()
{
	atf_set descr "$1"
	atf_set require.user root
	atf_set require.progs unshare strace setpriv
}

# meet preparation [most-calls [cut-off]]: some lock one mailbox at once, where
# this was done before; then one of them waits in vain, and makes no more system
# calls than that; then others get the lock from one who had it before that
# happened.
meet()
{
	[ "$(uname -s)" = Linux ] || atf_skip "only Linux has such namespaces"
	[ -d /dev/shm ] || atf_skip "no /dev/shm"
	unshare -m mount -t tmpfs tmpfs /dev/shm || atf_skip "no mounting here"
	chmod a+x .
	mkdir -p -m 1777 d
	cat > meet <<-'EOT'
	lock=$1 most=$3 cut_off=$4 as=
	mount -t tmpfs -o mode=1777 tmpfs /dev/shm
	eval "$2"
	echo 0 > counter
	chmod 666 counter
	for i in 1 2 3 4; do
		${as} ${lock} -f counter -n 10 -l 60 d/m &
	done
	wait
	[ "$(cat counter)" = 40 ] || echo "counted $(cat counter)"

	${as} ${lock} -h 60000 d/m &
	holder=$!
	for i in $(seq 1000); do
		[ ! -e d/m.lock ] || break
		sleep 0.02
	done
	strace -o trace ${as} ${lock} -l 2 d/m > out || [ $? -eq 2 ] || cat out
	calls=$(wc -l < trace)
	[ "${calls}" -le "${most}" ] || echo "${calls} system calls"
	for i in 1 2 3; do
		${as} ${lock} -l 60 d/m &
	done
	sleep 0.3
	eval "${cut_off}"
	for i in 1 2 3; do
		${as} ${lock} -l 60 d/m &
	done
	sleep 0.3
	kill -TERM ${holder}
	wait
	ls d
	[ -n "${cut_off}" ] || [ ! -d /dev/shm ] ||
	    find /dev/shm -name 'nfslock.*'
	EOT
	atf_check unshare -m sh -eu meet ${lock} "$1" "${2:-2500}" "${3:-}"
}

atf_test_case usual
usual_head()
{
	place_head "where there is a place, who waits there asks for nothing"
}
usual_body()
{
	# 8 polls, 2 tries, and what it takes to start.
	meet : 250
	atf_check -o ignore grep 'poll(' trace
	atf_check -o ignore grep 'symlinkat(.*nfslock\.' trace
}

atf_test_case missing
missing_head()
{
	place_head "there is no /dev/shm"
}
missing_body()
{
	meet 'mount -t tmpfs tmpfs /dev; : > /dev/null'
	atf_check -o ignore grep 'openat(.*"/dev/shm".*ENOENT' trace
	atf_check -s exit:1 grep 'poll(' trace
}

atf_test_case read_only
read_only_head()
{
	place_head "/dev/shm is read-only"
}
read_only_body()
{
	meet 'mount -o remount,ro /dev/shm'
	atf_check -o ignore grep 'mknodat(.*nfslock\..*EROFS' trace
}

atf_test_case full
full_head()
{
	place_head "/dev/shm is full"
}
full_body()
{
	meet 'mount -o remount,size=4k /dev/shm
	    dd if=/dev/zero of=/dev/shm/fill bs=4k 2> /dev/null || :' 250
}

atf_test_case no_inodes
no_inodes_head()
{
	place_head "/dev/shm has room for some of those who meet there"
}
no_inodes_body()
{
	# The first is the directory itself.
	for n in 1 2 3 4 5 6; do
		meet "mount -o remount,nr_inodes=${n} /dev/shm"
	done
}

atf_test_case closed
closed_head()
{
	place_head "/dev/shm is its owner's alone"
}
closed_body()
{
	meet 'chmod 700 /dev/shm
	    as="setpriv --reuid=65534 --regid=65534 --clear-groups"'
	atf_check -o ignore grep 'mknodat(.*nfslock\..*EACCES' trace
}

atf_test_case not_memory
not_memory_head()
{
	place_head "/dev/shm may be on another host"
}
not_memory_body()
{
	meet 'mount -t ramfs -o mode=1777 ramfs /dev/shm'
	atf_check -s exit:1 grep 'mknodat(' trace
}

atf_test_case becomes_read_only
becomes_read_only_head()
{
	place_head "/dev/shm becomes read-only while some meet there"
}
becomes_read_only_body()
{
	meet : 250 'mount -o remount,ro /dev/shm'
}

atf_test_case covered
covered_head()
{
	place_head "those who come later meet elsewhere"
}
covered_body()
{
	meet : 250 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm'
}

atf_test_case emptied
emptied_head()
{
	place_head "somebody removes everything in /dev/shm"
}
emptied_body()
{
	meet : 250 'rm /dev/shm/nfslock.*'
}

atf_init_test_cases()
{
	atf_add_test_case usual
	atf_add_test_case missing
	atf_add_test_case read_only
	atf_add_test_case full
	atf_add_test_case no_inodes
	atf_add_test_case closed
	atf_add_test_case not_memory
	atf_add_test_case becomes_read_only
	atf_add_test_case covered
	atf_add_test_case emptied
}
