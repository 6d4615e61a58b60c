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


# Deliveries beside others who lock, or who do not.

atf_test_case contention
contention_head()
{
	atf_set descr "Deliveries from many processes at once: each message" \
	    "once, whole"
	atf_set timeout 240
}
contention_body()
{
	plain
	: >acknowledged
	for process in 1 2 3 4 5 6 7 8; do
		for n in 1 2 3 4 5 6 7 8 9 10; do
			{ echo "Subject: ${process}.${n}"; echo
			    awk -v n=$((process * n * 40)) 'BEGIN {
				while (n-- > 0) print "line", n }'
			    echo "end of ${process}.${n}"; } |
			    ${ml} "${me}" && echo "${process}.${n}" \
			    >>acknowledged
		done &
	done
	wait
	only "${me}"
	is "$(wc -l <acknowledged | tr -d ' ')" 80
	# Each message's lines stand together: between two From_ lines there
	# is one Subject and its own end.
	awk '/^From / { if (want != "") print "no end of", want; from++ }
	    /^Subject: / { if (want != "") print "within", want; want = $2 }
	    /^end of / { if (want != $3) print "end of", $3, "in", want
		want = ""; print $3 >"found" }
	    /^line / { if (want == "") print "stray line" }
	    END { if (from != 80) print from, "From_ lines" }' "${box}" >wrong
	atf_check cat wrong
	sort acknowledged >expected
	sort found >sorted
	atf_check cmp expected sorted
}

atf_test_case reader_removes_mail
reader_removes_mail_head()
{
	atf_set descr "While many deliver, a reader removes messages, and" \
	    "puts a new file in the mailbox's place: each is seen once"
	atf_set require.progs python3
	atf_set timeout 120
}
reader_removes_mail_body()
{
	plain
	: >"${box}"
	python3 "$(atf_get_srcdir)/h_reader.py" "${box}" stop >seen &
	reader=$!
	: >acknowledged
	pids=
	for process in 1 2 3 4; do
		for n in 1 2 3 4 5 6 7 8 9 10; do
			letter ${process}.${n} | ${ml} "${me}" &&
			    echo "${process}.${n}" >>acknowledged
			sleep 0.05
		done &
		pids="${pids} $!"
	done
	wait ${pids}
	touch stop
	finish ${reader}
	is ${status} 0
	is "$(wc -l <acknowledged | tr -d ' ')" 40
	sort acknowledged >expected
	sort seen >sorted
	atf_check cmp expected sorted
	only "${me}"
}

atf_test_case waits_for_a_held_lock
waits_for_a_held_lock_head()
{
	atf_set descr "A lock that is held for a while is waited for" \
	    "(NetBSD's of 2022 failed at the first contention)"
}
waits_for_a_held_lock_body()
{
	plain
	seed
	: >"${box}.lock"
	(sleep 2; rm "${box}.lock") &
	letter x >letter
	atf_check timeout 30 ${ml} -f s "${me}" <letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	same expected "${box}"
	only "${me}"
}

atf_test_case held_lock_times_out
held_lock_times_out_head()
{
	atf_set descr "A lock held for longer than -t allows: 75, and it" \
	    "stays (mutt_dotlock goes on without it; sendmail's removes it)"
}
held_lock_times_out_body()
{
	plain
	seed
	echo "another's" >"${box}.lock"
	inode=$(inode_of "${box}.lock")
	begin=$(date +%s)
	flags="-t 3"
	refused 75 "${me}" lock "held by"
	took=$(($(date +%s) - begin))
	[ ${took} -ge 2 ] && [ ${took} -le 15 ] ||
	    atf_fail "-t 3 took ${took} s"
	atf_check -s exit:1 grep "another user's" stderr
	atf_check cmp seed "${box}"
	atf_check -o inline:"another's\n" cat "${box}.lock"
	is "$(inode_of "${box}.lock")" "${inode}"
	only "${me}" "${me}.lock"
}

atf_test_case limit_from_configuration
limit_from_configuration_head()
{
	atf_set descr "'limit' in the configuration bounds the wait, -t wins"
}
limit_from_configuration_body()
{
	plain
	seed
	: >"${box}.lock"
	echo 'limit 2' >conf
	refused 75 lock
	echo 'limit 400' >conf
	flags="-t 2"
	refused 75 lock
}

