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


# What can fail, each with its exit status and message, and the mailbox as it
# was.  75 (EX_TEMPFAIL) has the MTA retry, 73 (EX_CANTCREAT) has it bounce:
# only what the administrator or the recipient did on purpose, and what can
# never work.

# injected status calls fault [word]: the calls on the mailbox fail so.
injected()
{
	plain
	seed
	letter x >letter
	atf_check -s "exit:$1" -e save:stderr strace -o trace -P "${box}" \
	    -e trace="$2" -e inject="$2:$3" ${ml} ${flags} "${me}" <letter
	atf_check -o ignore grep INJECTED trace
	said "${me}" "$4"
	untouched
}

inject_head()
{
	atf_set require.progs strace
	atf_set descr "$@"
}

writes=write,writev,pwrite64,pwritev
syncs=fsync,fdatasync

atf_test_case enospc_at_write
enospc_at_write_head()
{
	inject_head "No space at write: 75"
}
enospc_at_write_body()
{
	injected 75 ${writes} error=ENOSPC '[Nn]o space'
}

atf_test_case edquot_at_write
edquot_at_write_head()
{
	inject_head "Quota used up at write: 75, as it may pass"
}
edquot_at_write_body()
{
	injected 75 ${writes} error=EDQUOT '[Qq]uota'
}

atf_test_case eio_at_write
eio_at_write_head()
{
	inject_head "I/O error at write: 75"
}
eio_at_write_body()
{
	injected 75 ${writes} error=EIO '[Ii](nput)?/[Oo]'
}

atf_test_case estale_at_write
estale_at_write_head()
{
	inject_head "A stale NFS file handle at write: 75"
}
estale_at_write_body()
{
	injected 75 ${writes} error=ESTALE '[Ss]tale'
}

atf_test_case enospc_at_fsync
enospc_at_fsync_head()
{
	inject_head "No space at fsync: 75 (NetBSD's of 2022 ignored it:" \
	    "mail was lost)"
}
enospc_at_fsync_body()
{
	injected 75 ${syncs} error=ENOSPC:when=1 '[Nn]o space'
}

atf_test_case edquot_at_fsync
edquot_at_fsync_head()
{
	inject_head "Quota used up at fsync: 75"
}
edquot_at_fsync_body()
{
	injected 75 ${syncs} error=EDQUOT:when=1 '[Qq]uota'
}

atf_test_case eio_at_fsync
eio_at_fsync_head()
{
	inject_head "I/O error at fsync: 75, even if the cut's fsync fails too"
}
eio_at_fsync_body()
{
	injected 75 ${syncs} error=EIO '[Ii](nput)?/[Oo]'
}

atf_test_case enospc_at_close
enospc_at_close_head()
{
	inject_head "No space at close, as NFS tells it: 75"
}
enospc_at_close_body()
{
	injected 75 close error=ENOSPC:when=1 '[Nn]o space'
}

atf_test_case edquot_at_close
edquot_at_close_head()
{
	inject_head "Quota used up at close: 75"
}
edquot_at_close_body()
{
	injected 75 close error=EDQUOT:when=1 '[Qq]uota'
}

atf_test_case eio_at_close
eio_at_close_head()
{
	inject_head "I/O error at close: 75"
}
eio_at_close_body()
{
	injected 75 close error=EIO:when=1 '[Ii](nput)?/[Oo]'
}

