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


# What fails around deliveries on NFS: the network, the server, its disk, clocks and
# exports.  Each program breaks one kind of thing after the other in one cluster.

# broken version program case ...
broken()
{
	version=$1 program=$2
	shift 2
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	atf_check -o save:out python3 -B "${dir}/${program}" "${version}" nfsd "$@"
	cat out
}

# everywhere program: with the other versions, and the other server.
everywhere()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	[ "$(atf_config_get soak no)" = yes ] || atf_skip "in the long run only"
	for server in "3 nfsd" "4.0 nfsd" "4.1 nfsd" "4.2 nfsd" "3 ganesha" "4.2 ganesha"
	do
		echo "${server}"
		atf_check -o save:out python3 -B "${dir}/$1" ${server}
		cat out
	done
}

failures_head()
{
	atf_set "descr" "$@"
	atf_set "require.progs" "python3"
	atf_set "timeout" "1800"
}

atf_test_case network_v3
network_v3_head()
{
	failures_head "A client is cut off for longer than the stale limit"
}
network_v3_body()
{
	broken 3 h_network.py long_partition late_write
}

atf_test_case network_v4_2
network_v4_2_head()
{
	failures_head "The same with a kernel's lock that the server knows"
}
network_v4_2_body()
{
	broken 4.2 h_network.py late_write
}

atf_test_case server
server_head()
{
	failures_head "The server crashes; its disk, or a quota, is full"
}
server_body()
{
	broken 3 h_server.py crash disk quota
}

atf_test_case clocks
clocks_head()
{
	failures_head "Clocks that are wrong by 90 minutes and 10 years"
}
clocks_body()
{
	broken 4.2 h_clocks.py briefly
}

atf_test_case exports
exports_head()
{
	failures_head "root_squash, a read-only export, another one, a soft mount"
}
exports_body()
{
	broken 3 h_exports.py squash read_only soft
}

atf_test_case everywhere_network
everywhere_network_head()
{
	failures_head "Every fault of the network, all versions and servers"
	atf_set "timeout" "7200"
}
everywhere_network_body()
{
	everywhere h_network.py
}

atf_test_case everywhere_server
everywhere_server_head()
{
	failures_head "Every fault of the server, all versions and servers"
	atf_set "timeout" "7200"
}
everywhere_server_body()
{
	everywhere h_server.py
}

atf_test_case everywhere_clocks
everywhere_clocks_head()
{
	failures_head "Every wrong clock, all versions and servers"
	atf_set "timeout" "7200"
}
everywhere_clocks_body()
{
	everywhere h_clocks.py
}

atf_test_case everywhere_exports
everywhere_exports_head()
{
	failures_head "Every change of the exports, all versions and servers"
	atf_set "timeout" "7200"
}
everywhere_exports_body()
{
	everywhere h_exports.py
}

atf_test_case options
options_head()
{
	failures_head "Mount options: locks that count, and deliveries with a reader"
}
options_body()
{
	dir=$(atf_get_srcdir)
	why=$(python3 -B "${dir}/cluster.py") || atf_skip "${why}"
	[ "$(atf_config_get soak no)" = yes ] || atf_skip "in the long run only"
	for version in 3 4.2; do
		atf_check -o save:out python3 -B "${dir}/h_options.py" ${version}
		cat out
	done
}

atf_init_test_cases()
{
	atf_add_test_case network_v3
	atf_add_test_case network_v4_2
	atf_add_test_case server
	atf_add_test_case clocks
	atf_add_test_case exports
	atf_add_test_case everywhere_network
	atf_add_test_case everywhere_server
	atf_add_test_case everywhere_clocks
	atf_add_test_case everywhere_exports
	atf_add_test_case options
}
