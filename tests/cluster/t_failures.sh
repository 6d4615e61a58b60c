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

# What breaks around deliveries: the network, the server and its disk, clocks,
# exports and mounts.

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	network="A client is cut off for longer than the stale limit"
	server="The server crashes; its disk, or a quota, is full"
	clocks="Clocks that are wrong by 90 minutes and 10 years"
	exports="root_squash, a read-only export, another one, a soft mount"
	scenario network_v3 daily "${network}, NFS version 3" \
	    h_network.py 3 nfsd long_partition late_write
	scenario network_v4_2 daily "${network}, NFS version 4.2" \
	    h_network.py 4.2 nfsd late_write
	scenario server daily "${server}" h_server.py 3 nfsd crash disk quota
	scenario clocks daily "${clocks}" h_clocks.py 4.2 nfsd briefly
	scenario exports daily "${exports}" h_exports.py 3 nfsd squash read_only soft
	for where in "3 nfsd" "4.0 nfsd" "4.1 nfsd" "4.2 nfsd" "3 ganesha" "4.2 ganesha"
	do
		for program in network server clocks exports; do
			eval "descr=\$${program}"
			scenario "${program}_on_$(echo ${where} | tr ' .' __)" soak \
			    "All of: ${descr}, NFS version ${where}" \
			    h_${program}.py ${where}
		done
	done
	what="Mount options: locks that count, and deliveries with a reader"
	scenario options_v3 soak "${what}, NFS version 3" h_options.py 3
	scenario options_v4_2 soak "${what}, NFS version 4.2" h_options.py 4.2
}
