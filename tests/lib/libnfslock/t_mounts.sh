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


# File systems that are read-only, full, or not known to be local: mounted in
# the test's own directory.

lock="$(atf_get_srcdir)/h_lock"

# mount_tmpfs options: on d, with a spool in it that is not its root.
mount_tmpfs()
{
	mkdir d
	mount -t tmpfs -o "$1" tmpfs d || atf_skip "no tmpfs: $1"
	mkdir d/spool
}

unmount()
{
	umount d || umount -l d || :
}

atf_test_case read_only cleanup
read_only_head()
{
	atf_set descr "a read-only file system is EROFS"
	atf_set require.user root
}
read_only_body()
{
	mount_tmpfs rw
	mount -o remount,ro d || atf_skip "tmpfs stays writable"
	for kind in -c -p; do
		atf_check -s exit:8 -o match:"Read-only file system" \
		    ${lock} ${kind} d/spool/m
	done
	atf_check ls d/spool
}
read_only_cleanup()
{
	unmount
}

atf_test_case read_only_later cleanup
read_only_later_head()
{
	atf_set descr "a file system that becomes read-only keeps the lock"
	atf_set require.user root
}
read_only_later_body()
{
	mount_tmpfs rw
	${lock} d/spool/m mount -o remount,ro d > out 2>&1
	atf_check_equal 8 $?
	atf_check -o match:"^release: .*Read-only file system" cat out
	atf_check test -e d/spool/m.lock
}
read_only_later_cleanup()
{
	unmount
}

atf_test_case full cleanup
full_head()
{
	atf_set descr "a full file system is ENOSPC, and nothing is left"
	atf_set require.user root
}
full_body()
{
	mount_tmpfs size=64k
	dd if=/dev/zero of=d/fill bs=4k 2> /dev/null && atf_fail "not full"
	atf_check -s exit:8 -o match:"No space left on device" \
	    ${lock} d/spool/m
	atf_check ls d/spool
	rm d/fill
	atf_check ${lock} d/spool/m
}
full_cleanup()
{
	unmount
}

atf_test_case no_inodes cleanup
no_inodes_head()
{
	atf_set descr "a file system without a free inode is ENOSPC"
	atf_set require.user root
}
no_inodes_body()
{
	mount_tmpfs nr_inodes=8
	while touch d/fill.$((n += 1)) 2> /dev/null; do
		[ ${n} -lt 100 ] || atf_fail "not full"
	done
	atf_check -s exit:8 -o match:"No space left on device" \
	    ${lock} d/spool/m
	atf_check ls d/spool
}
no_inodes_cleanup()
{
	unmount
}

# bindfs shows a directory through a process of a user's, which might promise
# anything: there the lock is made as on NFS.
mount_bindfs()
{
	mkdir d source
	bindfs source d || atf_skip "no bindfs"
}

atf_test_case unknown cleanup
unknown_head()
{
	atf_set descr "on an unknown file system everything works as well"
	atf_set require.user root
	atf_set require.progs bindfs strace
}
unknown_body()
{
	mount_bindfs
	atf_check strace -f -e trace=link,linkat -o trace ${lock} d/m
	atf_check -o ignore grep -E '^[0-9]+ +link(at)?\(.*m\.lock' trace
	atf_check ls source

	echo 0 > counter
	for i in 1 2 3 4; do
		${lock} -f counter -n 10 -l 60 d/m > out.${i} 2>&1 &
	done
	wait
	atf_check cat out.*
	atf_check -o inline:"40\n" cat counter
	atf_check ls source

	# held, and let go
	atf_check -o inline:"acquire: the lock is held by another\n" \
	    ${lock} d/m sh -c "! ${lock} -l -1 d/m"
	# stale
	: > source/m.lock
	atf_check ${lock} -s 2 -l 20 d/m
	atf_check ls source
}
unknown_cleanup()
{
	unmount
}

atf_test_case both_ways cleanup
both_ways_head()
{
	atf_set descr "who links and who creates exclude each other"
	atf_set require.user root
	atf_set require.progs bindfs
}
both_ways_body()
{
	mount_bindfs
	echo 0 > counter
	for dir in d source d source; do
		${lock} -f counter -n 10 -l 60 ${dir}/m >> out 2>&1 &
	done
	wait
	atf_check cat out
	atf_check -o inline:"40\n" cat counter
	atf_check ls source
}
both_ways_cleanup()
{
	unmount
}

atf_init_test_cases()
{
	atf_add_test_case read_only
	atf_add_test_case read_only_later
	atf_add_test_case full
	atf_add_test_case no_inodes
	atf_add_test_case unknown
	atf_add_test_case both_ways
}