atf_test_case close_fails_and_another_locks
close_fails_and_another_locks_head()
{
	inject_head "After a close that failed another has the kernel's lock:" \
	    "nothing is cut off, and that is said"
}
close_fails_and_another_locks_body()
{
	plain
	seed
	letter x >letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	# Which fcntl is the next after the close.
	strace -o trace -P "${box}" -e trace=close,fcntl \
	    -e inject=close:error=EIO:when=1 ${ml} "${me}" <letter 2>stderr
	untouched
	next=$(awk '/^fcntl/ { n++ } /^fcntl.*F_SETLK/ && closed { print n; exit }
	    /^close/ { closed = 1 }' trace)
	[ -n "${next}" ] || atf_fail "cut off without a lock by fcntl(2)"
	atf_check -s exit:75 -e save:stderr strace -o trace -P "${box}" \
	    -e trace=close,fcntl,ftruncate -e inject=close:error=EIO:when=1 \
	    -e inject=fcntl:error=EAGAIN:when=${next} \
	    ${ml} -f s "${me}" <letter
	atf_check -o ignore grep 'F_SETLK.*INJECTED' trace
	said "${me}" 'left alone'
	atf_check -s exit:1 grep ftruncate trace
	same expected "${box}"
	only "${me}"
}

atf_test_case last_close_fails
last_close_fails_head()
{
	inject_head "A system that tells at the last close alone: 75, and" \
	    "nothing is cut off, as no lock is left"
}
last_close_fails_body()
{
	plain
	seed
	letter x >letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	strace -o trace -P "${box}" -e trace=close ${ml} "${me}" <letter
	last=$(grep -c '^close' trace)
	seed
	atf_check -s exit:75 -e save:stderr strace -o trace -P "${box}" \
	    -e trace=close,ftruncate \
	    -e inject=close:error=EIO:when=${last} ${ml} -f s "${me}" <letter
	atf_check -s exit:1 grep ftruncate trace
	said "${me}" '[Ii](nput)?/[Oo]' 'left alone'
	same expected "${box}"
	only "${me}"
}

atf_test_case quota_bounced
quota_bounced_head()
{
	inject_head "With -b or 'quota bounce' a full quota is 73;" \
	    "a full disk stays 75"
}
quota_bounced_body()
{
	flags=-b
	for call in ${writes} ${syncs}; do
		rm -rf spool
		injected 73 ${call} error=EDQUOT:when=1 '[Qq]uota'
		rm -rf spool
		injected 75 ${call} error=ENOSPC:when=1 '[Nn]o space'
	done
	rm -rf spool
	injected 73 close error=EDQUOT:when=1 '[Qq]uota'
	flags=
	echo 'quota bounce' >conf.quota
	ml="${here}/mail.local -C ${here}/conf.quota -m ${here}/spool/%u"
	for call in write fsync close; do
		atf_check -s exit:73 -e ignore strace -o trace -P "${box}" \
		    -e trace=${call} -e inject=${call}:error=EDQUOT:when=1 \
		    ${ml} "${me}" <letter
		untouched
	done
	echo 'quota retry' >conf.quota
	atf_check -s exit:75 -e ignore strace -o trace -P "${box}" \
	    -e trace=fsync -e inject=fsync:error=EDQUOT:when=1 \
	    ${ml} "${me}" <letter
	untouched
}

# cut_short_open fault [option ...]: deliver, and the call that opens the
# mailbox, by its name in the spool, fails so.  The status is mail.local's.
cut_short_open()
{
	cp "${box}" before
	strace -o trace -P "${here}/spool" -e trace=openat \
	    ${ml} "${me}" <letter || atf_fail "no delivery"
	opening=$(awk '/O_RDWR/ { print NR; exit }' trace)
	cp before "${box}"
	fault=$1
	shift
	strace -o trace -P "${here}/spool" -e trace=openat \
	    -e inject=openat:${fault}:when=${opening} \
	    ${ml} "$@" "${me}" <letter 2>stderr
}

atf_test_case eintr
eintr_head()
{
	inject_head "Calls cut short by a signal are taken up again"
}
eintr_body()
{
	plain
	letter x >letter
	for call in write pread64 fsync flock open; do
		seed
		if [ ${call} = open ]; then
			cut_short_open error=EINTR -f s
		else
			atf_check strace -o trace -P "${box}" \
			    -e trace=${call} \
			    -e inject=${call}:error=EINTR:when=1 \
			    ${ml} -f s "${me}" <letter
		fi
		atf_check -o ignore grep INJECTED trace
		{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
		same expected "${box}"
		only "${me}"
	done
}

atf_test_case cut_fails_too
cut_fails_too_head()
{
	inject_head "What cannot be cut off is said, and the next delivery" \
	    "mends it"
}
cut_fails_too_body()
{
	plain
	seed
	awk 'BEGIN { for (n = 0; n < 40000; n++) print "line", n }' >letter
	atf_check -s exit:75 -e save:stderr strace -o trace -P "${box}" \
	    -e trace=${writes},ftruncate \
	    -e inject=${writes}:error=ENOSPC:when=2+ \
	    -e inject=ftruncate:error=EIO ${ml} "${me}" <letter
	only "${me}"
	size=$(wc -c <"${box}")
	head -c "$(wc -c <seed)" "${box}" >found
	atf_check cmp found seed
	letter after >letter
	atf_check ${ml} -f s "${me}" <letter
	{ echo; echo 'From s DATE'; cat letter; echo; } >expected
	tail -c +$((size + 1)) "${box}" >found
	# The torn line's end, if the cut-off text ended within one.
	if [ "$(head -c 2 found | tr '\n' n)" = nn ]; then
		{ echo; cat expected; } >expected.torn
		mv expected.torn expected
	fi
	same expected found
}

atf_test_case new_mailbox_undone
new_mailbox_undone_head()
{
	inject_head "A failed first delivery leaves an empty mailbox: another" \
	    "program may have it open already"
}
new_mailbox_undone_body()
{
	plain
	letter x >letter
	for fault in write:error=ENOSPC fsync:error=EDQUOT:when=1 \
	    close:error=EIO; do
		atf_check -s exit:75 -e ignore strace -o trace -P "${box}" \
		    -e trace=${fault%%:*} -e inject=${fault} \
		    ${ml} "${me}" <letter
		atf_check cat "${box}"
		is "$(mode_of "${box}")" -rw-------
		only "${me}"
		rm "${box}"
	done
}

atf_test_case directory_fsync_fails
directory_fsync_fails_head()
{
	inject_head "A new mailbox whose directory cannot be flushed is not" \
	    "reported as delivered into"
}
directory_fsync_fails_body()
{
	plain
	letter x >letter
	atf_check -s exit:75 -e save:stderr strace -y -o trace \
	    -P "${here}/spool" -e trace=fsync,fdatasync \
	    -e inject=fsync,fdatasync:error=EIO ${ml} "${me}" <letter
	said "${me}"
	! [ -s "${box}" ] || atf_fail "something is left"
	atf_check -s exit:1 test -e "${box}.lock"
}

atf_test_case stdin_fails_midway
stdin_fails_midway_head()
{
	inject_head "An error on stdin delivers nothing: 75"
}
stdin_fails_midway_body()
{
	plain
	seed
	awk 'BEGIN { for (n = 0; n < 100000; n++) print "line", n }' >letter
	for when in 1 2 5; do
		atf_check -s exit:75 -e save:stderr strace -o trace \
		    -P "${here}/letter" -e trace=read,readv \
		    -e inject=read,readv:error=EIO:when=${when} \
		    ${ml} "${me}" <letter
		said
		untouched
	done
}

atf_test_case stdin_is_directory
stdin_is_directory_head()
{
	atf_set descr "A stdin that cannot be read: 75"
}
stdin_is_directory_body()
{
	plain
	seed
	atf_check -s exit:75 -e save:stderr ${ml} "${me}" <.
	said
	untouched
}

atf_test_case stdin_write_only
stdin_write_only_head()
{
	atf_set descr "A stdin opened for writing alone: 75"
}
stdin_write_only_body()
{
	plain
	seed
	atf_check -s exit:75 -e save:stderr -x "${ml} ${me} 0>out"
	said
	untouched
}

atf_test_case stdin_is_null_for_both
stdin_is_null_for_both_head()
{
	atf_set descr "A stdin that is /dev/null for reading and writing is" \
	    "what a kernel opens in place of a closed one: 75"
}
stdin_is_null_for_both_body()
{
	plain
	seed
	atf_check -s exit:75 -e save:stderr -x "${ml} ${me} 0<>/dev/null"
	said
	untouched
	atf_check ${ml} -f s "${me}" </dev/null
	{ cat seed; echo 'From s DATE'; echo; } >expected
	same expected "${box}"
	# A terminal or a socket is open for both as well.
	seed
	letter x >letter
	atf_check -x "${ml} -f s ${me} 0<>letter"
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	same expected "${box}"
}

atf_test_case no_room_for_the_message
no_room_for_the_message_head()
{
	atf_set descr "No room to keep a large message: 75, nothing delivered"
	atf_set require.progs strace
}
no_room_for_the_message_body()
{
	plain
	seed
	dd if=/dev/zero bs=65536 count=160 2>/dev/null | tr '\0' x >letter
	# All its writes fail but those to stderr.
	atf_check -s exit:75 -e save:stderr strace -o trace \
	    -e trace=${writes},copy_file_range,sendfile,splice \
	    -e inject=${writes},copy_file_range,sendfile,splice:error=ENOSPC:when=1 \
	    ${ml} "${me}" <letter
	untouched
}

atf_test_case what_to_do
what_to_do_head()
{
	inject_head "What can be done about a failure is told"
}
what_to_do_body()
{
	plain
	seed
	letter x >letter
	while IFS=: read -r errno advice; do
		atf_check -s exit:75 -e save:stderr strace -o trace \
		    -P "${box}" -e trace=${writes} \
		    -e inject=${writes}:error=${errno} ${ml} "${me}" <letter
		said "${me}" "${advice}"
		untouched
	done <<-EOF
		ENOSPC:make room
		EDQUOT:the user's quota is full
		EFBIG:larger than the limit on file sizes
		EPERM:append-only or immutable
		EACCES:the recipient must be able to read and write it
	EOF
}

atf_test_case stopped_at_fsync
stopped_at_fsync_head()
{
	inject_head "A signal that stops it while it syncs: 75, undone"
}
stopped_at_fsync_body()
{
	injected 75 "${syncs}" error=EINTR:signal=SIGTERM:when=1 \
	    Interrupted
}

atf_test_case stopped_at_open
stopped_at_open_head()
{
	inject_head "A signal that stops it while it opens the mailbox: 75, and" \
	    "the mailbox is not opened any more"
}
stopped_at_open_body()
{
	plain
	seed
	letter x >letter
	cut_short_open error=EINTR:signal=SIGTERM
	is $? 75
	is "$(grep -c O_RDWR trace)" 1
	said "${me}" Interrupted
	untouched
}

atf_test_case lock_refused
lock_refused_head()
{
	atf_set descr "No right to make the dotlock: 75, and who has it is" \
	    "told where that helps alone"
	atf_set require.user unprivileged
}
lock_refused_body()
{
	plain
	echo "mailbox ${here}/spool/%u" >conf
	ml="${here}/mail.local -C ${here}/conf"
	letter x >letter
	chmod 555 spool
	atf_check -s exit:75 -e save:stderr ${ml} "${me}" <letter
	said "${me}.lock" 'denied'
	atf_check -s exit:1 grep 'only root' stderr
	atf_check -s exit:75 -e save:stderr ${ml} root <letter
	said root.lock 'only root can act'
}

atf_test_case without_right cleanup
without_right_head()
{
	world_head "Without the set-user-id bit, another's mailbox: 75, and it" \
	    "is told that it needs root, be the mailbox there or not"
}
without_right_body()
{
	world
	letter x >letter
	world_plain
	atf_check -s exit:75 -e save:stderr \
	    ./as mallory /mnt/plain alice <letter
	said alice missing 'run mail\.local as root'
	only
	world_seed alice
	atf_check -s exit:75 -e save:stderr \
	    ./as mallory /mnt/plain alice <letter
	said alice denied 'run mail\.local as root'
	untouched
}
without_right_cleanup()
{
	world_end
}

atf_test_case lock_is_a_directory
lock_is_a_directory_head()
{
	atf_set descr "A directory in the dotlock's place, which nobody breaks:" \
	    "75, and it is told what that is"
}
lock_is_a_directory_body()
{
	plain
	seed
	letter x >letter
	mkdir "${box}.lock"
	atf_check -s exit:75 -e save:stderr ${ml} -t 1 "${me}" <letter
	said "${me}.lock" 'is a directory' 'remove it'
	atf_check cmp seed "${box}"
}

atf_test_case lock_not_removed
lock_not_removed_head()
{
	inject_head "A lock that cannot be removed: 0, and what it means is told"
}
lock_not_removed_body()
{
	plain
	seed
	letter x >letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	atf_check -e save:stderr strace -o trace -P "${me}.lock" \
	    -e trace=unlinkat -e inject=unlinkat:error=EIO \
	    ${ml} -f s "${me}" <letter
	said "${me}.lock" 'broken when it is stale' 'message was delivered'
	same expected "${box}"
	only "${me}" "${me}.lock"
}

atf_test_case rlimit_fsize_hard
rlimit_fsize_hard_head()
{
	atf_set descr "A file that may not grow for RLIMIT_FSIZE: 75, undone"
	atf_set require.user unprivileged
}
rlimit_fsize_hard_body()
{
	plain
	seed
	awk 'BEGIN { for (n = 0; n < 40000; n++) print "line", n }' >letter
	atf_check -s exit:75 -e save:stderr -x \
	    "ulimit -f 64; exec ${ml} ${me} <letter"
	said "${me}"
	untouched
}

atf_test_case rlimit_fsize_soft
rlimit_fsize_soft_head()
{
	atf_set descr "A soft RLIMIT_FSIZE is raised"
}
rlimit_fsize_soft_body()
{
	plain
	seed
	awk 'BEGIN { for (n = 0; n < 40000; n++) print "line", n }' >letter
	atf_check -x "ulimit -S -f 64; exec ${ml} -f s ${me} <letter"
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	same expected "${box}"
}

atf_test_case rlimit_nofile
rlimit_nofile_head()
{
	atf_set descr "Descriptors that run out after the message is stored" \
	    "do not have it come twice"
	atf_set require.user unprivileged
}
rlimit_nofile_body()
{
	plain
	letter x >letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
	for files in 4 5 6 7 8 9 10 12; do
		rm -f "${box}"
		(ulimit -n ${files}; exec ${ml} -f s -t 2 "${me}") <letter \
		    >out 2>&1
		status=$?
		case ${status} in
		0)	same expected "${box}"
			only "${me}";;
		75)	! [ -s "${box}" ] || atf_fail "-n ${files}: stored"
			rm -f "${box}"
			only;;
		# The dynamic linker's own failure.
		127)	only;;
		*)	cat out; atf_fail "-n ${files}: status ${status}";;
		esac
	done
	is ${status} 0
}

