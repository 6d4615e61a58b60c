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


# Several recipients in one call.

recipients_setup()
{
	world
	letter x >letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
}

# has user ...: each of them has the message once.
has()
{
	for user; do
		same expected "mail/${user}"
		is "$(owner_of "mail/${user}")" "$(id_of "${user}")"
		is "$(group_of "mail/${user}")" "$(id_of "${user}")"
	done
}

atf_test_case all cleanup
all_head()
{
	world_head "Each gets the message, as a file of his own"
}
all_body()
{
	recipients_setup
	# From a pipe, which can be read but once.
	atf_check -x "cat letter | ./in /mnt/mail.local -f s alice bob mallory x"
	has alice bob mallory x
	only alice bob mallory x
	# By another user too, whose privileges must come back each time.
	rm mail/*
	echo 'trusted mta' >etc/mail.local.conf
	atf_check -x "cat letter | ./as mta /mnt/mail.local -f s alice bob x"
	has alice bob x
	only alice bob x
}
all_cleanup()
{
	world_end
}

atf_test_case large cleanup
large_head()
{
	world_head "A message too large for memory reaches each"
}
large_body()
{
	recipients_setup
	awk 'BEGIN { for (n = 0; n < 400000; n++) print "line", n }' >letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
	atf_check -x "cat letter | ./in /mnt/mail.local -f s alice bob x"
	has alice bob x
}
large_cleanup()
{
	world_end
}

atf_test_case unknown_among_them cleanup
unknown_among_them_head()
{
	world_head "One who is unknown does not stop the others: 67"
}
unknown_among_them_body()
{
	recipients_setup
	atf_check -s exit:67 -e save:stderr \
	    ./in /mnt/mail.local -f s alice nosuch bob <letter
	said nosuch
	has alice bob
	only alice bob
}
unknown_among_them_cleanup()
{
	world_end
}

atf_test_case temporary_among_them cleanup
temporary_among_them_head()
{
	world_head "One who is locked does not stop the others: 75," \
	    "whatever else failed"
}
temporary_among_them_body()
{
	recipients_setup
	: >mail/bob.lock
	mkdir mail/x
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -f s -t 2 nosuch x bob alice <letter
	atf_check -o inline:"3\n" grep -c '^mail\.local: ' stderr
	has alice
	only alice bob.lock x
}
temporary_among_them_cleanup()
{
	world_end
}

atf_test_case first_permanent_decides cleanup
first_permanent_decides_head()
{
	world_head "Of permanent failures the first decides"
}
first_permanent_decides_body()
{
	recipients_setup
	spool_root
	mkdir mail/x
	chown 61005 mail/x
	atf_check -s exit:73 -e ignore \
	    ./in /mnt/mail.local -f s alice x nosuch <letter
	has alice
	rm mail/alice
	atf_check -s exit:67 -e ignore \
	    ./in /mnt/mail.local -f s nosuch x alice <letter
	has alice
}
first_permanent_decides_cleanup()
{
	world_end
}

atf_test_case limit_is_each_ones cleanup
limit_is_each_ones_head()
{
	world_head "The time limit is each recipient's own"
}
limit_is_each_ones_body()
{
	recipients_setup
	: >mail/bob.lock
	: >mail/x.lock
	(sleep 3; rm mail/x.lock) &
	atf_check -s exit:75 -e ignore \
	    ./in /mnt/mail.local -f s -t 2 bob x <letter
	has x
}
limit_is_each_ones_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case all
	atf_add_test_case large
	atf_add_test_case unknown_among_them
	atf_add_test_case temporary_among_them
	atf_add_test_case first_permanent_decides
	atf_add_test_case limit_is_each_ones
}
