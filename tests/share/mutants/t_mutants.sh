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

# Every mutant that cargo-mutants makes of the lock protocol's code and of the
# delivery's is killed by a test, but for those that d_equivalent tells why
# none can.

source=${NFSLOCK_SRCDIR:-/usr/src}
here=${source}/tests/share/mutants

# kill_mutants library|delivery
kill_mutants()
{
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	[ -e ${here}/h_mutants.py ] || atf_skip "no ${here}/h_mutants.py"
	cargo mutants --version > /dev/null 2>&1 ||
	    atf_skip "cargo-mutants is not installed"
	export MAIL_LOCAL_TESTS="$(atf_get_srcdir)/../../libexec/mail.local"
	atf_check -o save:mutants python3 -B ${here}/h_mutants.py ${source} \
	    ${here}/d_equivalent tree "$1"
	cat mutants
}

atf_test_case library
library_head()
{
	atf_set descr "No mutant of the lock protocol survives"
	atf_set require.progs "bmake cargo cc kyua python3"
	atf_set timeout 36000
	atf_set X-soak "only when the configuration variable soak is yes"
}
library_body()
{
	kill_mutants library
}

atf_test_case delivery
delivery_head()
{
	atf_set descr "No mutant of the delivery survives"
	atf_set require.progs "bmake cargo kyua python3"
	atf_set timeout 36000
	atf_set X-soak "only when the configuration variable soak is yes"
}
delivery_body()
{
	kill_mutants delivery
}

atf_init_test_cases()
{
	atf_add_test_case library
	atf_add_test_case delivery
}
