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


# What a delivery makes of a message, and of the mailbox it goes into.

# delivered: a mailbox of one delivery holds what is in the file "expected"
# after its From_ line.
delivered()
{
	atf_check -o match:"^From ${me} [A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 1-3][0-9] [0-9:]{8} [0-9]{4}\$" \
	    head -n 1 "${box}"
	tail -n +2 "${box}" >body
	atf_check cmp expected body
	only "${me}"
}

atf_test_case format
format_head()
{
	atf_set descr "A From_ line, the message, a blank line; mode 0600;" \
	    "silence"
}
format_body()
{
	plain
	letter one >letter
	{ cat letter; echo; } >expected
	atf_check ${ml} "${me}" <letter
	delivered
	is "$(mode_of "${box}")" -rw-------
	is "$(links_of "${box}")" 1
}

atf_test_case format_appended
format_appended_head()
{
	atf_set descr "Later messages follow; what stood before stays"
}
format_appended_body()
{
	plain
	seed
	chmod 640 "${box}"
	letter two >letter
	for n in 1 2 3; do
		atf_check ${ml} -f "n${n}@example.net" "${me}" <letter
	done
	{ cat seed; for n in 1 2 3; do
	    echo "From n${n}@example.net DATE"; cat letter; echo
	done; } >expected
	same expected "${box}"
	is "$(mode_of "${box}")" -rw-r-----
	only "${me}"
}

atf_test_case date_in_tz
date_in_tz_head()
{
	atf_set descr "The date in the From_ line is ctime(3)'s in TZ"
}
date_in_tz_body()
{
	plain
	letter tz >letter
	for zone in UTC0 EAST-9:30 WEST8; do
		i=0
		# A second may pass between the two looks at the clock.
		while :; do
			rm -f "${box}"
			before=$(TZ=${zone} date '+%a %b %e %H:%M:%S %Y')
			atf_check env TZ=${zone} ${ml} -f s "${me}" <letter
			after=$(TZ=${zone} date '+%a %b %e %H:%M:%S %Y')
			[ "${before}" = "${after}" ] && break
			i=$((i + 1))
			[ ${i} -lt 10 ] || break
		done
		is "$(head -n 1 "${box}")" "From s ${before}"
	done
}

atf_test_case quote_after_blank
quote_after_blank_head()
{
	atf_set descr "'From ' after a blank line, or first of all, gets '>'"
}
quote_after_blank_body()
{
	plain
	cat >letter <<EOF
From first line

From after a blank
From after text
x

 From indented

from small

Fromage

From

>From quoted once


From after two
EOF
	sed -E '1s/^/>/; s/^(From after (a blank|two))/>\1/' letter >expected
	echo >>expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case quote_all
quote_all_head()
{
	atf_set descr "With 'quote all' every line that starts with 'From '" \
	    "gets '>'"
}
quote_all_body()
{
	plain
	echo 'quote all' >conf
	printf 'From a\nFrom b\n\nFrom c\nx From d\nFrom\n>From e\n' >letter
	printf '>From a\n>From b\n\n>From c\nx From d\nFrom\n>From e\n\n' \
	    >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case quote_at_buffer_edges
quote_at_buffer_edges_head()
{
	atf_set descr "Quoting does not depend on where a buffer ends" \
	    "(CVE-2000-0319; NetBSD's of 2022 counted 2047 bytes as a line)"
}
quote_at_buffer_edges_body()
{
	plain
	for back in 0 1 2 3 4 5 6 7 8; do
		# A line that begins back bytes before each power of two, in
		# turn after a blank line and in the midst of a long line.
		awk -v back=${back} 'BEGIN {
			for (at = 512; at <= 262144; at *= 2)
			for (half = 0; half < 2; half++) {
				want = at * (1 + half / 2) - back
				while (pos < want - 2) {
					printf "x"
					pos++
				}
				s = half ? "yyFrom z\n" : "\n\nFrom z\n"
				printf "%s", s
				pos += length(s)
			}
		}' >letter
		awk 'blank && /^From / { printf ">" }
		    { print; blank = length($0) == 0 }
		    END { print "" }' letter >expected
		rm -f "${box}"
		atf_check ${ml} "${me}" <letter
		delivered
	done
	atf_check -o inline:"10\n" grep -c '^>From z' body
}

atf_test_case quote_across_reads
quote_across_reads_head()
{
	atf_set descr "Quoting does not depend on what one read(2) brings"
}
quote_across_reads_body()
{
	plain
	for part in 'a\n' '\n' 'Fr' 'om b\n' '\nF' 'rom c\n' 'F' 'rom d\n' \
	    '\n' 'From' ' e'; do
		printf "${part}"
		sleep 0.05
	done | ${ml} "${me}" || atf_fail "status $?"
	printf 'a\n\n>From b\n\n>From c\nFrom d\n\n>From e\n\n' >expected
	delivered
}

atf_test_case line_of_2048_bytes
line_of_2048_bytes_head()
{
	atf_set descr "A 'From ' in a line of any length is not quoted, and" \
	    "long lines stay whole"
}
line_of_2048_bytes_body()
{
	plain
	awk 'BEGIN { for (n = 2040; n < 2056; n++) {
		for (i = 0; i < n; i++)
			printf "a"
		print "From the middle"
		print ""
	}
	for (i = 0; i < 300000; i++)
		printf "From "
	print "" }' >letter
	# The last is a line of its own after a blank one.
	{ sed 's/^From From/>From From/' letter; echo; } >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case no_final_newline
