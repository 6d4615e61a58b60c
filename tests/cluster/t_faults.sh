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

# Clients that die, and requests and replies that do, while others deliver.

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	killed="A client is killed at each step of a delivery, and at any time"
	new="A client is killed while it makes a mailbox"
	replies="Requests and replies are lost, late or doubled"
	for version in 3 4.0 4.2; do
		name=v$(echo ${version} | tr . _)
		[ ${version} = 4.0 ] && when=soak || when=daily
		scenario killed_${name} ${when} "${killed}, NFS version ${version}" \
		    h_killed.py ${version} '$(extent)'
		# With sessions a server knows by itself what comes again.
		[ ${version} != 4.2 ] || when=soak
		scenario replies_${name} ${when} "${replies}, NFS version ${version}" \
		    h_replies.py ${version} '$(extent)'
	done
	scenario killed_new daily "${new}, NFS version 3" h_killed.py 3 new
	scenario killed_new_v4_0 soak "${new}, NFS version 4.0" h_killed.py 4.0 new
	scenario killed_new_v4_2 soak "${new}, NFS version 4.2" h_killed.py 4.2 new
	scenario replies_known soak "${replies}, and the server knows what comes again" \
	    h_replies.py 3 '$(extent)' same_port
}
