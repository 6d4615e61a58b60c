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


# Messages of every size, on bounded memory.

# sized bytes: a message of that size, half in one long line.
sized()
{
	dd if=/dev/zero bs=1024 count=$(($1 / 2048)) 2>/dev/null | tr '\0' x
	echo
	awk -v left=$(($1 - $1 / 2048 * 1024 - 1)) 'BEGIN {
		line = "The quick brown fox jumps over the lazy dog, again."
		while (left > length(line) + 1) {
			print line
			left -= length(line) + 1
		}
		while (left-- > 1)
			printf "."
		print ""
	}'
}

atf_test_case sizes
sizes_head()
{
	atf_set descr "1 KB to 8 MB, from a file and from a pipe"
}
sizes_body()
{
	plain
	for size in 1024 4096 65535 65536 65537 262144 1048576 8388608; do
		sized ${size} >letter
		is "$(wc -c <letter | tr -d ' ')" ${size}
		{ echo 'From s DATE'; cat letter; echo; } >expected
		atf_check ${ml} -f s "${me}" <letter
		same expected "${box}"
		rm "${box}"
		atf_check -x "cat letter | ${ml} -f s ${me}"
		same expected "${box}"
		rm "${box}"
	done
	only
}

# bounded bytes: deliver a message of that size, and hold the most memory
# that was in use against 8 MB.
bounded()
{
	plain
	sized "$1" >letter
	# Stopped when it is about to exit, so that /proc still tells.
	strace -o trace -e trace=exit_group \
	    -e inject=exit_group:delay_enter=1000000 \
	    ${ml} -f s "${me}" <letter &
	strace=$!
	traced ${strace}
	peak=0
	while now=$(awk '/^VmHWM/ { print $2 }' /proc/${traced}/status) &&
	    [ -n "${now}" ]; do
		peak=${now}
		sleep 0.2
	done 2>/dev/null
	finish ${strace}
	is ${status} 0
	echo "peak ${peak} KB"
	[ "${peak}" -gt 0 ] || atf_fail "no peak found"
	[ "${peak}" -le 8192 ] || atf_fail "${peak} KB"
	{ head -n 1 "${box}"; cat letter; echo; } >expected
	atf_check cmp expected "${box}"
	only "${me}"
}

atf_test_case few_syncs
few_syncs_head()
{
	atf_set descr "20 MB: synced every 8 MB, and signs of life every 10 s"
	atf_set require.progs strace
}
few_syncs_body()
{
	plain
	seed
	dd if=/dev/zero bs=65536 count=320 2>/dev/null | tr '\0' '\n' >letter
	begin=$(date +%s)
	atf_check strace -o trace -e trace=fsync,fdatasync,utimensat \
	    ${ml} "${me}" <letter
	took=$(($(date +%s) - begin))
	is "$(grep -c '^f.*sync' trace)" 3
	signs=$(grep -c ^utimensat trace)
	[ "${signs}" -le $((took / 10 + 1)) ] ||
	    atf_fail "${signs} signs of life in ${took} s"
}

atf_test_case memory
memory_head()
{
	atf_set descr "100 MB in at most 8 MB"
	atf_set require.progs strace
}
memory_body()
{
	bounded 104857600
}

atf_test_case gigabytes
gigabytes_head()
{
	atf_set descr "2 GB in at most 8 MB"
	atf_set require.progs strace
	atf_set timeout 900
	atf_set X-soak "only when the configuration variable soak is yes"
}
gigabytes_body()
{
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	bounded 2147485696
}

atf_test_case nothing_left_in_tmpdir
nothing_left_in_tmpdir_head()
{
	atf_set descr "What keeps a large message has no name, even after" \
	    "SIGKILL"
	atf_set require.progs timeout
}
nothing_left_in_tmpdir_body()
{
	plain
	mkdir tmp
	: >began
	{ sized 8388608; sleep 3; } |
	    timeout -s KILL 1 env TMPDIR="${here}/tmp" ${ml} "${me}"
	atf_check ls -A tmp
	atf_check ls -A spool
	# Deliveries of others may have one for a moment.
	until_true 5 nothing_new
}
nothing_new()
{
	[ -z "$(find /tmp /var/tmp -maxdepth 1 -name '*mail*local*' -type f \
	    -newer began 2>/dev/null)" ]
}

atf_test_case no_name_in_tmp
no_name_in_tmp_head()
{
	atf_set descr "Where the system has files without a name, what keeps" \
	    "a large message never had one"
	atf_set require.progs strace python3
}
no_name_in_tmp_body()
{
	plain
	sized 8388608 >letter
	atf_check -e ignore strace -o trace ${ml} "${me}" <letter
	python3 -c 'import os; os.open("/tmp", os.O_TMPFILE | os.O_RDWR)' ||
	    atf_skip "no such files in /tmp"
	atf_check -s exit:1 grep -E '"/tmp/mail' trace
	atf_check -o ignore grep O_TMPFILE trace
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case sizes
	atf_add_test_case few_syncs
	atf_add_test_case memory
	atf_add_test_case gigabytes
	atf_add_test_case nothing_left_in_tmpdir
	atf_add_test_case no_name_in_tmp
}
