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


# Three hosts deliver, each by several processes, to the same mailboxes and to
# different ones, in a common spool and then in the homes, while Python's mailbox
# module, mutt, and dotlockfile around a rewrite take messages out of some of them.
# At the end every message is in one place exactly, byte for byte.

# delivery [argument ...]: of h_delivery.py, by which it exits with 0.
delivery()
{
	available
	atf_check -o save:out python3 -B "${dir}/h_delivery.py" "$@"
	cat out
}

available()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
}

delivery_head()
{
	atf_set "descr" "Every message arrives once and whole, $1"
	atf_set "require.progs" "python3 mutt dotlockfile"
	atf_set "timeout" "$2"
}

atf_test_case v3
v3_head()
{
	delivery_head "NFS version 3" 600
}
v3_body()
{
	delivery 3
}

atf_test_case v4_2
v4_2_head()
{
	delivery_head "NFS version 4.2" 600
}
v4_2_body()
{
	delivery 4.2
}

atf_test_case many
many_head()
{
	delivery_head "of 100,000, on all versions and servers" 36000
	atf_set "X-soak" "only when the configuration variable soak is yes"
}
many_body()
{
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	for server in "3 nfsd" "4.0 nfsd" "4.1 nfsd" "4.2 nfsd" "4.2 ganesha"; do
		delivery ${server} "${NFSLOCK_SOAK:-20}"
	done
}

atf_test_case saboteur
saboteur_head()
{
	delivery_head "but not if the hosts do not see each other's dotlocks" 600
}
saboteur_body()
{
	available
	atf_check -s exit:1 -e match:"u0: .* (was lost|is damaged)" \
	    python3 -B "${dir}/h_delivery.py" saboteur
}

atf_init_test_cases()
{
	atf_add_test_case v3
	atf_add_test_case v4_2
	atf_add_test_case many
	atf_add_test_case saboteur
}