atf_test_case stale_lock_is_broken
stale_lock_is_broken_head()
{
	atf_set descr "A lock that a crash left is broken once stale" \
	    "(with NetBSD's of 2022 it stops a user's mail for ever)"
}
stale_lock_is_broken_body()
{
	plain
	echo 'stale 2' >conf
	letter x >letter
	for contents in "" "0" "1" "another's"; do
		seed
		printf "%s" "${contents}" >"${box}.lock"
		atf_check timeout 60 ${ml} -f s -t 40 "${me}" <letter
		{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
		same expected "${box}"
		only "${me}"
	done
}

atf_test_case stale_lock_of_another cleanup
stale_lock_of_another_head()
{
	world_head "A stale lock that is not the recipient's, as root's" \
	    "mail.local of old leaves it in a spool that is 1777, is broken"
}
stale_lock_of_another_body()
{
	world
	printf 'stale 2\n' >etc/mail.local.conf
	letter x >letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
	for owner in 0 61003; do
		echo 0 >mail/alice.lock
		chown ${owner}:${owner} mail/alice.lock
		atf_check timeout 60 \
		    ./in /mnt/mail.local -f s -t 30 alice <letter
		same expected mail/alice
		is "$(owner_of mail/alice)" 61001
		is "$(mode_of mail/alice)" -rw-------
		only alice
		rm mail/alice
	done
	# Not one that shows signs of life.
	: >mail/alice.lock
	(while [ -e mail/alice.lock ] && ! [ -e done ]; do
		touch mail/alice.lock; sleep 0.5
	done) &
	toucher=$!
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -t 6 alice <letter
	touch done
	said alice lock
	wait ${toucher}
	only alice.lock
}
stale_lock_of_another_cleanup()
{
	world_end
}

atf_test_case lock_of_another_told cleanup
lock_of_another_told_head()
{
	world_head "Who may not break another's stale lock says whose it is"
}
lock_of_another_told_body()
{
	world
	letter x >letter
	echo 'stale 2' >home/alice/conf
	chown 61001 home/alice/conf
	world_plain
	: >mail/alice.lock
	chown 61003 mail/alice.lock
	atf_check -s exit:75 -e save:stderr timeout 20 ./as alice \
	    /mnt/plain -C /home/alice/conf -t 5 alice <letter
	said alice 'alice\.lock' 'another user'
	only alice.lock
}
lock_of_another_told_cleanup()
{
	world_end
}

atf_test_case fresh_lock_is_not_broken
fresh_lock_is_not_broken_head()
{
	atf_set descr "A lock that shows signs of life is not broken"
}
fresh_lock_is_not_broken_body()
{
	plain
	seed
	echo 'stale 3' >conf
	: >"${box}.lock"
	(while [ -e "${box}.lock" ] && ! [ -e done ]; do
		touch "${box}.lock"; sleep 0.5
	done) &
	flags="-t 9"
	refused 75 lock
	touch done
	wait
	only "${me}" "${me}.lock"
}

#
# The lock taken away while it is held.
#

# stopped_delivery seconds: a delivery that is stopped for so long between its
# dotlock and its write.
stopped_delivery()
{
	plain
	seed
	letter x >letter
	strace -o trace -P "${box}" -e trace=flock \
	    -e inject=flock:delay_exit=$1000000:when=1 \
	    ${ml} -t 60 "${me}" <letter 2>stderr &
	delivery=$!
	until_true 10 test -e "${box}.lock"
	sleep 0.3
}

atf_test_case lock_removed_before_the_write
lock_removed_before_the_write_head()
{
	atf_set descr "The dotlock removed before the write: 75, nothing" \
	    "written"
	atf_set require.progs strace
}
lock_removed_before_the_write_body()
{
	stopped_delivery 2
	rm "${box}.lock"
	finish ${delivery}
	is ${status} 75
	said lock
	# Told once.
	atf_check -o inline:"1\n" -x "grep -o '${me}\.lock' stderr | wc -l |
	    tr -d ' '"
	untouched
}

atf_test_case lock_stolen_before_the_write
lock_stolen_before_the_write_head()
{
	atf_set descr "Another's dotlock in place of ours: 75, nothing" \
	    "written, the other's lock left alone"
	atf_set require.progs strace
}
lock_stolen_before_the_write_body()
{
	stopped_delivery 2
	rm "${box}.lock"
	echo thief >"${box}.lock"
	finish ${delivery}
	is ${status} 75
	said lock
	atf_check cmp seed "${box}"
	atf_check -o inline:"thief\n" cat "${box}.lock"
	only "${me}" "${me}.lock"
}

# slow_fsync [:error=E]: a delivery whose first fsync takes two seconds.
slow_fsync()
{
	plain
	seed
	letter x >letter
	strace -y -o trace -P "${box}" -e trace=fsync,fdatasync,ftruncate \
	    -e "inject=fsync,fdatasync:delay_enter=2000000:when=1$1" \
	    ${ml} -f s -t 60 "${me}" <letter 2>stderr &
	delivery=$!
	until_true 10 sh -c "[ \$(wc -c <'${box}') -gt $(wc -c <seed) ]"
	sleep 0.5
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
}

atf_test_case lock_removed_after_the_write
lock_removed_after_the_write_head()
{
	atf_set descr "The dotlock removed after the write: not reported as" \
	    "delivered, and nothing is cut off"
	atf_set require.progs strace
}
lock_removed_after_the_write_body()
{
	slow_fsync
	rm "${box}.lock"
	finish ${delivery}
	is ${status} 75
	said lock
	same expected "${box}"
	atf_check -s exit:1 grep ftruncate trace
	only "${me}"
}

atf_test_case lock_stolen_after_the_write
lock_stolen_after_the_write_head()
{
	atf_set descr "Another takes the dotlock and writes: what it wrote" \
	    "and its lock stay, and 75 is reported"
	atf_set require.progs strace
}
lock_stolen_after_the_write_body()
{
	slow_fsync
	rm "${box}.lock"
	echo thief >"${box}.lock"
	printf 'From thief DATE\n\n' >more
	cat more >>"${box}"
	cat more >>expected
	finish ${delivery}
	is ${status} 75
	said lock
	same expected "${box}"
	atf_check -s exit:1 grep ftruncate trace
	atf_check -o inline:"thief\n" cat "${box}.lock"
	only "${me}" "${me}.lock"
}

atf_test_case nothing_cut_without_the_lock
nothing_cut_without_the_lock_head()
{
	atf_set descr "fsync fails and the dotlock is gone: nothing is cut" \
	    "off (NetBSD's of 2022 cut another host's message)"
	atf_set require.progs strace
}
nothing_cut_without_the_lock_body()
{
	slow_fsync :error=EIO
	rm "${box}.lock"
	finish ${delivery}
	is ${status} 75
	same expected "${box}"
	atf_check -s exit:1 grep ftruncate trace
	only "${me}"
}

atf_test_case nothing_cut_when_another_wrote
nothing_cut_when_another_wrote_head()
{
	atf_set descr "fsync fails after one who takes no locks has written:" \
	    "its message stays"
	atf_set require.progs strace
}
nothing_cut_when_another_wrote_body()
{
	slow_fsync :error=EIO
	printf 'From rude DATE\n\n' >more
	cat more >>"${box}"
	cat more >>expected
	finish ${delivery}
	is ${status} 75
	same expected "${box}"
	only "${me}"
}

# long_delivery: one that takes several seconds, and gives signs of life.
long_delivery()
{
	plain
	echo 'stale 4' >conf
	seed
	awk 'BEGIN { for (n = 0; n < 100000; n++) print "line", n }' >letter
	strace -o trace -P "${box}" -e trace=write,pwrite64,writev,ftruncate \
	    -e inject=write,pwrite64,writev:delay_enter=500000 \
	    ${ml} -t 60 "${me}" <letter 2>stderr &
	delivery=$!
	until_true 10 test -e "${box}.lock"
	sleep 1
}

atf_test_case too_slow_to_remove
too_slow_to_remove_head()
{
	atf_set descr "A file system that is too slow to remove the dotlock safely:" \
	    "delivered, and the lock that stays is told, and is in nobody's way"
	atf_set require.progs strace
}
too_slow_to_remove_body()
{
	plain
	echo 'stale 4' >conf
	seed
	letter x >letter
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	# The last look at the lock is that of its release.
	cp "${box}" before
	strace -o trace -P "${me}.lock" -e trace=openat ${ml} -f s "${me}" <letter
	cp before "${box}"
	looks=$(grep -c openat trace)
	atf_check test "${looks}" -gt 1
	strace -o trace -P "${me}.lock" -e trace=openat \
	    -e "inject=openat:delay_enter=2500000:when=${looks}+" \
	    ${ml} -f s "${me}" <letter 2>stderr
	is $? 0
	said "too slow to remove it safely"
	same expected "${box}"
	only "${me}" "${me}.lock"

	{ echo 'From s DATE'; cat letter; echo; } >>expected
	atf_check -e ignore ${ml} -f s "${me}" <letter
	same expected "${box}"
	only "${me}"
}

atf_test_case removed_lock_stays_removed
removed_lock_stays_removed_head()
{
	atf_set descr "A sign of life does not bring back a dotlock that was" \
	    "removed (nmh's does)"
	atf_set require.progs strace
}
removed_lock_stays_removed_body()
{
	long_delivery
	rm "${box}.lock"
	finish ${delivery}
	is ${status} 75
	said lock
	only "${me}"
	atf_check -s exit:1 grep ftruncate trace
}

atf_test_case stolen_lock_not_kept_alive
stolen_lock_not_kept_alive_head()
{
	atf_set descr "A sign of life does not go to a thief's lock" \
	    "(dotlockfile's does)"
	atf_set require.progs strace
}
stolen_lock_not_kept_alive_body()
{
	long_delivery
	rm "${box}.lock"
	echo thief >"${box}.lock"
	sleep 0.1
	touch after
	finish ${delivery}
	is ${status} 75
	said lock
	atf_check -o inline:"thief\n" cat "${box}.lock"
	atf_check find "${box}.lock" -newer after
	only "${me}" "${me}.lock"
	atf_check -s exit:1 grep ftruncate trace
}

atf_test_case mailbox_replaced
mailbox_replaced_head()
{
	atf_set descr "Another file in the mailbox's place when the kernel's" \
	    "lock is granted: the message is not lost in the old one"
	atf_set require.progs strace
}
mailbox_replaced_body()
{
	stopped_delivery 2
	cp seed spool/new
	mv spool/new "${box}"
	finish ${delivery}
	case ${status} in
	0)	{ cat seed; echo "From ${me} DATE"; cat letter; echo; } \
		    >expected
		same expected "${box}"
		only "${me}";;
	75)	untouched;;
	*)	atf_fail "status ${status}";;
	esac
}

