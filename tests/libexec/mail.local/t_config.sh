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


# mail.local.conf(5).

# configured line ...: the configuration has these lines.
configured()
{
	printf '%s\n' "$@" >conf
}

# wrong line: with the configuration in the file "conf" nothing is delivered,
# the caller is to try again, and the line with the error is named.
wrong()
{
	letter x >letter
	atf_check -s exit:75 -e save:stderr \
	    timeout 20 ${ml} -t 5 "${me}" <letter
	atf_check -o match:'^mail\.local: ' cat stderr
	atf_check -o match:"conf:$1[^0-9]" cat stderr
	only
}

# right: with the configuration in the file "conf" a letter is delivered.
right()
{
	letter x >letter
	atf_check ${ml} -f s "${me}" <letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
	same expected "${box}"
	rm "${box}"
	only
}

atf_test_case empty
empty_head()
{
	atf_set descr "Nothing, comments and blank lines"
}
empty_body()
{
	plain
	right
	configured '' '# a comment' '   # another' '	' '  '
	right
	printf '# no newline at the end' >conf
	right
}

atf_test_case keywords
keywords_head()
{
	atf_set descr "Every keyword, blanks before and after, no final" \
	    "newline"
}
keywords_body()
{
	plain
	ml="${here}/mail.local -C ${here}/conf"
	configured "mailbox ${here}/spool/%u"
	right
	configured "	mailbox		${here}/spool/%u	 " '' \
	    'spool /var/mail/%u' "trusted ${me} nosuch" 'trusted another' \
	    'limit 30' 'stale 60' 'quota retry' 'quote blank'
	right
	configured "mailbox ${here}/spool/%u # where it goes" \
	    'quota bounce' 'quote blank # comment'
	right
	printf 'limit 5\nmailbox %s/spool/%%u' "${here}" >conf
	right
}

atf_test_case unknown_keyword
unknown_keyword_head()
{
	atf_set descr "An unknown keyword"
}
unknown_keyword_body()
{
	plain
	for line in mailboxes Mailbox mail 'x y z' '=' 'mailbox=/x' \
	    'trusted: root'; do
		configured '# one' '' "${line}"
		wrong 3
	done
}

atf_test_case wrong_values
wrong_values_head()
{
	atf_set descr "Values that are missing, too many, or not understood"
}
wrong_values_body()
{
	plain
	for line in mailbox spool trusted limit stale quota quote \
	    'mailbox relative/%u' 'mailbox %u' 'mailbox /a/%h' \
	    'mailbox /a/%x' 'mailbox /a/%' 'mailbox /a /b' 'spool a' \
	    'spool /a b' 'limit x' 'limit -1' 'limit 1x' 'limit 1 2' \
	    'limit 99999999999999999999' 'stale x' 'stale 0' 'stale -5' \
	    'stale 1.5' 'stale 99999999999999999999' 'quota maybe' \
	    'quota retry bounce' 'quote none' 'quote Blank'; do
		configured 'limit 5' "${line}"
		wrong 2
		configured 'limit 5' "${line}" 'quota retry'
		wrong 2
	done
}

atf_test_case one_mailbox_for_all
one_mailbox_for_all_head()
{
	atf_set descr "A mailbox or a spool of the same name for each user," \
	    "which could be but one's; -m may be one"
}
one_mailbox_for_all_body()
{
	plain
	for template in /var/mail/inbox /var/mail/%1/%2 /var/mail/%%u \
	    /var/mail/%%%%u; do
		for keyword in mailbox spool; do
			configured 'limit 5' "${keyword} ${template}"
			wrong 2
		done
	done
	configured 'mailbox /var/mail/%%%u' 'spool %h/inbox'
	ml="${here}/mail.local -C ${here}/conf -m ${box}"
	right
	configured 'mailbox %h/inbox' 'spool /var/mail/%1/%u.mbox'
	right
}

atf_test_case odd_bytes
odd_bytes_head()
{
	atf_set descr "Bytes that no configuration has"
}
odd_bytes_body()
{
	plain
	printf 'limit 5\n\0\n' >conf
	wrong 2
	printf 'limit 5\nmailbox /a/%%u\0b\n' >conf
	wrong 2
	printf 'limit 5\n\377\376\n' >conf
	wrong 2
	{ echo 'limit 5'; dd if=/dev/zero bs=1024 count=4096 2>/dev/null |
	    tr '\0' x; } >conf
	letter x >letter
	atf_check -s exit:75 -e save:stderr ${ml} "${me}" <letter
	atf_check -s exit:1 grep 'xxxxx.*xxxxx.{2000}' stderr
	only
}