atf_test_case rlimit_as
rlimit_as_head()
{
	atf_set descr "No memory to be had is not a crash: 0 or 75"
}
rlimit_as_body()
{
	plain
	letter x >letter
	for kilobytes in 6000 5000 4500 4000 3500 3000; do
		seed
		(ulimit -v ${kilobytes}; exec ${ml} -f s "${me}") <letter \
		    >out 2>&1
		status=$?
		case ${status} in
		0)	{ cat seed; echo 'From s DATE'; cat letter; echo; } \
			    >expected
			same expected "${box}";;
		# The dynamic linker's own failure.
		127|1)	untouched;;
		75)	untouched;;
		*)	cat out; atf_fail "status ${status}";;
		esac
	done
}

# never: the status of what is no mailbox and the recipient's own.  Root's may be
# an administrator's slip.
never()
{
	[ "${me}" = root ] && echo 75 || echo 73
}

# no_mailbox status word: what stands in the mailbox's place does not do.
no_mailbox()
{
	letter x >letter
	atf_check -s "exit:$1" -e save:stderr \
	    timeout 20 ${ml} -t 10 "${me}" <letter
	shift
	said "${me}" "$@"
	only "${me}"
}

atf_test_case mailbox_is_directory
mailbox_is_directory_head()
{
	atf_set descr "A directory in the mailbox's place: 73"
}
mailbox_is_directory_body()
{
	plain
	mkdir "${box}"
	no_mailbox "$(never)" 'is a directory; move it away'
	atf_check ls -A "${box}"
}