# kernel_lock_times_out kind [word]
kernel_lock_times_out()
{
	plain
	seed
	kernel_hold "$1" "${box}"
	begin=$(date +%s)
	flags="-t 3"
	refused 75 "${me}" "${2:-lock}"
	took=$(($(date +%s) - begin))
	[ ${took} -ge 2 ] && [ ${took} -le 15 ] ||
	    atf_fail "-t 3 took ${took} s"
	untouched
	touch go
	wait ${holder}
	atf_check ${ml} "${me}" <letter
}

atf_test_case flock_held_for_ever
flock_held_for_ever_head()
{
	atf_set descr "A flock(2) that is never let go: 75, no dotlock left" \
	    "(CVE-2002-1827)"
	atf_set require.progs python3
}
flock_held_for_ever_body()
{
	kernel_lock_times_out flock
}

atf_test_case shared_flock_held_for_ever
shared_flock_held_for_ever_head()
{
	atf_set descr "The same for a shared flock(2), as a reader may hold it"
	atf_set require.progs python3
}
shared_flock_held_for_ever_body()
{
	kernel_lock_times_out shared
}

atf_test_case fcntl_lock_held_for_ever
fcntl_lock_held_for_ever_head()
{
	atf_set descr "The same for a lock by fcntl(2)"
	atf_set require.progs python3
}
fcntl_lock_held_for_ever_body()
{
	kernel_lock_times_out fcntl
}

