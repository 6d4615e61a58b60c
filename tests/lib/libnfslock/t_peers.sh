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


# The programs that share mailboxes with ours: each waits for our lock, ours
# waits for theirs, and what a dead one left behind is broken both ways.

lock="$(atf_get_srcdir)/h_lock"
mailbox=d/m
peers="dotlockfile dotlockfile_p lockfile mutt_dotlock python"

setup()
{
	mkdir d
	chmod 1777 d
	: > ${mailbox}
}

leaves_nothing()
{
	atf_check -o inline:"m\n" ls -A d
}

# Every peer as three functions: one try, and letting go.
try_dotlockfile()	{ dotlockfile -q -l -r 0 ${mailbox}.lock; }
free_dotlockfile()	{ dotlockfile -u ${mailbox}.lock; }

# with the pid of this shell, or whoever calls
try_dotlockfile_p()	{ dotlockfile -q -l -r 0 -p ${mailbox}.lock; }
free_dotlockfile_p()	{ free_dotlockfile; }

try_lockfile()		{ lockfile -1 -r 0 ${mailbox}.lock 2> /dev/null; }
free_lockfile()		{ rm -f ${mailbox}.lock; }

# it needs a second for its one try
try_mutt_dotlock()	{ mutt_dotlock -r 1 ${mailbox} 2> /dev/null; }
free_mutt_dotlock()	{ mutt_dotlock -u ${mailbox}; }

try_python()
{
	python3 -c "import mailbox; mailbox.mbox('${mailbox}').lock()" \
	    2> /dev/null
}
free_python()		{ rm -f ${mailbox}.lock; }

# Holds our lock while the rest of the test looks at it.
hold_ours()
{
	${lock} "$@" -h 600000 -r 500 ${mailbox} &
	holder=$!
	while [ ! -s ${mailbox}.lock ]; do
		sleep 0.1
	done
	cp ${mailbox}.lock ours
}

let_go_ours()
{
	atf_check cmp ours ${mailbox}.lock
	kill -TERM ${holder}
	wait ${holder} || atf_fail "our lock was taken from us"
}

# Leaves our lock behind as a process does that is killed; how old it looks
# to those who judge by mtime is the argument.
abandon_ours()
{
	${lock} -h 600000 ${mailbox} &
	holder=$!
	while [ ! -s ${mailbox}.lock ]; do
		sleep 0.1
	done
	kill -KILL ${holder}
	wait ${holder}
	touch -d "$1" ${mailbox}.lock
}

# Adds one to the counter, and takes its time for it.
count()
{
	read number < counter
	sleep 0.02
	echo $((number + 1)) > counter
}

peer_case()
{
	eval "
	atf_test_case ${1}
	${1}_head()
	{
		atf_set descr \"${1}: it waits for us, and we for it\"
		atf_set require.progs ${2}
		atf_set timeout 60
	}
	${1}_body()
	{
		check_peer ${1}
	}"
}

check_peer()
{
	setup

	# ours is held, alive
	hold_ours
	try_${1} && atf_fail "${1} took a lock that we hold"
	let_go_ours
	leaves_nothing

	# theirs is held
	try_${1} || atf_fail "${1} cannot lock a free mailbox"
	# mutt_dotlock's can be read by nobody
	ls -li ${mailbox}.lock > theirs
	atf_check -s exit:1 -o ignore ${lock} -l -1 ${mailbox}
	atf_check -s exit:2 -o ignore ${lock} -l 1 ${mailbox}
	atf_check -o file:theirs ls -li ${mailbox}.lock
	(sleep 0.5; free_${1}) &
	atf_check ${lock} -l 20 ${mailbox}
	wait
	leaves_nothing

	# theirs was left behind
	try_${1} || atf_fail "${1} cannot lock a free mailbox"
	atf_check ${lock} -s 2 -l 20 ${mailbox}
	leaves_nothing
}

peer_case dotlockfile dotlockfile
peer_case dotlockfile_p dotlockfile
peer_case lockfile lockfile
peer_case mutt_dotlock mutt_dotlock
peer_case python python3

atf_test_case counter
counter_head()
{
	atf_set descr "all of them at once lose no update"
	atf_set require.progs dotlockfile lockfile mutt_dotlock python3
	atf_set timeout 120
}
counter_body()
{
	setup
	echo 0 > counter
	for peer in ${peers}; do
		(
			set +e
			for i in 1 2 3 4 5; do
				until try_${peer}; do
					sleep 0.0$((i + 1))
				done
				count
				free_${peer}
				sleep 0.05
			done
		) &
	done
	for i in 1 2; do
		${lock} -f counter -n 50 -l 100 ${mailbox} > out.${i} 2>&1 &
	done
	wait
	atf_check cat out.1 out.2
	atf_check -o inline:"125\n" cat counter
	leaves_nothing
}

