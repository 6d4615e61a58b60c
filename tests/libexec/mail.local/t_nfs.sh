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


# Mailboxes on NFS, as far as one host can tell: strace(1) has fstatfs(2) say
# that the file system is NFS.

# nfs [strace options]: deliver the letter; the file "trace" has the calls on
# the mailbox and in the spool.
nfs()
{
	strace -y -o trace -P "${box}" -P "${box%/*}" "$@" \
	    -e inject=fstatfs:poke_exit=@arg2=6969000000000000 \
	    ${ml} -f s -t 10 "${me}" <letter 2>stderr
	status=$?
	atf_check -o ignore grep NFS_SUPER_MAGIC trace
}

nfs_setup()
{
	plain
	seed
	letter x >letter
	strace -o trace -e inject=fstatfs:poke_exit=@arg2=6969000000000000 \
	    true 2>/dev/null || atf_skip "strace cannot poke"
	# struct statfs begins with a 64-bit number, its lowest byte first?
	strace -o trace -e inject=fstatfs:poke_exit=@arg2=6969000000000000 \
	    ${ml} "${me}" <letter
	grep -q NFS_SUPER_MAGIC trace || atf_skip "another struct statfs"
	cp seed "${box}"
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
}

nfs_head()
{
	atf_set descr "$@"
	atf_set require.progs strace
}

# whole: it was delivered.
whole()
{
	is ${status} 0
	atf_check cat stderr
	same expected "${box}"
	only "${me}"
}

atf_test_case kernel_lock
kernel_lock_head()
{
	nfs_head "On Linux the kernel's lock is fcntl's alone: its flock is" \
	    "the same lock, and would wait for ourselves"
}
kernel_lock_body()
{
	nfs_setup
	nfs
	whole
	atf_check -o match:'F_SETLK.*F_WRLCK' cat trace
	atf_check -s exit:1 grep '^flock' trace
}

atf_test_case no_lock_manager
no_lock_manager_head()
{
	nfs_head "A mount without a lock manager (ENOLCK) has the dotlock; a" \
	    "local file system without locks to spare is a failure"
}
no_lock_manager_body()
{
	nfs_setup
	nfs -e inject=fcntl:error=ENOLCK:when=2
	atf_check -o ignore grep 'F_SETLK.*INJECTED' trace
	whole
	cp seed "${box}"
	atf_check -s exit:75 -e ignore strace -o trace -P "${box}" \
	    -e inject=fcntl:error=ENOLCK:when=2 ${ml} "${me}" <letter
	atf_check -o ignore grep 'F_SETLK.*INJECTED' trace
	untouched
}

