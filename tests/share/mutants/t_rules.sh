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

# Every rule that the locks and the deliveries rest on, taken out of a copy of
# the sources, one at a time: tests of the simulation have to fail.

source=${NFSLOCK_SRCDIR:-/usr/src}
here=${source}/tests/share/mutants

require_source()
{
	[ -e ${here}/d_rules ] || atf_skip "no ${here}/d_rules"
}

atf_test_case applies
applies_head()
{
	atf_set descr "Each rule can be taken out of the sources as they are"
	atf_set require.progs "python3"
}
applies_body()
{
	require_source
	atf_check python3 -B ${here}/h_rules.py ${source} ${here}/d_rules -
}

atf_test_case bites
bites_head()
{
	atf_set descr "Without any one of the rules a test fails"
	atf_set require.progs "bmake cargo cc kyua python3"
	atf_set timeout 7200
	atf_set X-soak "only when the configuration variable soak is yes"
}
bites_body()
{
	require_source
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	atf_check -o save:rules python3 -B ${here}/h_rules.py ${source} \
	    ${here}/d_rules tree
	cat rules
}

atf_init_test_cases()
{
	atf_add_test_case applies
	atf_add_test_case bites
}
