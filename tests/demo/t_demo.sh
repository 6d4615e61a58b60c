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


# The demo itself: that it passes with the mail.local under test, and that it
# would notice one that is not as good.

export MAIL_LOCAL="${MAIL_LOCAL:-/usr/libexec/mail.local}"

# demo STATUS [argument ...]: what it says goes to out and err.
demo()
{
	status=$1
	shift
	atf_check -s "exit:$status" -o save:out -e save:err \
	    python3 "$(atf_get_srcdir)/demo.py" --copies 1 "$@"
}

# What the table says of a mode: row MODE COLUMN.
row()
{
	awk -v mode="$1" -v name="$2" '
	    $1 == "mode" { for (i = 1; i <= NF; i++) if ($i == name) at = i }
	    $1 == mode && at { print $at }' out
}

common_head()
{
	atf_set "require.progs" "python3 mutt"
	atf_set "timeout" "300"
}

atf_test_case caller
caller_head()
{
	atf_set "descr" "A user's mail to himself is all accounted for"
	atf_set "require.user" "unprivileged"
	common_head
}
caller_body()
{
	demo 0
	for mode in common home; do
		atf_check_equal "$(row $mode copies)" "$(row $mode delivered)"
	done
}

atf_test_case users
users_head()
{
	atf_set "descr" "Root's mail to test users is all accounted for"
	atf_set "require.user" "root"
	common_head
}
users_body()
{
	before=$(cat /etc/passwd /etc/group; ls -la /var/mail/)
	demo 0
	for mode in common home; do
		atf_check_equal "$(row $mode copies)" "$(row $mode delivered)"
	done
	atf_check_equal "$before" \
	    "$(cat /etc/passwd /etc/group; ls -la /var/mail/)"
}

atf_test_case saboteur
saboteur_head()
{
	atf_set "descr" "A mail.local that loses, doubles or damages is found out"
	atf_set "require.user" "unprivileged"
	common_head
}
saboteur_body()
{
	cp "$MAIL_LOCAL" honest
	chmod 755 honest
	cat > saboteur <<-EOF
	#!/bin/sh
	text=\$(mktemp $PWD/text.XXXXXX)
	cat > "\$text"
	case \$(head -n 1 "\$text") in
	*nobody-0000002)	exit 0 ;;
	*python-0000003 | *nobody-0000005)
		$PWD/honest "\$@" < "\$text" || exit ;;
	*mutt-0000007 | *nobody-0000008)
		head -c 100 "\$text" > "\$text.cut"
		mv "\$text.cut" "\$text" ;;
	esac
	$PWD/honest "\$@" < "\$text"
	EOF
	chmod 755 saboteur
	MAIL_LOCAL=$PWD/saboteur
	demo 1
	atf_check_equal 1 "$(row common lost)"
	atf_check_equal 2 "$(row common doubled)"
	atf_check_equal 2 "$(row common damaged)"
	atf_check_equal 0 "$(row home lost)"
	atf_check_equal 0 "$(row home doubled)"
	atf_check_equal 0 "$(row home damaged)"
}

atf_test_case mbox
mbox_head()
{
	atf_set "descr" "Any mbox will do, and one that is not there is told"
	atf_set "require.user" "unprivileged"
	common_head
}
mbox_body()
{
	demo 2 missing
	atf_check -o match:"missing: No such file" cat err
	demo 2 .
	atf_check -o match:"Is a directory" cat err
	: > empty
	printf 'no From_ line\n\nFrom a Thu Jan  1 00:00:00 1970\nA: b\n' > odd
	printf '\nbody\nFrom here\n\nFrom there on\n>From\n\n\n' >> odd
	printf 'From a\n\nFrom b\nX: \0\r\n\r\n\377no newline' >> odd
	demo 0 empty odd
	atf_check -o match:"^0 messages of empty" \
	    -o match:"^5 messages of odd" cat out
}

atf_init_test_cases()
{
	atf_add_test_case caller
	atf_add_test_case users
	atf_add_test_case saboteur
	atf_add_test_case mbox
}