atf_test_case mailbox_is_fifo
mailbox_is_fifo_head()
{
	atf_set descr "A FIFO in the mailbox's place: 73 at once"
}
mailbox_is_fifo_body()
{
	plain
	mkfifo "${box}"
	no_mailbox "$(never)" 'is a FIFO; move it away'
	# With a reader, opening for writing would succeed.
	timeout 20 cat "${box}" >out &
	reader=$!
	sleep 0.5
	no_mailbox "$(never)" 'is a FIFO; move it away'
	kill ${reader} 2>/dev/null
	atf_check cat out
}

atf_test_case mailbox_is_socket
mailbox_is_socket_head()
{
	atf_set descr "A socket in the mailbox's place: 73"
	atf_set require.progs python3
}
mailbox_is_socket_body()
{
	plain
	atf_check python3 -c '
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))
socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "${box}"
	no_mailbox "$(never)" 'is not a regular file; move it away'
}

atf_test_case mailbox_is_symlink
mailbox_is_symlink_head()
{
	atf_set descr "A symbolic link in the mailbox's place: 73, and what" \
	    "it leads to is not touched (CVE-2016-6253)"
}
mailbox_is_symlink_body()
{
	plain
	echo precious >target
	ln -s "${here}/target" "${box}"
	no_mailbox "$(never)" 'is a symbolic link; move it away'
	atf_check -o inline:"precious\n" cat target
	rm "${box}"
	ln -s "${here}/missing" "${box}"
	no_mailbox "$(never)"
	atf_check -s exit:1 test -e missing
	rm "${box}"
	ln -s "${me}" "${box}"
	no_mailbox "$(never)"
}

