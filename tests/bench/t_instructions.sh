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



# How many instructions a lock and a delivery take, beside what is recorded in
# d_instructions: machine, name and count on each line.  One that grows by more
# than a tenth fails.
#
# Only what stands in our own programs is counted, not the C library and not
# the kernel.  It hangs on the compiler all the same: where a new one, or a
# change that is worth it, has moved a count, write what the test printed into
# d_instructions, and say why in the log.

counted="$(atf_get_srcdir)/d_instructions"

# own_cost program command ...: sets cost to the instructions that the
# command spent within the program's own file; and there, if within says so,
# in some functions alone.
within=
own_cost()
{
	program=$1
	shift
	atf_check -o ignore -e ignore valgrind -q --tool=callgrind \
	    --callgrind-out-file=callgrind ${within} "$@" < input
	# A line after "calls=" is what was called, which is counted there.
	cost=$(awk -v program="${program}" '
	    /^c?ob=/ {
		at = index($0, "(")
		id = substr($0, at + 1, index($0, ")") - at - 1)
		if (index($0, ") "))
			name[id] = substr($0, index($0, ") ") + 2)
		if (/^ob=/)
			own = name[id] == program
		next
	    }
	    /^calls=/ { called = 1; next }
	    /^[-+*0-9]/ {
		if (!called && own)
			sum += $2
		called = 0
	    }
	    END { print sum + 0 }' callgrind)
	[ "${cost}" -gt 0 ] || atf_fail "nothing of ${program} was counted"
}

# least_cost tries program command ...: of several runs the least.  Now and
# then a lock tidies up what others left behind.
least_cost()
{
	tries=$1 least=
	shift
	while [ "${tries}" -gt 0 ]; do
		own_cost "$@"
		[ "${cost}" -ge "${least:-${cost}}" ] || least=${cost}
		least=${least:-${cost}}
		tries=$((tries - 1))
	done
}

# compare name count
compare()
{
	machine=$(uname -m)
	before=$(awk -v machine="${machine}" -v name="$1" \
	    '$1 == machine && $2 == name { print $3 }' "${counted}")
	echo "${machine} $1 $2"
	[ -n "${before}" ] || atf_skip "no count of a ${machine} is recorded"
	[ $(($2 * 10)) -le $((before * 11)) ] ||
	    atf_fail "$1 takes $2 instructions; it took ${before}"
	[ $(($2 * 10)) -ge $((before * 9)) ] ||
	    echo "That is much less than ${before}: record it."
}

atf_test_case lock
lock_head()
{
	atf_set descr "A lock and its release take no more instructions"
	atf_set require.progs valgrind
	atf_set timeout 300
}
lock_body()
{
	lock_cost nfslock_acquire nfslock_release
	compare lock $((least / 16))
}

# lock_cost function function [flag]: sets least to what they cost in sixteen
# cycles.
lock_cost()
{
	h_lock=$(cd "$(atf_get_srcdir)/../lib/libnfslock" && pwd -P)/h_lock
	[ -x "${h_lock}" ] || atf_skip "no ${h_lock} is installed"
	mkdir d
	: > input
	within="--toggle-collect=$1 --toggle-collect=$2"
	least_cost 8 "${h_lock}" "${h_lock}" -p $3 -n 16 d/m
}

atf_test_case kept
kept_head()
{
	atf_set descr "Nor do they with a handle that is kept"
	atf_set require.progs valgrind
	atf_set timeout 300
}
kept_body()
{
	lock_cost nfslock_relock nfslock_unlock -k
	compare kept $((least / 16))
}

atf_test_case delivery
delivery_head()
{
	atf_set descr "A delivery takes no more instructions"
	atf_set require.progs valgrind
	atf_set timeout 300
}
delivery_body()
{
	: "${MAIL_LOCAL:=/usr/libexec/mail.local}"
	[ -x "${MAIL_LOCAL}" ] || atf_skip "no program at ${MAIL_LOCAL}"
	# A copy is not set-user-id, and valgrind can run it.
	here=$(pwd -P)
	cp "${MAIL_LOCAL}" mail.local && chmod 755 mail.local
	: > conf
	mkdir spool
	{
		printf 'Subject: 4 KB\n\n'
		yes 'A line of a message, which is as long as lines are.' |
		    head -n 78
	} > input
	set -- "${here}/mail.local" -C "${here}/conf" -f bench@example.org \
	    -m "${here}/spool/%u" "$(id -un)"
	# The first one makes the mailbox.
	own_cost "$1" "$@"
	least_cost 4 "$1" "$@"
	compare delivery "${least}"
}

atf_init_test_cases()
{
	atf_add_test_case lock
	atf_add_test_case kept
	atf_add_test_case delivery
}