atf_test_case writable_by_others
writable_by_others_head()
{
	atf_set descr "One that group or others may write to"
}
writable_by_others_body()
{
	plain
	letter x >letter
	for mode in 664 646 622 666 777; do
		chmod ${mode} conf
		atf_check -s exit:75 -e save:stderr ${ml} "${me}" <letter
		said conf
		only
	done
	chmod 600 conf
	right
	chmod 444 conf
	right
}

atf_test_case not_regular
not_regular_head()
{
	atf_set descr "One that is a directory or a FIFO"
}
not_regular_body()
{
	plain
	letter x >letter
	rm conf
	mkdir conf
	atf_check -s exit:75 -e save:stderr ${ml} "${me}" <letter
	said conf
	rmdir conf
	mkfifo -m 644 conf
	atf_check -s exit:75 -e save:stderr timeout 20 ${ml} "${me}" <letter
	said conf
	only
}

atf_test_case unreadable
unreadable_head()
{
	atf_set descr "One that cannot be read"
	atf_set require.user unprivileged
}
unreadable_body()
{
	plain
	letter x >letter
	chmod 200 conf
	atf_check -s exit:75 -e save:stderr ${ml} "${me}" <letter
	said conf
	only
}

atf_test_case nothing_bounces
nothing_bounces_head()
{
	atf_set descr "With an error in the configuration nobody's mail" \
	    "bounces, not even an unknown user's"
}
nothing_bounces_body()
{
	plain
	letter x >letter
	configured wrong
	atf_check -s exit:75 -e ignore ${ml} nosuch "${me}" <letter
	only
}

atf_test_case machine cleanup
machine_head()
{
	world_head "/etc/mail.local.conf is used, may be missing, and must" \
	    "be root's; -C's root's or the caller's"
}
machine_body()
{
	world
	letter x >letter
	conf=etc/mail.local.conf
	rm ${conf}
	atf_check ./in /mnt/mail.local alice <letter
	only alice
	rm mail/alice
	echo 'mailbox /var/mail/%u.mbox' >${conf}
	atf_check ./as mallory /mnt/mail.local alice <letter
	only alice.mbox
	rm mail/alice.mbox
	echo 'mailbox /var/mail/%u' >${conf}
	echo 'limit soon' >>${conf}
	atf_check -s exit:75 -e save:stderr \
	    ./as mallory /mnt/mail.local alice <letter
	said '/etc/mail\.local\.conf:2[^0-9]'
	: >${conf}
	for mode in 664 646; do
		chmod ${mode} ${conf}
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local alice <letter
		said /etc/mail.local.conf
	done
	chmod 644 ${conf}
	chown 61003 ${conf}
	for caller in ./in "./as mallory"; do
		atf_check -s exit:75 -e save:stderr \
		    ${caller} /mnt/mail.local alice <letter
		said /etc/mail.local.conf
	done
	chown 0 ${conf}
	# A link to what is not there is a slip, and so is a name that -C tells.
	ln -sf /mnt/unmounted/conf ${conf}
	atf_check -s exit:75 -e save:stderr ./in /mnt/mail.local alice <letter
	said /etc/mail.local.conf 'put it there'
	rm ${conf}
	: >${conf}
	: >home/conf
	chown 61003 home/conf
	for name in /home/conf /home/config; do
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local -C ${name} alice <letter
		said ${name}
		only
	done
	atf_check -s exit:75 -e save:stderr \
	    ./in /mnt/mail.local -C '' alice <letter
	said 'put it there'
	only
	# Without the bit, a user's own and root's will do for him.
	world_plain
	atf_check ./as mallory /mnt/plain -C /home/conf mallory <letter
	chown 0 home/conf
	atf_check ./as mallory /mnt/plain -C /home/conf mallory <letter
	chown 61001 home/conf
	atf_check -s exit:75 -e save:stderr \
	    ./as mallory /mnt/plain -C /home/conf mallory <letter
	said /home/conf
}
machine_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case empty
	atf_add_test_case keywords
	atf_add_test_case unknown_keyword
	atf_add_test_case wrong_values
	atf_add_test_case one_mailbox_for_all
	atf_add_test_case odd_bytes
	atf_add_test_case writable_by_others
	atf_add_test_case not_regular
	atf_add_test_case unreadable
	atf_add_test_case nothing_bounces
	atf_add_test_case machine
}
