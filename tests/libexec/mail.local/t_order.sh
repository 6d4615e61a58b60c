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


# The order of a delivery's system calls is its safety.

# A delivery's events, for each stretch of them a pattern.
begin='^(IDS )?(LOOK )*LOCK (LOOK )*'
end='UNLOCK( LOOK)*( IDS)?( NOTIFY)?( TELL)?$'
appended="${begin}OPEN (FLOCK |FCNTL )+LOOK WRITE SYNC CLOSE LOOK ${end}"
emptied="(FLOCK |FCNTL )+(LOOK )*DIRSYNC (LOOK )*WRITE SYNC CLOSE LOOK ${end}"

order_head()
{
	atf_set require.progs strace
}

# events [strace options]: deliver a letter; the file "events" has what
# happened to the mailbox, in order.
events()
{
	letter x >letter
	atf_check -s exit:0 strace -y -o trace "$@" ${ml} "${me}" <letter
	awk -v name="${me}" -f "$(atf_get_srcdir)/h_events.awk" trace >events
	cat events
}

in_order()
{
	atf_check -o match:"$1" cat events
}

atf_test_case existing_mailbox
existing_mailbox_head()
{
	order_head
	atf_set descr "Dotlock, open, kernel lock, look, write, fsync," \
	    "close, look, release (NetBSD's of 2022 released before its" \
	    "fsync and close)"
}
existing_mailbox_body()
{
	plain
	seed
	events
	in_order "${appended}"
}

atf_test_case new_mailbox
new_mailbox_head()
{
	order_head
	atf_set descr "A new mailbox is made under the dotlock, and its" \
	    "directory is flushed before the first byte is written: what" \
	    "has bytes in it has a name that lasts"
}
new_mailbox_body()
{
	plain
	events
	in_order "${begin}CREATE (CLOSE OPEN )?${emptied}"
}

atf_test_case empty_mailbox
empty_mailbox_head()
{
	order_head
	atf_set descr "The directory of an empty mailbox is flushed too: a" \
	    "delivery that was killed may have made it, with its name on" \
	    "no disk yet"
}
empty_mailbox_body()
{
	plain
	: >"${box}"
	events
	in_order "${begin}OPEN ${emptied}"
}