atf_test_case mailbox_has_two_links
mailbox_has_two_links_head()
{
	atf_set descr "A mailbox with a second name, which any user may have" \
	    "given it: 75, no lock left (CVE-2010-2023; NetBSD's of 2022" \
	    "left its lock)"
}
mailbox_has_two_links_body()
{
	plain
	seed
	ln "${box}" second
	no_mailbox 75 name
	atf_check cmp seed "${box}"
}

atf_test_case mailbox_is_linked_symlink
mailbox_is_linked_symlink_head()
{
	atf_set descr "A hard link to somebody's symbolic link: 73" \
	    "(CVE-2008-2936)"
}
mailbox_is_linked_symlink_body()
{
	plain
	echo precious >target
	ln -s "${here}/target" trusted
	ln -P trusted "${box}" 2>/dev/null ||
	    atf_skip "symbolic links cannot be linked here"
	[ -h "${box}" ] || atf_skip "symbolic links cannot be linked here"
	no_mailbox "$(never)"
	atf_check -o inline:"precious\n" cat target
}

atf_test_case mailbox_is_read_only
mailbox_is_read_only_head()
{
	atf_set descr "The owner's own mailbox without the right to write:" \
	    "75, as that may pass"
	atf_set require.user unprivileged
}
mailbox_is_read_only_body()
{
	plain
	seed
	chmod 400 "${box}"
	no_mailbox 75
	atf_check cmp seed "${box}"
}

atf_test_case spool_missing
spool_missing_head()
{
	atf_set descr "A spool that is not there: 75 at once, and it is not" \
	    "made"
}
spool_missing_body()
{
	plain
	rmdir spool
	letter x >letter
	atf_check -s exit:75 -e save:stderr timeout 10 ${ml} "${me}" <letter
	said "${me}"
	atf_check -s exit:1 test -e spool
	: >spool
	atf_check -s exit:75 -e save:stderr timeout 10 ${ml} "${me}" <letter
	said "${me}"
}

atf_test_case spool_closed
spool_closed_head()
{
	atf_set descr "A spool where nothing may be created: 75"
	atf_set require.user unprivileged
}
spool_closed_body()
{
	plain
	seed
	chmod 555 spool
	no_mailbox 75
	atf_check cmp seed "${box}"
	chmod 755 spool
}

atf_test_case over_2_gb
over_2_gb_head()
{
	atf_set descr "A mailbox over 2 GB and over 4 GB takes more"
}
over_2_gb_body()
{
	plain
	letter x >letter
	for megabytes in 2047 2048 5000; do
		dd if=/dev/null of="${box}" bs=1048576 seek=${megabytes} \
		    count=0 2>/dev/null || atf_skip "no sparse files here"
		printf 'end\n\n' >>"${box}"
		before=$(wc -c <"${box}")
		atf_check ${ml} -f s "${me}" <letter
		tail -c +$((before + 1)) "${box}" >found
		{ echo 'From s DATE'; cat letter; echo; } >expected
		same expected found
		rm "${box}"
	done
}

atf_test_case mailbox_at_limit
mailbox_at_limit_head()
{
	atf_set descr "A mailbox that the file system lets grow no further: 75"
	atf_set require.progs python3
}
mailbox_at_limit_body()
{
	plain
	letter x >letter
	atf_check -o save:size python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o600)
good, bad = 0, 1 << 63
while bad - good > 1:
    middle = (good + bad) // 2
    try:
        os.ftruncate(fd, middle)
        good = middle
    except OSError:
        bad = middle
os.ftruncate(fd, good)
print(good)' "${box}"
	no_mailbox 75
	is "$(ls -ln "${box}" | awk '{ print $5 }')" "$(cat size)"
}

#
# As root, in the world.
#

atf_test_case disk_full cleanup
disk_full_head()
{
	world_head "A disk that fills up, for real: 75, undone; delivered" \
	    "when there is room again"
}
disk_full_body()
{
	world
	atf_check ./in mount -t tmpfs -o size=256k,mode=1777 none /var/mail
	letter small >small
	atf_check ./in /mnt/mail.local -f s alice <small
	./in cat /var/mail/alice >before
	dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\0' x >letter
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -f s alice <letter
	said alice '[Nn]o space'
	atf_check -o file:before ./in cat /var/mail/alice
	atf_check -o inline:"alice\n" ./in ls -A /var/mail
	# Not a byte free: neither lock nor mailbox can be made.
	./in sh -c 'cat /dev/zero >/var/mail/filler' 2>/dev/null
	atf_check -s exit:75 -e save:stderr -o ignore \
	    ./in /mnt/mail.local -f s -t 5 bob <letter
	said bob '[Nn]o space'
	./in rm -f /var/mail/bob
	atf_check -o inline:"alice\nfiller\n" ./in ls -A /var/mail
	./in rm /var/mail/filler
	atf_check ./in /mnt/mail.local -f s alice <small
	{ echo 'From s DATE'; cat small; echo; } >one
	cat one one >expected
	./in cat /var/mail/alice >found
	same expected found
}
disk_full_cleanup()
{
	world_end
}

