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




# The cluster itself: that the kernels are real ones that know nothing of each
# other, and that the faults happen.

# smoke VERSION
smoke()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	atf_check -o save:out python3 -B "${dir}/h_smoke.py" "$1"
	cat out
}

smoke_head()
{
	atf_set "descr" "Mounts, independence and faults, NFS version $1"
	atf_set "require.progs" "python3"
	atf_set "timeout" "900"
}

atf_test_case v3
v3_head()
{
	smoke_head 3
}
v3_body()
{
	smoke 3
}

atf_test_case v4_2
v4_2_head()
{
	smoke_head 4.2
}
v4_2_body()
{
	smoke 4.2
}

atf_init_test_cases()
{
	atf_add_test_case v3
	atf_add_test_case v4_2
}
