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


# Locks on real NFS, with each host a kernel of its own: h_locks.py.

# locks VERSION SERVER CASE ...
locks()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	for case; do
		[ "${case}" != mixed ] || for program in dotlockfile lockfile; do
			command -v ${program} >/dev/null ||
			    atf_skip "no ${program} here"
		done
	done
	[ "${2}" != ganesha ] ||
	    [ -e "${NFSLOCK_CLUSTER}/usr/bin/ganesha.nfsd" ] ||
	    atf_skip "no usr/bin/ganesha.nfsd in ${NFSLOCK_CLUSTER}"
	atf_check -o save:out python3 -B "${dir}/h_locks.py" "$@"
	cat out
}

# locks_case NAME WHEN VERSION SERVER CASE ...
locks_case()
{
	name=$1 when=$2
	shift 2
	eval "
	atf_test_case ${name}
	${name}_head()
	{
		atf_set descr \"Three hosts lose no update, NFS $*\"
		atf_set require.progs python3
		atf_set timeout \$((100 * ${NFSLOCK_SOAK:-1} + 300))
	}
	${name}_body()
	{
		[ ${when} = always ] ||
		    [ \"\$(atf_config_get soak no)\" = yes ] ||
		    atf_skip \"too long for every day: make soak\"
		locks $*
	}"
}

locks_case v3 always 3 nfsd counter mixed
locks_case v4_0 soak 4.0 nfsd counter mixed
locks_case v4_1 soak 4.1 nfsd counter mixed
locks_case v4_2 always 4.2 nfsd counter mixed
locks_case ganesha soak 3 ganesha counter mixed
locks_case ganesha_v4_2 soak 4.2 ganesha counter mixed

atf_init_test_cases()
{
	atf_add_test_case v3
	atf_add_test_case v4_0
	atf_add_test_case v4_1
	atf_add_test_case v4_2
	atf_add_test_case ganesha
	atf_add_test_case ganesha_v4_2
}
