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

# Clients that die while they deliver, and requests and replies that are lost, late
# or doubled.

soaking()
{
	[ "$(atf_config_get soak no)" = yes ] && echo every || echo some
}

# run program VERSION [extent] [other arguments]
run()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	program=$1
	shift
	atf_check -o save:out python3 -B "${dir}/${program}" "$@"
	cat out
}

# declare case description soak-only? program arguments ...
declare()
{
	case=$1 descr=$2 only=$3
	shift 3
	atf_test_case ${case}
	eval "${case}_head()
	{
		atf_set descr '${descr}'
		atf_set require.progs python3
		atf_set timeout 3600
		[ ${only} = no ] ||
		    atf_set X-soak 'only when the configuration variable soak is yes'
	}
	${case}_body()
	{
		[ ${only} = no -o \"\$(soaking)\" = every ] ||
		    atf_skip 'set the variable soak to yes to run this'
		run $*
	}"
	cases="${cases} ${case}"
}

cases=
killed="a client is killed at each step of a delivery, and at any time"
replies="requests and replies are lost, late or doubled"
declare killed_v3 "${killed}, v3" no h_killed.py 3 '$(soaking)'
declare killed_v4_0 "${killed}, v4.0" yes h_killed.py 4.0 '$(soaking)'
declare killed_v4_2 "${killed}, v4.2" no h_killed.py 4.2 '$(soaking)'
for version in 3 4.0 4.2; do
	declare killed_new_v$(echo ${version} | tr . _) \
	    "a client is killed while it makes a mailbox, v${version}" no \
	    h_killed.py ${version} new
done
declare replies_v3 "${replies}, v3" no h_replies.py 3 '$(soaking)'
declare replies_v3_known "${replies}, v3, and the server knows those that come again" yes \
    h_replies.py 3 '$(soaking)' same_port
declare replies_v4_0 "${replies}, v4.0" yes h_replies.py 4.0 '$(soaking)'
declare replies_v4_2 "${replies}, v4.2" no h_replies.py 4.2 '$(soaking)'

atf_init_test_cases()
{
	for case in ${cases}; do
		atf_add_test_case ${case}
	done
}