# It judges by the pid in a lock, on whatever host it runs.
atf_test_case pid_of_another_host
pid_of_another_host_head()
{
	atf_set descr "dotlockfile -p cannot take a live lock for a dead one's"
	atf_set require.progs dotlockfile unshare
	atf_set require.user root
}
pid_of_another_host_body()
{
	setup
	unshare --pid --uts --fork true || atf_skip "no namespaces"
	hold_ours
	atf_check -s exit:4 unshare --pid --uts --fork --mount-proc sh -c "
		hostname elsewhere
		exec dotlockfile -q -l -r 0 -p ${mailbox}.lock"
	let_go_ours
	leaves_nothing

	# nor one whose process is not there at all
	abandon_ours "10 seconds ago"
	cp ${mailbox}.lock ours
	atf_check -s exit:4 dotlockfile -q -l -r 1 -i 1 -p ${mailbox}.lock
	atf_check cmp ours ${mailbox}.lock
}

atf_test_case dotlockfile_breaks
dotlockfile_breaks_head()
{
	atf_set descr "dotlockfile breaks a lock that we left behind, by age"
	atf_set require.progs dotlockfile
}
dotlockfile_breaks_body()
{
	setup
	for option in "" -p; do
		abandon_ours "10 minutes ago"
		atf_check dotlockfile -l -r 2 -i 1 ${option} ${mailbox}.lock
		free_dotlockfile
		leaves_nothing
	done
}

atf_test_case lockfile_breaks
lockfile_breaks_head()
{
	atf_set descr "lockfile breaks a lock that we left behind, by age"
	atf_set require.progs lockfile
}
lockfile_breaks_body()
{
	setup
	abandon_ours "10 minutes ago"
	atf_check -s exit:73 -e ignore \
	    lockfile -1 -r 0 -l 3600 -s 0 ${mailbox}.lock
	atf_check -e ignore lockfile -1 -r 3 -l 60 -s 0 ${mailbox}.lock
	free_lockfile
	leaves_nothing
}

# Delivers a message into the mailbox by procmail, which makes the system's
# mailbox of its user as well, unless it is a filter (-m).
deliver_procmail()
{
	cat > rc <<-EOF
	LOCKTIMEOUT=60
	LOCKSLEEP=1
	SUSPEND=1
	MAILDIR=${PWD}
	DEFAULT=${PWD}/default
	:0:
	${mailbox}
	EOF
	printf 'From: a\n\nb\n' | timeout 20 procmail -m ${PWD}/rc
}

atf_test_case procmail
procmail_head()
{
	atf_set descr "procmail delivers when we let go, not before"
	atf_set require.progs procmail timeout
}
procmail_body()
{
	setup
	hold_ours
	deliver_procmail &
	delivery=$!
	sleep 2
	atf_check cat ${mailbox}
	let_go_ours
	wait ${delivery} || atf_fail "procmail did not deliver"
	atf_check -o match:"^From: a" cat ${mailbox}
	leaves_nothing
}

# It breaks no lock of more than 16 bytes.
atf_test_case procmail_breaks
procmail_breaks_head()
{
	atf_set descr "procmail breaks a lock that we left behind, by age"
	atf_set require.progs procmail timeout
}
procmail_breaks_body()
{
	setup
	abandon_ours "10 minutes ago"
	deliver_procmail || atf_fail "procmail did not deliver"
	atf_check -o match:"^From: a" cat ${mailbox}
	leaves_nothing
}

atf_test_case robbed
robbed_head()
{
	atf_set descr "whom a peer robs is told so, and leaves its lock alone"
	atf_set require.progs mutt_dotlock
}
robbed_body()
{
	setup
	# forced, it breaks what it likes
	atf_check -s exit:4 \
	    -o match:"^verify: .*stolen" -o match:"^release: .*stolen" \
	    ${lock} -h 1 ${mailbox} mutt_dotlock -f -r 1 ${mailbox}
	atf_check test -e ${mailbox}.lock
	free_mutt_dotlock
	leaves_nothing
}

atf_test_case touched
touched_head()
{
	atf_set descr "dotlockfile -t on our lock does not take it from us"
	atf_set require.progs dotlockfile
}
touched_body()
{
	setup
	for kind in -c -p; do
		atf_check ${lock} ${kind} -h 1 ${mailbox} \
		    sh -c "sleep 0.1; exec dotlockfile -t ${mailbox}.lock"
		leaves_nothing
	done
}

atf_test_case terminated
terminated_head()
{
	atf_set descr "a waiter that is told to end leaves all as it was"
}
terminated_body()
{
	setup
	hold_ours
	${lock} ${mailbox} > out 2>&1 &
	waiter=$!
	sleep 0.5
	kill -TERM ${waiter}
	wait ${waiter}
	atf_check_equal 3 $?
	atf_check -o match:"cancelled" cat out
	atf_check -o inline:"m\nm.lock\n" ls -A d
	let_go_ours
	leaves_nothing
}

atf_init_test_cases()
{
	for peer in ${peers}; do
		atf_add_test_case ${peer}
	done
	atf_add_test_case counter
	atf_add_test_case pid_of_another_host
	atf_add_test_case dotlockfile_breaks
	atf_add_test_case lockfile_breaks
	atf_add_test_case procmail
	atf_add_test_case procmail_breaks
	atf_add_test_case robbed
	atf_add_test_case touched
	atf_add_test_case terminated
}
