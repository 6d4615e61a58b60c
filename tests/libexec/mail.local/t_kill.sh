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


# A delivery that is killed, at each of its steps: what was acknowledged is
# there, the mailbox can be read, and the next delivery goes through.

# recovered spool: after a kill, the next delivery into that spool went well:
# the seed, at most one message or its torn beginning, and the next message.
recovered()
{
	local box="$1/${me}"

	is "$(ls -A "$1")" "${me}"
	head -c "${seed_size}" "${box}" | cmp -s - seed ||
	    atf_fail "$1: what was there before has changed"
	tail -c "${next_size}" "${box}" >last
	dated last | cmp -s - next.dated ||
	    atf_fail "$1: the next message is not whole at the end"
	size=$(wc -c <"${box}")
	middle=$((size - seed_size - next_size))
	[ ${middle} -gt 0 ] || return 0
	tail -c +$((seed_size + 1)) "${box}" | head -c ${middle} >middle
	# A blank line ends it.
	is "$1 $(tail -c 2 middle | od -An -c | tr -d ' ')" "$1 \\n\\n"
	# But for the newlines that mended it, it is how the message begins.
	dated middle | awk '{ n = NR; line[n] = $0 }
	    END { while (n > 0 && line[n] == "")
		n--
	    for (i = 1; i <= n; i++)
		printf "%s%s", i > 1 ? "\n" : "", line[i] }' >begins
	head -c "$(wc -c <begins)" killed.dated | cmp -s - begins ||
	    atf_fail "$1: something else is in the mailbox"
}

# next_deliveries spool ...: let a delivery go into each of the spools, all at once.
next_deliveries()
{
	pids=
	for spool; do
		${here}/mail.local -C "${here}/conf" -m "${here}/${spool}/%u" \
		    -f next -t 60 "${me}" <next &
		pids="${pids} $!"
	done
	for pid in ${pids}; do
		wait ${pid} || atf_fail "a next delivery failed: $?"
	done
}

kill_setup()
{
	plain
	echo 'stale 2' >conf
	seed
	seed_size=$(wc -c <seed)
	letter next >next
	{ echo 'From next DATE'; cat next; echo; } >next.dated
	next_size=$(($(wc -c <next.dated) - 4 + 24))
	# Long enough for more than one write.
	awk 'BEGIN { print "Subject: killed\n"
	    for (n = 0; n < 20000; n++) print "line", n }' >killed
	{ echo 'From killed DATE'; cat killed; echo; } >killed.dated
}

atf_test_case every_step
every_step_head()
{
	atf_set descr "SIGKILL before each system call from the lock to the" \
	    "end (a kill has Postfix defer all later mail)"
	atf_set require.progs strace
	atf_set timeout 280
}
every_step_body()
{
	kill_setup
	atf_check -o ignore strace -o trace ${ml} -f killed "${me}" <killed
	# Each call, told as its name and how many of that name came before,
	# from where the spool is first named.
	awk -F'(' '{ seen[$1]++ }
	    /spool/ { on = 1 }
	    on && /^[a-z]/ { print $1, seen[$1] }' trace >steps
	n=0
	while read -r call count; do
		n=$((n + 1))
		mkdir "s${n}"
		cp seed "s${n}/${me}"
		chmod 600 "s${n}/${me}"
		strace -o killed.trace \
		    -e "inject=${call}:signal=KILL:when=${count}" \
		    ${here}/mail.local -C "${here}/conf" \
		    -m "${here}/s${n}/%u" -f killed "${me}" <killed 2>/dev/null
		echo "s${n} ${call} ${count} $?" >>kills
	done <steps
	cat kills
	[ ${n} -gt 20 ] || atf_fail "only ${n} steps"
	atf_check -o ignore grep ' 137$' kills
	next_deliveries $(cut -d' ' -f1 kills)
	while read -r spool call count status; do
		echo "${spool} ${call} ${count}"
		recovered ${spool}
		[ ${status} -ne 0 ] ||
		    is "${middle}" "$(($(wc -c <killed.dated) + 20))"
	done <kills
}