need_leases()
{
	python3 -c 'import fcntl; fcntl.F_SETLEASE' 2>/dev/null ||
	    atf_skip "no leases on files here"
}

atf_test_case lease_held_for_ever
lease_held_for_ever_head()
{
	atf_set descr "A lease on the mailbox that is not given back: 75 at" \
	    "the time limit, which is sooner than the kernel's"
	atf_set require.progs python3
}
lease_held_for_ever_body()
{
	need_leases
	kernel_lock_times_out lease 'keeps a lease'
}

atf_test_case kernel_lock_waited_for
kernel_lock_waited_for_head()
{
	atf_set descr "A kernel lock held for a while is waited for"
	atf_set require.progs python3
}
kernel_lock_waited_for_body()
{
	plain
	letter x >letter
	for kind in ${kinds:=flock fcntl}; do
		rm -f go held
		seed
		kernel_hold ${kind} "${box}"
		(sleep 1; touch go) &
		atf_check timeout 30 ${ml} -f s "${me}" <letter
		{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
		same expected "${box}"
	done
}

atf_test_case lease_waited_for
lease_waited_for_head()
{
	atf_set descr "A lease that is given back after a while is waited for"
	atf_set require.progs python3
}
lease_waited_for_body()
{
	need_leases
	kinds=lease
	kernel_lock_waited_for_body
}

atf_test_case kernel_lock_first
kernel_lock_first_head()
{
	atf_set descr "A reader that takes the kernel's lock first, and tries" \
	    "the dotlock once a second, gets it within a few tries"
	atf_set require.progs python3
}
kernel_lock_first_body()
{
	plain
	seed
	letter x >letter
	python3 -c '
import fcntl, os, sys, time
name = sys.argv[1]
with open(name, "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    open("held", "w").close()
    while not os.path.exists(name + ".lock"):
        time.sleep(0.01)
    time.sleep(0.5)
    for count in range(1, 5):
        try:
            os.close(os.open(name + ".lock", os.O_CREAT | os.O_EXCL))
            print("got it at", count)
            time.sleep(0.5)
            os.unlink(name + ".lock")
            break
        except FileExistsError:
            time.sleep(1)
    else:
        sys.exit("starved")' "${box}" &
	reader=$!
	until_true 10 test -e held
	atf_check timeout 60 ${ml} -f s -t 50 "${me}" <letter
	finish ${reader}
	is ${status} 0
	{ cat seed; echo 'From s DATE'; cat letter; echo; } >expected
	same expected "${box}"
	only "${me}"
}

atf_test_case waiting_program_keeps_its_message
waiting_program_keeps_its_message_head()
{
	atf_set descr "A program that takes kernel locks alone waits on a new" \
	    "mailbox while the delivery that made it fails: what it writes" \
	    "is in the mailbox"
	atf_set require.progs strace python3
}
waiting_program_keeps_its_message_body()
{
	for kind in flock fcntl; do
		rm -rf spool
		plain
		letter x >letter
		strace -o trace -P "${box}" -e trace=fsync,fdatasync \
		    -e inject=fsync,fdatasync:error=EIO:delay_enter=1500000:when=1 \
		    ${ml} "${me}" <letter 2>stderr &
		delivery=$!
		until_true 10 test -s "${box}"
		python3 -c '
import fcntl, sys
with open(sys.argv[2], "a") as file:
    if sys.argv[1] == "fcntl":
        fcntl.lockf(file, fcntl.LOCK_EX)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)
    file.write("From other DATE\n\n")' ${kind} "${box}" &
		other=$!
		finish ${delivery}
		is ${status} 75
		finish ${other}
		is ${status} 0
		atf_check -o inline:"From other DATE\n\n" cat "${box}"
		only "${me}"
	done
}

atf_test_case one_limit_for_all_waiting
one_limit_for_all_waiting_head()
{
	atf_set descr "-t bounds the waits for dotlock and kernel lock" \
	    "together"
	atf_set require.progs python3
}
one_limit_for_all_waiting_body()
{
	plain
	seed
	: >"${box}.lock"
	kernel_hold flock "${box}"
	(sleep 4; rm "${box}.lock") &
	begin=$(date +%s)
	flags="-t 6"
	refused 75 lock
	took=$(($(date +%s) - begin))
	[ ${took} -ge 5 ] && [ ${took} -le 9 ] ||
	    atf_fail "-t 6 took ${took} s"
	untouched
}

atf_test_case live_holder_is_not_broken
live_holder_is_not_broken_head()
{
	atf_set descr "A delivery that takes longer than 'stale' gives signs" \
	    "of life: another waits for it"
	atf_set require.progs strace
}
live_holder_is_not_broken_body()
{
	plain
	echo 'stale 4' >conf
	seed
	letter x >letter
	awk 'BEGIN { for (n = 0; n < 100000; n++) print "line", n }' >long
	strace -o trace -P "${box}" -e trace=write,pwrite64,writev \
	    -e inject=write,pwrite64,writev:delay_enter=500000 \
	    ${ml} -f first -t 60 "${me}" <long &
	first=$!
	until_true 10 test -e "${box}.lock"
	begin=$(date +%s)
	${ml} -f second -t 60 "${me}" <letter &
	second=$!
	finish ${first}
	is ${status} 0
	took=$(($(date +%s) - begin))
	[ ${took} -ge 7 ] || atf_fail "took but ${took} s"
	finish ${second}
	is ${status} 0
	{ cat seed; echo 'From first DATE'; cat long; echo
	    echo 'From second DATE'; cat letter; echo; } >expected
	same expected "${box}"
	only "${me}"
}

atf_test_case kernel_lock_held_longer_than_stale
kernel_lock_held_longer_than_stale_head()
{
	atf_set descr "Two deliveries wait long for the kernel's lock:" \
	    "neither breaks the other's dotlock"
	atf_set require.progs python3
}
kernel_lock_held_longer_than_stale_body()
{
	plain
	echo 'stale 2' >conf
	letter x >letter
	seed
	kernel_hold flock "${box}"
	for n in 1 2 3; do
		${ml} -f "s" -t 60 "${me}" <letter 2>"stderr.${n}" &
		eval "delivery${n}=$!"
	done
	sleep 8
	touch go
	for n in 1 2 3; do
		eval "finish \${delivery${n}}"
		is ${status} 0
		atf_check cat "stderr.${n}"
	done
	{ cat seed; for n in 1 2 3; do
	    echo "From s DATE"; cat letter; echo; done; } >expected
	same expected "${box}"
	only "${me}"
}

atf_test_case signal_while_waiting
signal_while_waiting_head()
{
	atf_set descr "A signal to a waiting delivery leaves the holder's" \
	    "lock in place (OpenBSD's lockspool removes it)"
	atf_set require.progs timeout
}
signal_while_waiting_body()
{
	plain
	seed
	echo "another's" >"${box}.lock"
	inode=$(inode_of "${box}.lock")
	letter x >letter
	for signal in HUP INT TERM QUIT ALRM USR1 PIPE KILL; do
		# Not in a shell's background, where INT is ignored.
		timeout -s ${signal} -k 20 1 ${ml} -t 3 "${me}" <letter \
		    2>stderr && atf_fail "${signal}: success"
		is "$(inode_of "${box}.lock")" "${inode}"
		atf_check -o inline:"another's\n" cat "${box}.lock"
		atf_check cmp seed "${box}"
		[ ${signal} = KILL ] || only "${me}" "${me}.lock"
	done
}

atf_test_case signal_ends_the_wait
signal_ends_the_wait_head()
{
	atf_set descr "SIGTERM, SIGINT and SIGHUP end a wait at once, with 75"
	atf_set require.progs timeout
}
signal_ends_the_wait_body()
{
	plain
	seed
	: >"${box}.lock"
	letter x >letter
	begin=$(date +%s)
	for signal in TERM INT HUP; do
		timeout --preserve-status -s ${signal} 1 ${ml} "${me}" \
		    <letter 2>stderr
		is $? 75
		said "${me}"
		only "${me}" "${me}.lock"
	done
	took=$(($(date +%s) - begin))
	[ ${took} -le 9 ] || atf_fail "took ${took} s"
}

atf_test_case signal_while_delivering
signal_while_delivering_head()
{
	atf_set descr "A signal in the midst of a delivery leaves no lock," \
	    "and a whole message or none"
	atf_set require.progs strace
}
signal_while_delivering_body()
{
	for signal in HUP INT TERM PIPE; do
		rm -rf spool
		slow_fsync
		traced ${delivery}
		kill -${signal} ${traced}
		finish ${delivery}
		dated "${box}" >now
		dated expected >whole
		if ! cmp -s whole now; then
			atf_check cmp seed "${box}"
			[ ${status} -ne 0 ] || atf_fail "acknowledged, lost"
		fi
		only "${me}"
	done
}

# peer command: the peer's lock keeps the delivery out.
peer_setup()
{
	plain
	seed
	letter x >letter
}

atf_test_case peer_lockfile
peer_lockfile_head()
{
	atf_set descr "procmail's lockfile and a delivery exclude each other"
	atf_set require.progs lockfile strace
}
peer_lockfile_body()
{
	peer_setup
	atf_check lockfile "${box}.lock"
	flags="-t 2"
	refused 75 lock
	rm -f "${box}.lock"
	rm -rf spool
	stopped_delivery 4
	atf_check -s not-exit:0 -e ignore lockfile -1 -r 2 "${box}.lock"
	finish ${delivery}
	is ${status} 0
	only "${me}"
}

atf_test_case peer_dotlockfile
peer_dotlockfile_head()
{
	atf_set descr "dotlockfile, with -p and without, and a delivery" \
	    "exclude each other"
	atf_set require.progs dotlockfile strace
}
peer_dotlockfile_body()
{
	peer_setup
	for how in -l "-p -l"; do
		seed
		atf_check dotlockfile -l -r 0 "${box}.lock"
		flags="-t 2"
		refused 75 lock
		atf_check dotlockfile -u "${box}.lock"
		rm -rf spool
		stopped_delivery 2
		atf_check -s not-exit:0 -e ignore \
		    dotlockfile ${how} -r 0 "${box}.lock"
		finish ${delivery}
		is ${status} 0
		only "${me}"
	done
}

atf_test_case peer_mutt_dotlock
peer_mutt_dotlock_head()
{
	atf_set descr "mutt_dotlock and a delivery exclude each other"
	atf_set require.progs mutt_dotlock strace
}
peer_mutt_dotlock_body()
{
	peer_setup
	atf_check mutt_dotlock "${box}"
	flags="-t 2"
	refused 75 lock
	atf_check mutt_dotlock -u "${box}"
	rm -rf spool
	stopped_delivery 4
	atf_check -s not-exit:0 -e ignore mutt_dotlock -r 1 "${box}"
	finish ${delivery}
	is ${status} 0
	only "${me}"
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case contention
	atf_add_test_case reader_removes_mail
	atf_add_test_case waits_for_a_held_lock
	atf_add_test_case held_lock_times_out
	atf_add_test_case limit_from_configuration
	atf_add_test_case stale_lock_is_broken
	atf_add_test_case stale_lock_of_another
	atf_add_test_case lock_of_another_told
	atf_add_test_case fresh_lock_is_not_broken
	atf_add_test_case lock_removed_before_the_write
	atf_add_test_case lock_stolen_before_the_write
	atf_add_test_case lock_removed_after_the_write
	atf_add_test_case lock_stolen_after_the_write
	atf_add_test_case nothing_cut_without_the_lock
	atf_add_test_case nothing_cut_when_another_wrote
	atf_add_test_case too_slow_to_remove
	atf_add_test_case removed_lock_stays_removed
	atf_add_test_case stolen_lock_not_kept_alive
	atf_add_test_case mailbox_replaced
	atf_add_test_case flock_held_for_ever
	atf_add_test_case shared_flock_held_for_ever
	atf_add_test_case fcntl_lock_held_for_ever
	atf_add_test_case lease_held_for_ever
	atf_add_test_case kernel_lock_waited_for
	atf_add_test_case lease_waited_for
	atf_add_test_case kernel_lock_first
	atf_add_test_case waiting_program_keeps_its_message
	atf_add_test_case one_limit_for_all_waiting
	atf_add_test_case live_holder_is_not_broken
	atf_add_test_case kernel_lock_held_longer_than_stale
	atf_add_test_case signal_while_waiting
	atf_add_test_case signal_ends_the_wait
	atf_add_test_case signal_while_delivering
	atf_add_test_case peer_lockfile
	atf_add_test_case peer_dotlockfile
	atf_add_test_case peer_mutt_dotlock
}