atf_test_case read_again
read_again_head()
{
	nfs_head "Between close and release the message is read from the" \
	    "server again"
}
read_again_body()
{
	nfs_setup
	awk 'BEGIN { for (n = 0; n < 200000; n++) print "line", n }' >long
	for letter in letter long; do
		cp ${letter} letter
		cp seed "${box}"
		{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
		nfs
		whole
		awk -v size="$(wc -c <"${box}")" -v seed="$(wc -c <seed)" '
		    / = -1 / { next }
		    /^p?write/ && $0 !~ /\.lock/ { wrote = 1 }
		    /^close/ && wrote { closed = 1 }
		    /^p?read(v|64)?\(/ && $0 !~ /\.lock/ && closed {
			got += $NF }
		    /^(rename|unlink|link).*\.lock/ && got { exit }
		    END { print got == size - seed + 2 ? "all" : got }' \
		    trace >again
		atf_check -o inline:"all\n" cat again
	done
}

atf_test_case beginning_first
beginning_first_head()
{
	nfs_head "The beginning of a long message is on the server before its" \
	    "rest, which would else be the end of the message before"
}
beginning_first_body()
{
	nfs_setup
	awk 'BEGIN { for (n = 0; n < 9000; n++) print "line", n }' >letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	nfs
	whole
	awk '/^write/ && !/\.lock/ { n++; size[n] = $NF }
	    /^fsync/ && n == 1 { synced = 1 }
	    END { print (size[1] == 4096 && synced && n > 1) ? "first" : size[1] }
	    ' trace >order
	atf_check -o inline:"first\n" cat order
	# What is sent in one piece needs nothing of that.
	letter x >letter
	cp seed "${box}"
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	nfs
	whole
	atf_check -o inline:"1\n" grep -c "^fsync.*${me}>" trace
}

atf_test_case leased_again
leased_again_head()
{
	nfs_head "A lease that another program has by then is waited for"
}
leased_again_body()
{
	nfs_setup
	nfs
	open=$(awk -v box="$(basename "${box}")" '/^openat/ { n++ }
	    /^openat/ && $0 ~ "\"" box "\", O_RDONLY" { print n; exit }' trace)
	atf_check test -n "${open}"
	cp seed "${box}"
	nfs -e inject=openat:error=EAGAIN:when=${open}..$((open + 2))
	whole
	atf_check -o inline:"3\n" grep -c "O_RDONLY.*INJECTED" trace
}

# meddled command: while the close is slow, somebody who heeds no lock runs
# the command; the delivery is not reported as such, and nothing is taken back.
meddled()
{
	cp seed "${box}"
	(until_true 10 sh -c "[ \$(wc -c <'${box}') -gt $(wc -c <seed) ]"
	    sleep 0.5
	    eval "$1") &
	meddler=$!
	nfs -e inject=close:delay_exit=1500000:when=$2
	wait ${meddler}
	is ${status} 75
	said "${me}" "$3"
	atf_check -s exit:1 grep ftruncate trace
	only "${me}"
}

atf_test_case another_wrote
another_wrote_head()
{
	nfs_head "Another host that held no lock, or a stolen one, has" \
	    "written: 75, and what it wrote stays"
}
another_wrote_body()
{
	nfs_setup
	# Which close is the mailbox's.
	nfs
	close=$(awk '/^close/ { n++ } /^p?write/ && !/\.lock/ { wrote = 1 }
	    /^close/ && wrote { print n; exit }' trace)
	meddled 'printf "From rude DATE\n\n" >>"${box}"' ${close} \
	    'in spite of the locks'
	{ cat expected; printf 'From rude DATE\n\n'; } >both
	same both "${box}"
	# Over it: of the same size.
	meddled 'printf "From rude DATE\n" |
	    dd of="${box}" bs=1 seek=$(wc -c <seed) conv=notrunc 2>/dev/null' \
	    ${close} 'in spite of the locks'
	atf_check -o ignore grep '^From rude' "${box}"
	# At its end.
	meddled 'printf "\n." | dd of="${box}" bs=1 conv=notrunc \
	    seek=$(($(wc -c <"${box}") - 2)) 2>/dev/null' \
	    ${close} 'in spite of the locks'
	# Shorter, and another file.
	meddled 'cp seed "${box}"' ${close} 'in spite of the locks'
	atf_check cmp seed "${box}"
	meddled 'cp "${box}" new; mv new "${box}"' ${close} 'another file'
	same expected "${box}"
}

atf_test_case kept_message_flushed
kept_message_flushed_head()
{
	nfs_head "A long message that is kept on NFS is flushed before it is" \
	    "delivered: what could not be stored shows then"
}
kept_message_flushed_body()
{
	nfs_setup
	awk 'BEGIN { for (n = 0; n < 1000000; n++) print "line", n }' >letter
	cat letter | strace -y -o trace \
	    -e inject=fstatfs:poke_exit=@arg2=6969000000000000 \
	    -e inject=fsync,fdatasync:error=EIO:when=1 \
	    ${ml} "${me}" 2>stderr
	is $? 75
	atf_check -o ignore grep 'sync(.*deleted.*INJECTED' trace
	atf_check -s exit:1 grep "/spool/${me}" trace
	atf_check cmp seed "${box}"
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case kernel_lock
	atf_add_test_case no_lock_manager
	atf_add_test_case read_again
	atf_add_test_case beginning_first
	atf_add_test_case leased_again
	atf_add_test_case another_wrote
	atf_add_test_case kept_message_flushed
}
