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


# biff(1) is told of new mail: user@offset, a newline.

# listen seconds: in the world's network.
listen()
{
	nsenter -t "$(cat world.pid)" -n \
	    python3 "$(atf_get_srcdir)/h_biff.py" ready "$1" >heard &
	ear=$!
	until_true 10 test -e ready
}

# ear seconds: a world where somebody listens on biff's port.
ear()
{
	world_net=-n
	world
	listen "$1"
	letter x >letter
}

heard()
{
	wait ${ear}
	printf "$1" >expected
	atf_check cmp expected heard
}

atf_test_case offset cleanup
offset_head()
{
	world_head "The offset is where the From_ line stands"
}
offset_body()
{
	ear 2
	world_seed alice
	size=$(wc -c <seed | tr -d ' ')
	atf_check ./in /mnt/mail.local alice bob <letter
	heard "b'alice@${size}\\\\n'\nb'bob@0\\\\n'\n"
}
offset_cleanup()
{
	world_end
}

atf_test_case offset_after_torn_tail cleanup
offset_after_torn_tail_head()
{
	world_head "The offset is behind what was mended"
}
offset_after_torn_tail_body()
{
	ear 2
	world_seed alice
	printf 'torn' >>mail/alice
	atf_check ./in /mnt/mail.local alice <letter
	heard "b'alice@$(($(wc -c <seed) + 6))\\\\n'\n"
}
offset_after_torn_tail_cleanup()
{
	world_end
}

atf_test_case failure_is_not_told cleanup
failure_is_not_told_head()
{
	world_head "Nobody is told of mail that was not delivered"
}
failure_is_not_told_body()
{
	ear 4
	: >mail/alice.lock
	atf_check -s exit:75 -e ignore \
	    ./in /mnt/mail.local -t 1 alice nosuch <letter
	heard ""
}
failure_is_not_told_cleanup()
{
	world_end
}

atf_test_case nobody_listens cleanup
nobody_listens_head()
{
	world_head "Without a listener, or a network, mail is delivered"
}
nobody_listens_body()
{
	world_net=-n
	world
	letter x >letter
	atf_check ./in /mnt/mail.local alice <letter
	listen 0
	wait ${ear}
	atf_check ./in /mnt/mail.local alice <letter
	atf_check -o inline:"2\n" grep -c '^Subject' mail/alice
}
nobody_listens_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case offset
	atf_add_test_case offset_after_torn_tail
	atf_add_test_case failure_is_not_told
	atf_add_test_case nobody_listens
}