atf_test_case home_spool cleanup
home_spool_head()
{
	also=strace
	world_head "Before the first byte goes into a mailbox in a home, the" \
	    "home is flushed too: it has the name of the directory that was" \
	    "made"
}
home_spool_body()
{
	world
	letter x >letter
	echo 'mailbox %h/.mailspool/%u' >etc/mail.local.conf
	# As it is made, and as a delivery that was killed may leave it.
	for left in nothing directory mailbox; do
		rm -rf home/alice/.mailspool
		[ ${left} = nothing ] || mkdir -m 700 home/alice/.mailspool
		[ ${left} != mailbox ] || : >home/alice/.mailspool/alice
		chown -R 61001:61001 home/alice
		atf_check ./in strace -y -o "${here}/trace" \
		    /mnt/mail.local alice <letter
		awk '/ = -1 / { next }
		    /^f(data)?sync\([0-9]+<[^>]*\/home\/alice>/ { print "home" }
		    /^f(data)?sync\([0-9]+<[^>]*\/alice\/\.mailspool>/ {
			print "spool" }
		    /^p?write(v|64)?\([0-9]+<[^>]*\/\.mailspool\/alice>/ {
			exit }' trace | sort -u >synced
		atf_check -o inline:"home\nspool\n" cat synced
	done
}
home_spool_cleanup()
{
	world_end
}

atf_test_case both_kernel_locks
both_kernel_locks_head()
{
	order_head
	atf_set descr "On Linux, where flock and fcntl locks do not exclude" \
	    "each other, a local mailbox gets both"
}
both_kernel_locks_body()
{
	plain
	seed
	events
	in_order FLOCK
	in_order FCNTL
}

atf_test_case mailbox_not_opened_while_waiting
mailbox_not_opened_while_waiting_head()
{
	order_head
	atf_set descr "No kernel lock is held, nor the mailbox open, while" \
	    "the dotlock is waited for"
}
mailbox_not_opened_while_waiting_body()
{
	plain
	seed
	: >"${box}.lock"
	(sleep 2; rm "${box}.lock") &
	events
	in_order "${appended}"
}

atf_test_case nothing_followed
nothing_followed_head()
{
	order_head
	atf_set descr "Every open of the mailbox is O_NOFOLLOW, and what is" \
	    "created is O_EXCL (CVE-2016-6253)"
}
nothing_followed_body()
{
	plain
	events
	events
	atf_check -o save:opens \
	    grep -E "^open(at)?\(.*[/\"]${me}\", " trace
	atf_check -s exit:1 grep -v O_NOFOLLOW opens
	grep O_CREAT opens >creates
	atf_check -s exit:1 grep -v O_EXCL creates
}

atf_test_case torn_tail_mended_under_the_lock
torn_tail_mended_under_the_lock_head()
{
	order_head
	atf_set descr "A torn tail is mended between the look and the fsync"
}
torn_tail_mended_under_the_lock_body()
{
	plain
	printf 'From x' >"${box}"
	events
	in_order "${appended}"
}

atf_test_case failure_undone_before_release
failure_undone_before_release_head()
{
	order_head
	atf_set descr "What a failed fsync leaves is cut off, and the cut" \
	    "flushed, before the release, after a look at the lock"
}
failure_undone_before_release_body()
{
	plain
	seed
	letter x >letter
	atf_check -s exit:75 -e ignore strace -y -o trace \
	    -e inject=fsync,fdatasync:error=EIO:when=1 ${ml} "${me}" <letter
	awk -v name="${me}" -f "$(atf_get_srcdir)/h_events.awk" trace >events
	cat events
	in_order 'WRITE LOOK CUT SYNC CLOSE (LOOK )?UNLOCK( LOOK)*( IDS)?( TELL)?$'
	untouched
}

atf_test_case notify_last
notify_last_head()
{
	order_head
	atf_set descr "biff is told after the release"
}
notify_last_body()
{
	plain
	events
	in_order 'UNLOCK( LOOK)*( IDS)? NOTIFY$'
}

# silent: between the dotlock and its release nobody is told anything.
silent()
{
	awk -v name="${me}" -f "$(atf_get_srcdir)/h_events.awk" trace >events
	cat events
	atf_check -o ignore grep TELL events
	tr ' ' '\n' <events | awk '
	    $0 == "LOCK" { held = 1 }
	    $0 == "UNLOCK" { held = 0 }
	    $0 == "TELL" && held { print "told under the lock" }' >told
	atf_check cat told
}

atf_test_case nothing_told_under_the_lock
nothing_told_under_the_lock_head()
{
	atf_set descr "Neither steps nor failures are told while a lock is" \
	    "held: who does not read them would have it held for ever"
	atf_set require.progs strace python3
}
nothing_told_under_the_lock_body()
{
	plain
	letter x >letter
	for fault in fsync:delay_enter=1 flock:error=EIO fsync:error=EIO \
	    fsync:signal=TERM; do
		seed
		strace -y -o trace -e inject=${fault}:when=1 \
		    ${ml} -v "${me}" <letter
		silent
	done
	# While the kernel's lock is waited for, and when that ends.
	seed
	kernel_hold flock "${box}"
	atf_check -s exit:75 -e ignore strace -y -o trace \
	    ${ml} -v -t 2 "${me}" <letter
	silent
	touch go
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case existing_mailbox
	atf_add_test_case new_mailbox
	atf_add_test_case empty_mailbox
	atf_add_test_case both_kernel_locks
	atf_add_test_case mailbox_not_opened_while_waiting
	atf_add_test_case nothing_followed
	atf_add_test_case torn_tail_mended_under_the_lock
	atf_add_test_case failure_undone_before_release
	atf_add_test_case home_spool
	atf_add_test_case nothing_told_under_the_lock
	atf_add_test_case notify_last
}
