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


# What a lock and a delivery cost the file server, in RPCs, beside what is
# recorded in d_rpcs: version, what, and how many of each operation.  One more
# fails.
#
# Where a change that is worth it has moved a count, write what the test printed
# into d_rpcs, and say why in the log.

# Peers are counted beside ours.
need()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	: "${MAIL_LOCAL:=/usr/libexec/mail.local}"
	[ -x "${MAIL_LOCAL}" ] || atf_skip "no program at ${MAIL_LOCAL}"
	export MAIL_LOCAL
}

costs_case()
{
	eval "
	atf_test_case ${1}
	${1}_head()
	{
		atf_set descr \"A lock and a delivery send no more RPCs, NFS ${2}\"
		atf_set require.progs python3 dotlockfile lockfile procmail
		atf_set timeout 600
	}
	${1}_body()
	{
		need
		atf_check -o save:out python3 -B \"\${dir}/h_costs.py\" ${2}
		cat out
	}"
}

costs_case v3 3
costs_case v4_2 4.2

atf_test_case quick
quick_head()
{
	atf_set descr "The throughput is measured"
	atf_set require.progs python3 dotlockfile lockfile procmail
	atf_set timeout 600
}
quick_body()
{
	need
	atf_check -o match:"bare, 1 host" \
	    python3 -B "${dir}/h_throughput.py" quick 3
}

atf_init_test_cases()
{
	atf_add_test_case v3
	atf_add_test_case v4_2
	atf_add_test_case quick
}