atf_test_case quota_full cleanup
quota_full_head()
{
	also="mkfs.btrfs btrfs losetup cmp"
	world_head "A quota that is full, for real: 75, or 73 with -b; what was" \
	    "there stays, and the next mail is whole when there is room again"
}
quota_full_body()
{
	world
	dd if=/dev/null of=disk bs=1048576 seek=128 2>/dev/null
	mkfs.btrfs -q disk >/dev/null 2>&1 &&
	    ./in mount -o loop disk /mnt 2>/dev/null &&
	    ./in btrfs subvolume create /mnt/mail >/dev/null &&
	    ./in btrfs quota enable /mnt &&
	    ./in btrfs qgroup limit 1M /mnt/mail ||
	    atf_skip "no file system with quotas can be mounted here"
	atf_check ./in mount --bind /mnt/mail /var/mail
	atf_check ./in umount /mnt
	atf_check ./in chmod 1777 /var/mail
	letter small >small
	{ echo 'From s DATE'; cat small; echo; } >one
	dd if=/dev/zero bs=1024 count=2048 2>/dev/null | tr '\0' x >letter
	for flag in -d:75 -b:73; do
		atf_check ./in /mnt/mail.local -f s alice <small
		atf_check ./in sh -c "sync; cat /var/mail/alice >before"
		atf_check -s exit:${flag#*:} -e save:stderr \
		    ./in /mnt/mail.local ${flag%:*} -f s alice <letter
		said alice '[Qq]uota'
		# With a full quota this file system does not even cut off.
		./in head -c "$(wc -c <before)" /var/mail/alice >found
		atf_check cmp before found
		atf_check -o inline:"alice\n" ./in ls -A /var/mail
		# Not a byte free: neither lock nor mailbox can be made.
		atf_check -s exit:${flag#*:} -e save:stderr \
		    ./in /mnt/mail.local ${flag%:*} -t 5 bob <letter
		said bob '[Qq]uota'
		./in rm -f /var/mail/bob
		atf_check -o inline:"alice\n" ./in ls -A /var/mail
		atf_check ./in btrfs qgroup limit 64M /var/mail
		atf_check ./in /mnt/mail.local -f s alice <small
		./in tail -c $(($(wc -c <one) - 4 + 24)) /var/mail/alice >found
		same one found
		atf_check ./in rm /var/mail/alice
		atf_check ./in sh -c "sync; btrfs qgroup limit 1M /var/mail"
	done
}
quota_full_cleanup()
{
	world_end
}

atf_test_case no_inodes cleanup
no_inodes_head()
{
	world_head "No inode to be had: 75"
}
no_inodes_body()
{
	world
	atf_check ./in mount -t tmpfs -o nr_inodes=2,mode=1777 none /var/mail
	letter x >letter
	atf_check ./in touch /var/mail/filler
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -t 5 alice <letter
	said alice '[Nn]o space'
	atf_check -o inline:"filler\n" ./in ls -A /var/mail
}
no_inodes_cleanup()
{
	world_end
}

atf_test_case read_only_spool cleanup
read_only_spool_head()
{
	world_head "A read-only file system: 75"
}
read_only_spool_body()
{
	world
	world_seed alice
	atf_check ./in mount -o remount,bind,ro /var/mail
	for user in alice bob; do
		letter x >letter
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local -t 5 ${user} <letter
		said ${user} '[Rr]ead-only'
	done
	untouched
}
read_only_spool_cleanup()
{
	world_end
}

atf_test_case unsafe_spool cleanup
unsafe_spool_head()
{
	world_head "A spool where anybody may remove anybody's lock: 75"
}
unsafe_spool_body()
{
	world
	world_seed alice
	chmod a=rwx,-t mail
	letter x >letter
	atf_check -s exit:75 -e save:stderr ./in /mnt/mail.local alice <letter
	said alice unsafe 1777
	untouched
	# That would be no advice for a user's own.
	mkdir -m 777 home/alice/.mailspool
	chown 61001:61001 home/alice/.mailspool
	chmod 777 home/alice/.mailspool
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -m %h/.mailspool/%u alice <letter
	said alice unsafe
	atf_check -s exit:1 grep 1777 stderr
	atf_check ls -A home/alice/.mailspool
}
unsafe_spool_cleanup()
{
	world_end
}

# not_a_mailbox directory file: each thing that is no file, in the mailbox's
# place, ends a delivery into the file with ${status}.
not_a_mailbox()
{
	for make in mkdir mkfifo 'mknod -m 666' \
	    'ln -s /home/secret/alice' 'ln -s /home/secret/new' \
	    'python3 -c "
import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])"'; do
		case ${make} in mknod*) end='c 1 3';; *) end=;; esac
		atf_check ./in sh -c "cd '$1' && ${make} alice ${end} &&
		    chown -h 61001:61001 alice"
		atf_check -s exit:${status} -e save:stderr timeout 20 \
		    ./in /mnt/mail.local -m "$2" alice <letter
		said alice
		atf_check -o inline:"alice\n" ls -A "$1"
		rm -rf "$1/alice"
	done
	atf_check -o inline:"precious\n" cat home/secret/alice
	atf_check -o inline:"alice\n" ls -A home/secret
}

