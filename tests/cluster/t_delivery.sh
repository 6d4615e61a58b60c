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

# Deliveries by several hosts, while readers on them take what they have read.

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	needs="mutt dotlockfile"
	what="Every message arrives once and whole"
	# 2,000, and 500 more.
	scenario v3 daily "${what}, NFS version 3" h_delivery.py 3 nfsd 1 many=42
	scenario v4_2 daily "${what}, NFS version 4.2, spools in homes" \
	    h_delivery.py 4.2 nfsd 1 home
	scenario v4_2_common soak "${what}, NFS version 4.2, a common spool" \
	    h_delivery.py 4.2 nfsd 4 common
	scenario saboteur daily "But not if hosts do not see each other's dotlocks" \
	    h_delivery.py saboteur
	# 100,000 in all, if NFSLOCK_SOAK is 20.
	for server in "3 nfsd" "4.0 nfsd" "4.1 nfsd" "4.2 nfsd" "4.2 ganesha"; do
		scenario "many_v$(echo ${server} | tr ' .' __)" soak \
		    "${what}, many of them, NFS version ${server}" \
		    h_delivery.py ${server} 2 'many=$((${NFSLOCK_SOAK:-20} * 19))'
	done
}
