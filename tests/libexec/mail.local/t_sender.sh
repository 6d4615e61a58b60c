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


# The From_ line cannot be broken by what -f says.

# sender argument expected
sender()
{
	rm -f "${box}"
	atf_check ${ml} -f "$1" "${me}" <letter
	{ echo "From $2 DATE"; cat letter; echo; } >expected
	same expected "${box}"
}

sender_setup()
{
	plain
	letter x >letter
}

atf_test_case ordinary
ordinary_head()
{
	atf_set descr "What an address is made of stays"
}
ordinary_body()
{
	sender_setup
	sender 'user+tag=x!y%z@host.example.net' \
	    'user+tag=x!y%z@host.example.net'
	sender '<user@example.net>' '<user@example.net>'
	sender a a
}

atf_test_case empty
empty_head()
{
	atf_set descr "The null sender is MAILER-DAEMON"
}
empty_body()
{
	sender_setup
	sender '' MAILER-DAEMON
	sender '<>' MAILER-DAEMON
}

atf_test_case newline
newline_head()
{
	atf_set descr "A newline cannot start another line (NetBSD's of 2022" \
	    "wrote it as it came)"
}
newline_body()
{
	sender_setup
	nl='
'
	sender "a${nl}${nl}From b Thu Jan  1 00:00:00 1998${nl}X: y" \
	    a__From_b_Thu_Jan__1_00:00:00_1998_X:_y
	sender "${nl}" _
	atf_check -o inline:"1\n" grep -c '^From' "${box}"
}

atf_test_case control_bytes
control_bytes_head()
{
	atf_set descr "Control bytes become _"
}
control_bytes_body()
{
	sender_setup
	sender "$(printf 'a\r\tb\033\177c\001d')" a__b__c_d
}

atf_test_case spaces
spaces_head()
{
	atf_set descr "Spaces become _"
}
spaces_body()
{
	sender_setup
	sender ' a b  c ' _a_b__c_
	sender ' ' _
	sender '"a b"@c' '"a_b"@c'
}

atf_test_case eight_bits
eight_bits_head()
{
	atf_set descr "Bytes over 0x7e become _"
}
eight_bits_body()
{
	sender_setup
	sender "$(printf 'j\303\266rg\377\200@x')" j__rg__@x
}

atf_test_case long
long_head()
{
	atf_set descr "10 KB are cut at 256 bytes"
}
long_body()
{
	sender_setup
	all=$(awk 'BEGIN { for (i = 0; i < 10240; i++) printf "s" }')
	cut=$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "s" }')
	sender "${all}" "${cut}"
	sender "${cut}" "${cut}"
}

atf_test_case default
default_head()
{
	atf_set descr "Without -f it is the caller's login name"
}
default_body()
{
	sender_setup
	atf_check ${ml} "${me}" <letter
	{ echo "From ${me} DATE"; cat letter; echo; } >expected
	same expected "${box}"
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case ordinary
	atf_add_test_case empty
	atf_add_test_case newline
	atf_add_test_case control_bytes
	atf_add_test_case spaces
	atf_add_test_case eight_bits
	atf_add_test_case long
	atf_add_test_case default
}