atf_test_case not_a_file cleanup
not_a_file_head()
{
	world_head "A directory, a FIFO, a device, a socket or a link in the" \
	    "mailbox's place: 73 where the recipient must have put it there," \
	    "75 where any user may have, or root has"
}
not_a_file_body()
{
	world
	letter x >letter
	mkdir -m 755 home/secret
	echo precious >home/secret/alice
	for spool in sticky:75 group:75 root:73; do
		status=${spool#*:}
		spool_${spool%:*}
		not_a_mailbox mail /var/mail/%u
	done
	status=73
	mkdir -m 700 home/alice/.mailspool
	chown 61001:61001 home/alice/.mailspool
	not_a_mailbox home/alice/.mailspool %h/.mailspool/%u
	# A link for readers, and the configuration that says so is not there.
	spool_root
	for user in alice root; do
		ln -s /home/${user}/.mailspool/${user} mail/${user}
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local ${user} <letter
		said ${user} link
		rm mail/${user}
	done
	# mallory's directory in root's.
	status=75
	mkdir -m 755 mail/sub
	chown 61003 mail/sub
	not_a_mailbox mail/sub /var/mail/sub/%u
}
not_a_file_cleanup()
{
	world_end
}

atf_test_case long_names_told
long_names_told_head()
{
	atf_set descr "However long the names in it are, what is told is one" \
	    "line of at most 512 bytes that has the reason"
}
long_names_told_body()
{
	plain
	letter x >letter
	for char in n "$(printf '\303\251')"; do
		name=$(awk -v n=$((250 / $(printf %s "${char}" | wc -c))) \
		    -v c="${char}" 'BEGIN { while (n-- > 0) printf "%s", c }')
		path=${here}/${name}/${name}/${name}/${name}/${name}/${name}
		atf_check -s exit:75 -e save:stderr \
		    ${here}/mail.local -m "${path}" "${me}" <letter
		said "${me}" '[Nn]o such file'
		[ "$(wc -c <stderr)" -le 512 ] || atf_fail "too long"
		atf_check -s exit:67 -e save:stderr ${ml} "${name}" <letter
		said '[Uu]ser'
		[ "$(wc -c <stderr)" -le 512 ] || atf_fail "too long"
	done
}

atf_test_case name_too_long
name_too_long_head()
{
	atf_set descr "A name that no file can have, or no lock beside it: 73"
}
name_too_long_body()
{
	plain
	letter x >letter
	for length in 255 256 1000; do
		name=$(awk -v n=${length} 'BEGIN { while (n-- > 0) printf "n" }')
		ml="${here}/mail.local -m ${here}/spool/${name}"
		atf_check -s exit:73 -e save:stderr ${ml} "${me}" <letter
		said "${me}" '[Nn]ame too long'
		only
	done
}

atf_test_case someone_elses cleanup
someone_elses_head()
{
	world_head "Someone else's file in the mailbox's place, which a" \
	    "server that mistook all owners shows as well: 75"
}
someone_elses_body()
{
	world
	letter x >letter
	for spool in sticky group root; do
		spool_${spool}
		for mode in 600 666; do
			world_seed alice
			chown 61003:61003 mail/alice
			chmod ${mode} mail/alice
			atf_check -s exit:75 -e save:stderr \
			    ./in /mnt/mail.local alice <letter
			said alice
			untouched
			# root's is no better.
			chown 0:0 mail/alice
			atf_check -s exit:75 -e save:stderr \
			    ./in /mnt/mail.local alice <letter
			said alice
			untouched
		done
	done
}
someone_elses_cleanup()
{
	world_end
}

# attribute letter: the mailbox with an attribute that keeps it from changing.
attribute()
{
	world
	world_seed alice
	chattr "+$1" mail/alice 2>/dev/null ||
	    atf_skip "no such attributes here"
	letter x >letter
	./in /mnt/mail.local alice <letter 2>stderr
	status=$?
	chattr "-$1" mail/alice
	is ${status} 75
	said alice
	untouched
	atf_check ./in /mnt/mail.local alice <letter
}
attribute_end()
{
	chattr -ai mail/alice 2>/dev/null
	world_end
}

atf_test_case append_only cleanup
append_only_head()
{
	also=chattr
	world_head "An append-only mailbox, which could not be mended after" \
	    "a failure: 75"
}
append_only_body()
{
	attribute a
}
append_only_cleanup()
{
	attribute_end
}

atf_test_case immutable cleanup
immutable_head()
{
	also=chattr
	world_head "An immutable mailbox: 75"
}
immutable_body()
{
	attribute i
}
immutable_cleanup()
{
	attribute_end
}

atf_test_case users_missing cleanup
users_missing_head()
{
	world_head "A user database that is not there bounces nobody: 75"
}
users_missing_body()
{
	world
	letter x >letter
	cp etc/passwd passwd
	: >etc/passwd
	atf_check -s exit:75 -e save:stderr ./in /mnt/mail.local alice <letter
	said alice
	rm etc/passwd
	atf_check -s exit:75 -e save:stderr ./in /mnt/mail.local alice <letter
	said alice
	cp passwd etc/passwd
	atf_check -s exit:67 -e ignore ./in /mnt/mail.local nosuch <letter
	only
}
users_missing_cleanup()
{
	world_end
}

# with_nis domain command: the host has that NIS domain.
with_nis()
{
	_domain=$1; shift
	unshare --uts sh -ec "echo '${_domain}' >/proc/sys/kernel/domainname
	    exec \"\$@\"" sh "$@"
}

atf_test_case nis_silent cleanup
nis_silent_head()
{
	world_head "A user whom nobody knows, where NIS may, which some" \
	    "systems do not tell while that does not answer: 75"
}
nis_silent_body()
{
	world
	letter x >letter
	with_nis example.org true 2>/dev/null ||
	    atf_skip "no NIS domain can be set here"
	for sources in files:67 compat:75 'files nis:75'; do
		echo "passwd: ${sources%:*}" >etc/nsswitch.conf
		with_nis example.org ./in /mnt/mail.local nosuch \
		    <letter 2>stderr
		is $? ${sources#*:}
		said nosuch 'unknown user'
		with_nis '(none)' ./in /mnt/mail.local nosuch <letter 2>stderr
		is $? 67
	done
	atf_check rm etc/nsswitch.conf
	with_nis example.org ./in /mnt/mail.local nosuch <letter 2>stderr
	is $? 75
	said nosuch NIS
	with_nis example.org ./in /mnt/mail.local no/such <letter 2>stderr
	is $? 67
	atf_check ls -A mail
	with_nis example.org ./in /mnt/mail.local alice <letter 2>stderr
	is $? 0
	only alice
}
nis_silent_cleanup()
{
	world_end
}

atf_test_case home_missing cleanup
home_missing_head()
{
	world_head "A home that is not there: 75 for a mailbox in it, and it" \
	    "is not made; nothing to a mailbox in the spool"
}
home_missing_body()
{
	world
	letter x >letter
	atf_check ./in /mnt/mail.local nohome <letter
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -m %h/.mailspool/%u nohome <letter
	said nohome
	atf_check -s exit:1 test -e home/nohome
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -m %h/mbox nohome <letter
	atf_check -s exit:1 test -e home/nohome
	# Not even where the user could make it.
	sed 's,:/home/x:,:/home/x/x:,' etc/passwd >passwd
	cp passwd etc/passwd
	for template in %h/mbox %h/.mailspool/%u; do
		atf_check -s exit:75 -e ignore \
		    ./in /mnt/mail.local -m ${template} x <letter
		atf_check ls -A home/x
	done
}
home_missing_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case enospc_at_write
	atf_add_test_case edquot_at_write
	atf_add_test_case eio_at_write
	atf_add_test_case estale_at_write
	atf_add_test_case enospc_at_fsync
	atf_add_test_case edquot_at_fsync
	atf_add_test_case eio_at_fsync
	atf_add_test_case enospc_at_close
	atf_add_test_case edquot_at_close
	atf_add_test_case eio_at_close
	atf_add_test_case close_fails_and_another_locks
	atf_add_test_case last_close_fails
	atf_add_test_case quota_bounced
	atf_add_test_case eintr
	atf_add_test_case cut_fails_too
	atf_add_test_case new_mailbox_undone
	atf_add_test_case directory_fsync_fails
	atf_add_test_case stdin_fails_midway
	atf_add_test_case stdin_is_directory
	atf_add_test_case stdin_write_only
	atf_add_test_case stdin_is_null_for_both
	atf_add_test_case no_room_for_the_message
	atf_add_test_case what_to_do
	atf_add_test_case stopped_at_fsync
	atf_add_test_case stopped_at_open
	atf_add_test_case lock_refused
	atf_add_test_case without_right
	atf_add_test_case lock_is_a_directory
	atf_add_test_case lock_not_removed
	atf_add_test_case rlimit_fsize_hard
	atf_add_test_case rlimit_fsize_soft
	atf_add_test_case rlimit_nofile
	atf_add_test_case rlimit_as
	atf_add_test_case mailbox_is_directory
	atf_add_test_case mailbox_is_fifo
	atf_add_test_case mailbox_is_socket
	atf_add_test_case mailbox_is_symlink
	atf_add_test_case mailbox_has_two_links
	atf_add_test_case mailbox_is_linked_symlink
	atf_add_test_case mailbox_is_read_only
	atf_add_test_case spool_missing
	atf_add_test_case spool_closed
	atf_add_test_case over_2_gb
	atf_add_test_case mailbox_at_limit
	atf_add_test_case disk_full
	atf_add_test_case quota_full
	atf_add_test_case no_inodes
	atf_add_test_case read_only_spool
	atf_add_test_case unsafe_spool
	atf_add_test_case not_a_file
	atf_add_test_case long_names_told
	atf_add_test_case name_too_long
	atf_add_test_case someone_elses
	atf_add_test_case append_only
	atf_add_test_case immutable
	atf_add_test_case users_missing
	atf_add_test_case nis_silent
	atf_add_test_case home_missing
}
