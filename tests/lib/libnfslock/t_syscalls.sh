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


# What a lock costs, in system calls: nfslock(3) states it, and here it is
# counted.

page=${NFSLOCK_MAN:-/usr/share/man}/man3/nfslock.3

# Sets calls to the number of system calls of one cycle: what twenty-one cost
# more than eleven do.  One cycle in many looks for what dead processes left, so
# that the least of some counts is the count.
count_calls()
{
	for cycles in 11 21; do
		least=
		for try in 1 2 3 4 5 6; do
			atf_check -o ignore -e ignore strace -f -o trace \
			    $(atf_get_srcdir)/h_lock "$@" -n ${cycles} d/m
			count=$(grep -c '(' trace)
			[ ${count} -ge ${least:-${count}} ] || least=
			least=${least:-${count}}
		done
		eval calls_${cycles}=${least}
	done
	calls=$((calls_21 - calls_11))
	[ $((calls % 10)) -eq 0 ] ||
	    atf_fail "ten cycles make ${calls} system calls"
	calls=$((calls / 10))
}

atf_test_case stated
stated_head()
{
	atf_set descr "a cycle makes as many system calls as the page says"
	atf_set require.progs strace
	atf_set require.files ${page}
}
stated_body()
{
	mkdir d
	[ "$(uname -s)" = Linux ] || atf_skip "strace(1) counts Linux's calls"
	count_calls -c
	common=${calls}
	count_calls -p
	private=${calls}
	echo "common ${common}, private ${private}"
	[ ${private} -le ${common} ] ||
	    atf_fail "private ${private}, common ${common}"

	sentence="takes ${common} system calls in a common directory"
	sentence="${sentence} and ${private} in a private one"
	atf_check -o ignore grep "${sentence}" ${page}

	count_calls -p -k
	echo "kept ${calls}"
	[ ${calls} -le 7 ] || atf_fail "${calls} with a handle that is kept"
	atf_check -o ignore grep "cycle takes ${calls} system calls" ${page}
}

# Sets least to the fewest calls from one opening of the directory to the next,
# and before to those of them that come before a sleep, if there is one.
split_trace()
{
	set -- $(awk '
	    / openat\(AT_FDCWD, "d\/", / {
		if (on && (!least || n < least)) least = n
		if (on && (!before || slept < before)) before = slept
		on = 1
		n = 0
	    }
	    !on || !/\(/ { next }
	    /clock_nanosleep\(/ { slept = n; next }
	    { n++ }
	    END { print least, before + 0 }' trace)
	least=$1
	before=$2
}

# row first-cell option ...: what each function costs is in the page's table.
row()
{
	cell=$1; shift
	run="strace ${inject} -f -o trace $(atf_get_srcdir)/h_lock $* -n 30"
	# Acquire and release; acquire, sleep, verify and release; acquire,
	# sleep, refresh, verify and release.
	atf_check -o ignore -e ignore ${run} d/m
	split_trace; cycle=${least}
	atf_check -o ignore -e ignore ${run} -h 1 d/m
	split_trace; verified=${least} acquire=${before}
	atf_check -o ignore -e ignore ${run} -h 1 -r 1 d/m
	split_trace; refreshed=${least}

	stated="Ta ${acquire} Ta $((verified - cycle))"
	stated="${stated} Ta $((refreshed - verified)) Ta $((cycle - acquire))"
	atf_check -o ignore grep -F -x ".It ${cell} ${stated}" ${page}
}

atf_test_case table
table_head()
{
	atf_set descr "each function makes as many as the page's table says"
	atf_set require.progs strace
	atf_set require.files ${page}
}
table_body()
{
	[ "$(uname -s)" = Linux ] || atf_skip "strace(1) counts Linux's calls"
	mkdir -m 755 d
	inject=
	row '"common, on a local file system"' -c
	row '"private, on a local file system"'
	row '"the same, by" Dv NFSLOCK_DIR_PRIVATE' -p

	# The magic number of NFS.
	# Of the first of two calls: the second is for the place in memory.
	inject="-e inject=fstatfs:poke_exit=@arg2=6969000000000000:when=1+2"
	strace ${inject} true 2>stderr || atf_skip "this strace(1) changes no answers"
	row '"any, elsewhere"' -c
	row '"any, elsewhere"'
}

atf_test_case private_saves
private_saves_head()
{
	atf_set descr "a private directory costs less than a common one"
	atf_set require.progs strace
}
private_saves_body()
{
	mkdir d
	count_calls -c
	common=${calls}
	count_calls -p
	[ ${calls} -lt ${common} ] ||
	    atf_fail "private ${calls}, common ${common}"
}

atf_init_test_cases()
{
	atf_add_test_case stated
	atf_add_test_case table
	atf_add_test_case private_saves
}
