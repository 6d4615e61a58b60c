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

# What these tests share: each runs a scenario, which is in Python, on a cluster of
# its own.

soaking()
{
	[ "$(atf_config_get soak no)" = yes ]
}

# How many of the steps and faults there are: those of one day are not those of
# the next.
extent()
{
	soaking && echo every || echo some
}

# on_cluster PROGRAM [argument ...]: skip where there can be no cluster.
on_cluster()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py" "$(atf_config_get soak no)") ||
	    atf_skip "${why}"
	program=$1
	shift
	atf_check -o save:output python3 -B "${dir}/${program}" "$@"
	cat output
}

# scenario NAME daily|soak DESCRIPTION PROGRAM [argument ...]: a test case, which
# needs the programs in ${needs} beside.  Arguments are expanded when it runs.
needs=
scenario()
{
	_name=$1 _when=$2 _descr=$3
	shift 3
	atf_test_case "${_name}"
	eval "
	${_name}_head()
	{
		atf_set descr \"${_descr}\"
		atf_set require.progs \"python3 ${needs}\"
		atf_set timeout $([ "${_when}" = daily ] && echo 900 || echo 14400)
		[ ${_when} = daily ] ||
		    atf_set X-soak \"only when the configuration variable soak is yes\"
	}
	${_name}_body()
	{
		[ ${_when} = daily ] || soaking ||
		    atf_skip \"set the variable soak to yes to run this\"
		on_cluster $*
	}"
	atf_add_test_case "${_name}"
}
