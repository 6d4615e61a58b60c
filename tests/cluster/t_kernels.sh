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



# That real kernels do what the simulated ones of the other tests do.

# seen VERSION
seen()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py" "$(atf_config_get soak no)") || atf_skip "${why}"
	atf_check -o save:out python3 -B "${dir}/h_kernels.py" "$1"
	cat out
}

seen_head()
{
	atf_set "descr" "What NFS version $1 keeps, repeats, delays and forgets"
	atf_set "require.progs" "python3"
	atf_set "timeout" "900"
}

atf_test_case v3
v3_head()
{
	seen_head 3
}
v3_body()
{
	seen 3
}

atf_test_case v4_2
v4_2_head()
{
	seen_head 4.2
}
v4_2_body()
{
	seen 4.2
}

atf_test_case v4_0
v4_0_head()
{
	seen_head 4.0
	atf_set "X-soak" "only when the configuration variable soak is yes"
}
v4_0_body()
{
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	seen 4.0
}

atf_init_test_cases()
{
	atf_add_test_case v3
	atf_add_test_case v4_2
	atf_add_test_case v4_0
}