atf_test_case new_mailbox cleanup
new_mailbox_head()
{
	also=strace
	world_head "The same for a user's first mail, in a spool where root" \
	    "alone may create: the mailbox becomes the user's after all"
	atf_set timeout 280
}
new_mailbox_body()
{
	world
	letter killed >killed
	letter next >next
	{ echo 'From killed DATE'; cat killed; echo; } >killed.dated
	{ echo 'From next DATE'; cat next; echo; } >next.dated
	echo 'stale 2' >etc/mail.local.conf
	spool_root
	mkdir mail/s0
	atf_check -o ignore ./in strace -o "${here}/trace" /mnt/mail.local \
	    -m /var/mail/s0/%u -f killed alice <killed
	awk -F'(' '{ seen[$1]++ }
	    /var.mail/ { on = 1 }
	    on && /^[a-z]/ { print $1, seen[$1] }' trace >steps
	n=0
	while read -r call count; do
		n=$((n + 1))
		mkdir "mail/s${n}"
		./in strace -o "${here}/killed.trace" \
		    -e "inject=${call}:signal=KILL:when=${count}" \
		    /mnt/mail.local -m "/var/mail/s${n}/%u" -f killed alice \
		    <killed 2>/dev/null
		echo "s${n} ${call} ${count} $?" >>kills
	done <steps
	cat kills
	[ ${n} -gt 20 ] || atf_fail "only ${n} steps"
	pids=
	while read -r spool rest; do
		./in /mnt/mail.local -m "/var/mail/${spool}/%u" -f next -t 60 \
		    alice <next &
		pids="${pids} $!"
	done <kills
	for pid in ${pids}; do
		wait ${pid} || atf_fail "a next delivery failed: $?"
	done
	cat killed.dated next.dated >both.dated
	while read -r spool call count status; do
		echo "${spool} ${call} ${count}"
		is "$(ls -A mail/${spool})" alice
		is "$(owner_of mail/${spool}/alice)" 61001
		is "$(mode_of mail/${spool}/alice)" -rw-------
		dated "mail/${spool}/alice" >found
		# With the From_ line alone, that message is torn.
		{ echo 'From killed DATE'; echo; cat next.dated; } >torn.dated
		cmp -s both.dated found || [ ${status} -ne 0 ] ||
		    atf_fail "${spool}: acknowledged and lost"
		cmp -s both.dated found || cmp -s torn.dated found ||
		    atf_check cmp next.dated found
	done <kills
}
new_mailbox_cleanup()
{
	world_end
}

atf_test_case any_time
any_time_head()
{
	atf_set descr "SIGKILL to some of many deliveries at once: each that" \
	    "was acknowledged is there once"
	atf_set require.progs timeout
	atf_set timeout 240
}
any_time_body()
{
	kill_setup
	: >acknowledged
	for process in 1 2 3 4; do
		for n in 1 2 3 4 5 6 7 8; do
			{ echo "Subject: ${process}.${n}"; echo; cat killed
			    echo "end of ${process}.${n}"; } >in.${process}
			after=$(awk -v n=$((process * 8 + n)) \
			    'BEGIN { print 0.002 * (n % 11 + 1) }')
			[ $((n % 2)) -eq 0 ] || after=60
			timeout -s KILL ${after} ${ml} -t 100 "${me}" \
			    <in.${process} 2>/dev/null &&
			    echo "${process}.${n}" >>acknowledged
		done &
	done
	wait
	atf_check ${ml} -f next -t 60 "${me}" <next
	only "${me}"
	tail -c "${next_size}" "${box}" >last
	same next.dated last
	# Whole messages: a From_ line, Subject, end, with nothing torn between.
	awk '/^From / { subject = "" }
	    /^Subject: [0-9]/ { subject = $2 }
	    /^end of / && $3 == subject { print subject }' "${box}" |
	    sort >whole
	atf_check uniq -d whole
	sort acknowledged >expected
	atf_check comm -23 expected whole
	[ "$(wc -l <expected)" -ge 16 ] || atf_fail "too few were acknowledged"
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case every_step
	atf_add_test_case new_mailbox
	atf_add_test_case any_time
}