no_final_newline_head()
{
	atf_set descr "A last line without newline gets one, and a blank line"
}
no_final_newline_body()
{
	plain
	printf 'Subject: x\n\nend' >letter
	printf 'Subject: x\n\nend\n\n' >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case ends_in_blank_line
ends_in_blank_line_head()
{
	atf_set descr "Blank lines at a message's end are the message's own"
}
ends_in_blank_line_body()
{
	plain
	printf 'Subject: x\n\nend\n\n\n' >letter
	printf 'Subject: x\n\nend\n\n\n\n' >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case nul_bytes
nul_bytes_head()
{
	atf_set descr "A line with NUL bytes keeps its rest"
}
nul_bytes_body()
{
	plain
	printf 'a\0b\n\0\n\n\0From x\n\nFrom \0y\nend\0' >letter
	printf 'a\0b\n\0\n\n\0From x\n\n>From \0y\nend\0\n\n' >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case all_bytes
all_bytes_head()
{
	atf_set descr "All 256 bytes come out as they went in"
}
all_bytes_body()
{
	plain
	awk 'BEGIN { for (i = 0; i < 256; i++)
		printf "printf \"\\\\%03o\"\n", i }' >bytes.sh
	sh bytes.sh >letter
	atf_check -o inline:"256\n" -x "wc -c <letter | tr -d ' '"
	{ cat letter; printf '\n\n'; } >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case crlf
crlf_head()
{
	atf_set descr "CRLF line ends stay, a lone CR too"
}
crlf_body()
{
	plain
	printf 'Subject: x\r\n\r\nline\r\nlone\rend\r' >letter
	printf 'Subject: x\r\n\r\nline\r\nlone\rend\r\n\n' >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case crlf_blank_line
crlf_blank_line_head()
{
	atf_set descr "A line of one CR looks blank to a reader: 'From '" \
	    "after it gets '>'"
}
crlf_blank_line_body()
{
	plain
	printf 'a\r\n\r\nFrom b\r\nFrom c\r\n\r\rFrom d\n' >letter
	printf 'a\r\n\r\n>From b\r\nFrom c\r\n\r\rFrom d\n\n' >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case empty
empty_head()
{
	atf_set descr "An empty message is a From_ line and a blank line"
}
empty_body()
{
	plain
	echo >expected
	atf_check ${ml} "${me}" </dev/null
	delivered
}

atf_test_case one_newline
one_newline_head()
{
	atf_set descr "A message of one newline"
}
one_newline_body()
{
	plain
	printf '\n\n' >expected
	echo >letter
	atf_check ${ml} "${me}" <letter
	delivered
}

atf_test_case into_empty_mailbox
into_empty_mailbox_head()
{
	atf_set descr "A mailbox of no bytes needs no mending"
}
into_empty_mailbox_body()
{
	plain
	: >"${box}"
	letter x >letter
	{ cat letter; echo; } >expected
	atf_check ${ml} "${me}" <letter
	delivered
}

# mended tail lines: after that tail, a message is preceded by those lines.
mended()
{
	printf "$1" >"${box}"
	letter after >letter
	{ printf "$1$2"; echo 'From s DATE'; cat letter; echo; } >expected
	atf_check ${ml} -f s "${me}" <letter
	same expected "${box}"
	only "${me}"
}

atf_test_case torn_tail
torn_tail_head()
{
	atf_set descr "A mailbox cut off in a line gets that line ended, and" \
	    "a blank line"
}
torn_tail_body()
{
	plain
	mended 'From x Thu Jan  1 00:00:00 1998\nSubject: to' '\n\n'
	mended 'From x' '\n\n'
	mended 'a' '\n\n'
	mended 'x\n\nFrom nul \0' '\n\n'
}

atf_test_case tail_without_blank_line
tail_without_blank_line_head()
{
	atf_set descr "A mailbox that ends in a line gets a blank one"
}
tail_without_blank_line_body()
{
	plain
	mended 'From x Thu Jan  1 00:00:00 1998\nSubject: x\n' '\n'
}

atf_test_case tail_whole
tail_whole_head()
{
	atf_set descr "A mailbox that ends in a blank line gets nothing"
}
tail_whole_body()
{
	plain
	mended 'From x Thu Jan  1 00:00:00 1998\n\nx\n\n' ''
	mended 'From x Thu Jan  1 00:00:00 1998\n\nx\n\n\n\n' ''
}

atf_test_case tail_made_by_peers
tail_made_by_peers_head()
{
	atf_set descr "What follows a mended tail parses as messages"
	atf_set require.progs python3
}
tail_made_by_peers_body()
{
	plain
	printf 'From x Thu Jan  1 00:00:00 1998\nSubject: to' >"${box}"
	letter a >letter
	atf_check ${ml} "${me}" <letter
	printf 'torn again' >>"${box}"
	atf_check ${ml} "${me}" <letter
	atf_check -o inline:"3 to a a\n" python3 -c '
import mailbox, sys
box = mailbox.mbox(sys.argv[1])
print(len(box), *(m["Subject"] for m in box))' "${box}"
}

atf_test_case options
options_head()
{
	atf_set descr "-d, -l and -- are accepted; -v tells each step"
}
options_body()
{
	plain
	letter x >letter
	atf_check ${ml} -d -l "${me}" <letter
	atf_check ${ml} -dl -f a -- "${me}" <letter
	atf_check ${ml} -r a "${me}" <letter
	atf_check -e save:steps ${ml} -v "${me}" <letter
	atf_check -o match:"lock" cat steps
	[ "$(wc -l <steps)" -ge 3 ] || atf_fail "-v told too little"
	atf_check -o inline:"4\n" grep -c '^Subject' "${box}"
}

atf_test_case usage
usage_head()
{
	atf_set descr "What cannot be understood is EX_USAGE, 64"
}
usage_body()
{
	plain
	letter x >letter
	for args in "" "-f a" "-f a -f b ${me}" "-f a -r b ${me}" \
	    "-r a -r b ${me}" "-Z ${me}" "-t ${me}" "-t x ${me}" \
	    "-t -5 ${me}" "-t 99999999999999999999 ${me}" "-f"; do
		atf_check -s exit:64 -e match:'^(usage|mail\.local): ' \
		    ${ml} ${args} <letter
	done
	atf_check ls -A spool
}

atf_test_case unknown_user
unknown_user_head()
{
	atf_set descr "A name that is nobody's is EX_NOUSER, 67"
}
unknown_user_body()
{
	plain
	long=$(awk 'BEGIN { for (i = 0; i < 300; i++) printf "u" }')
	letter x >letter
	mkdir out
	for name in no-such-user "../out/${me}" "${me}/../${me}" "/${me}" . .. \
	    .hidden "" " " "${me} " "$(printf 'a\nb')" \
	    "$(printf 'a\033[2Jb')" "${long}"; do
		atf_check -s exit:67 -e save:stderr ${ml} "${name}" <letter
		said
		atf_check -s exit:1 grep "$(printf '\033')" stderr
	done
	atf_check ls -A spool
	atf_check ls -A out
}

atf_test_case no_symbols
no_symbols_head()
{
	atf_set descr "The program has nothing that a module of the name" \
	    "service would take for the unwinder of its own library"
	atf_set require.progs nm
}
no_symbols_body()
{
	[ -r "${MAIL_LOCAL}" ] || atf_skip "cannot read ${MAIL_LOCAL}"
	atf_check -o save:symbols nm -D --defined-only "${MAIL_LOCAL}"
	atf_check -s exit:1 grep _Unwind symbols
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case format
	atf_add_test_case format_appended
	atf_add_test_case date_in_tz
	atf_add_test_case quote_after_blank
	atf_add_test_case quote_all
	atf_add_test_case quote_at_buffer_edges
	atf_add_test_case quote_across_reads
	atf_add_test_case line_of_2048_bytes
	atf_add_test_case no_final_newline
	atf_add_test_case ends_in_blank_line
	atf_add_test_case nul_bytes
	atf_add_test_case all_bytes
	atf_add_test_case crlf
	atf_add_test_case crlf_blank_line
	atf_add_test_case empty
	atf_add_test_case one_newline
	atf_add_test_case into_empty_mailbox
	atf_add_test_case torn_tail
	atf_add_test_case tail_without_blank_line
	atf_add_test_case tail_whole
	atf_add_test_case tail_made_by_peers
	atf_add_test_case options
	atf_add_test_case usage
	atf_add_test_case unknown_user
	atf_add_test_case no_symbols
}
