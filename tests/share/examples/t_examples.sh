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

# Every example of the manual pages, and every example file, does what is said
# of it.

: "${CC:=cc}"
: "${MAIL_LOCAL:=/usr/libexec/mail.local}"
: "${NFSLOCK_EXAMPLES:=/usr/share/examples/nfslock}"
: "${NFSLOCK_INC:=/usr/include}"
: "${NFSLOCK_LIB:=/usr/lib/libnfslock.a}"
: "${NFSLOCK_MAN:=/usr/share/man}"

# examples page: its EXAMPLES section, with mdoc's quoting undone.
examples()
{
	_page=${NFSLOCK_MAN}/man${1##*.}/$1
	[ -r "${_page}" ] || atf_skip "no source of $1 in ${NFSLOCK_MAN}"
	awk '/^\.Sh / { on = $2 == "EXAMPLES" } on' "${_page}" |
	    sed -e 's/\\e/\\/g' -e 's/\\&//g'
}

# display page number: one of the literal displays in its EXAMPLES.
display()
{
	examples "$1" | awk -v want="$2" '
		/^\.Bd -literal/ { on = ++seen == want; next }
		/^\.Ed/ { on = 0 }
		on'
}

# displays page: how many there are.
displays()
{
	examples "$1" | grep -c '^\.Bd -literal'
}

# compile name flag ...: a program of name.c, without a warning.
compile()
{
	_name=$1; shift
	atf_check ${CC} -Wall -Wextra -Wshadow -Wwrite-strings -Werror "$@" \
	    -I"${NFSLOCK_INC}" -o "${_name}" "${_name}.c" \
	    -L"${NFSLOCK_LIB%/*}" -lnfslock
}

# delivered sender file mailbox: it holds this message and no other.
delivered()
{
	atf_check -o match:"^From $1 [A-Z][a-z][a-z] .* [12][0-9]{3}\$" \
	    head -n 1 "$3"
	{ sed 's/^From />&/' "$2"; echo; } >expected
	tail -n +2 "$3" >found
	atf_check cmp expected found
}

atf_test_case nfslock_3
nfslock_3_head()
{
	atf_set descr "The programs in nfslock(3)"
	atf_set require.progs "${CC%% *}"
}
nfslock_3_body()
{
	atf_check_equal 2 "$(displays nfslock.3)"

	display nfslock.3 1 >append.c
	compile append -std=c99
	printf 'one\n' >one
	mkdir spool
	atf_check ./append spool/box <one
	atf_check ./append spool/box <one
	cat one one >expected
	atf_check cmp expected spool/box
	atf_check -o inline:"box\n" ls -A spool
	atf_check -s exit:75 -e match:'append: no/box: No such file' \
	    ./append no/box <one
	atf_check -s exit:64 -e ignore ./append

	# A pipe's worth and more, and what does not fit is taken back.
	yes 0123456789 | head -n 20000 >long
	atf_check ./append spool/box <long
	cat one one long >expected
	atf_check cmp expected spool/box
	cat long long long long >longer
	atf_check -s exit:75 -e match:'append: spool/box: File too large' -x \
	    "trap '' XFSZ; ulimit -f 450; ./append spool/box <longer"
	atf_check cmp expected spool/box

	# No other file is written, and none waited for.
	ln -s ../one spool/link
	mkfifo spool/fifo
	atf_check -s exit:75 -e match:'append: spool/link: ' \
	    ./append spool/link <one
	atf_check -s exit:75 -e match:'append: spool/fifo: ' \
	    ./append spool/fifo <one
	atf_check -o inline:"one\n" cat one
	atf_check -o inline:"box\nfifo\nlink\n" ls -A spool

	{
		echo '#include <stdio.h>'
		echo '#include <nfslock.h>'
		echo 'int main(void) {'
		display nfslock.3 2 | sed 's,/var/mail/fred,spool/box,'
		echo 'return 0; }'
	} >holder.c
	compile holder
	atf_check ./holder
	: >spool/box.lock
	said='held by some program on some host, last sign of life [0-9]+ s ago'
	atf_check -o match:"^${said}\$" ./holder
}

atf_test_case lockmbox
lockmbox_head()
{
	atf_set descr "lockmbox.c runs a command under the lock, and tells" \
	    "when the lock was lost"
	atf_set require.progs "${CC%% *}"
}
lockmbox_body()
{
	cp "${NFSLOCK_EXAMPLES}/lockmbox.c" .
	compile lockmbox -std=c99 -pedantic

	atf_check -s exit:64 -e match:'^usage: ' ./lockmbox box
	atf_check -o inline:"box.lock\n" ./lockmbox box ls box.lock
	atf_check -s exit:7 ./lockmbox box sh -c 'exit 7'
	atf_check -s exit:69 -e match:'lockmbox: ./no: ' ./lockmbox box ./no
	atf_check -s exit:75 -e match:'lockmbox: no/box: No such file' \
	    ./lockmbox no/box true
	atf_check test ! -e box.lock

	atf_check -s exit:75 -e match:'box: the lock is gone' \
	    ./lockmbox box rm -f box.lock
	atf_check -s exit:75 -e match:'box: the lock was stolen' \
	    ./lockmbox box sh -c 'rm -f box.lock; echo >box.lock'
	atf_check -o inline:"\n" cat box.lock

	# That lock is held, so it waits, until it is told to stop.
	./lockmbox box true 2>stderr &
	sleep 2
	kill -TERM $!
	wait $! && atf_fail "the command was run"
	atf_check -o match:'box: waiting for the lock was cancelled' \
	    -o match:'box: held, last sign of life [0-9]+ s ago' cat stderr
}

atf_test_case linkspool
linkspool_head()
{
	atf_set descr "linkspool.sh makes links, twice the same, and touches" \
	    "nothing that is not its own"
	atf_set require.progs "getent"
}
linkspool_body()
{
	linkspool="sh ${NFSLOCK_EXAMPLES}/linkspool.sh -d ${PWD}/mail"
	me=$(id -un)
	entry=$(getent passwd "${me}")
	home=${entry%:*} home=${home##*:} home=${home%/}
	[ -d "${home}/" ] || atf_skip "${me} has no home"
	mkdir mail

	# Dry, real, and again.
	said="${PWD}/mail/${me} -> ${home}/.mailspool/${me}\n"
	atf_check -o inline:"${said}" ${linkspool} -n "${me}"
	atf_check ls mail
	atf_check -o inline:"${said}" ${linkspool} "${me}"
	atf_check -o inline:"${home}/.mailspool/${me}\n" readlink "mail/${me}"
	atf_check ${linkspool} "${me}"
	atf_check ${linkspool} -n "${me}"

	# All users, of whom there may be none.
	atf_check -o ignore ${linkspool} -n
	atf_check ${linkspool} -u 99999999

	# Another name of the spool: the link is not the one that is wanted.
	atf_check -s exit:1 -e match:'another symbolic link' \
	    ${linkspool} -s spool "${me}"
	atf_check -o inline:"${home}/.mailspool/${me}\n" readlink "mail/${me}"

	# What stands there stays.
	rm "mail/${me}"
	echo mail >"mail/${me}"
	atf_check -s exit:1 -e match:'stands already' ${linkspool} "${me}"
	atf_check -o inline:"mail\n" cat "mail/${me}"
	rm "mail/${me}"
	mkdir "mail/${me}"
	atf_check -s exit:1 -e match:'stands already' ${linkspool} "${me}"
	atf_check ls "mail/${me}"
	rmdir "mail/${me}"
	ln -s /nonexistent "mail/${me}"
	atf_check -s exit:1 -e match:'another symbolic link' ${linkspool} "${me}"
	atf_check -o inline:"/nonexistent\n" readlink "mail/${me}"

	# One's own link to another home is renewed when that is asked for, and
	# nothing else is.
	rm "mail/${me}"
	ln -s "/nonexistent/.mailspool/${me}" "mail/${me}"
	atf_check -s exit:1 -e match:'-r renews it' ${linkspool} "${me}"
	atf_check -o inline:"${said}" ${linkspool} -n -r "${me}"
	atf_check -o inline:"/nonexistent/.mailspool/${me}\n" \
	    readlink "mail/${me}"
	atf_check -o inline:"${said}" ${linkspool} -r "${me}"
	atf_check -o inline:"${home}/.mailspool/${me}\n" readlink "mail/${me}"
	atf_check ${linkspool} -r "${me}"
	rm "mail/${me}"
	ln -s /nonexistent "mail/${me}"
	atf_check -s exit:1 -e match:'another symbolic link' ${linkspool} -r "${me}"
	atf_check -o inline:"/nonexistent\n" readlink "mail/${me}"

	# Whom there is no link for, and how it is not called.
	for user in -x ../x "${me}/.." nosuchuser; do
		atf_check -s exit:1 -e match:'no such user' \
		    ${linkspool} -- "${user}"
	done
	atf_check -s exit:1 -e match:'no such directory' \
	    ${linkspool} -d /nonexistent "${me}"
	for wrong in -x "-d mail" "-s ../x" "-s /x" "-u x"; do
		atf_check -s exit:2 -e match:'^usage: ' ${linkspool} ${wrong}
	done
	atf_check -o inline:"${me}\n" ls -A mail
}

atf_test_case foreign_link
foreign_link_head()
{
	atf_set descr "linkspool.sh refuses a right link that is another's," \
	    "who could turn it elsewhere"
	atf_set require.user root
	atf_set require.progs "getent"
}
foreign_link_body()
{
	entry=$(getent passwd root)
	home=${entry%:*} home=${home##*:}
	mkdir mail
	ln -s "${home%/}/.mailspool/root" mail/root
	chown -h 1 mail/root
	atf_check -s exit:1 -e match:'another symbolic link' \
	    sh "${NFSLOCK_EXAMPLES}/linkspool.sh" -d "${PWD}/mail" root
}

# try conf: does mail.local accept this configuration, but for a mailbox that
# is told on the command line?
try()
{
	rm -rf spool && mkdir spool
	atf_check ./mail.local -C "$1" -m "${PWD}/spool/%u" -f sender@example.org \
	    "$(id -un)" <letter
	delivered sender@example.org letter "spool/$(id -un)"
}

# Without its set-user-id bit mail.local takes any configuration.
try_setup()
{
	[ -x "${MAIL_LOCAL}" ] || atf_fail "no program at ${MAIL_LOCAL}"
	cp "${MAIL_LOCAL}" mail.local && chmod 755 mail.local
	printf 'Subject: x\n\nHello\n\nFrom here on\n' >letter
}

atf_test_case mail_local_conf
mail_local_conf_head()
{
	atf_set descr "mail.local.conf, as it is and with each of its lines," \
	    "is accepted, and has every keyword"
}
mail_local_conf_body()
{
	try_setup
	cat "${NFSLOCK_EXAMPLES}/mail.local.conf" >conf
	try conf
	# What is commented out begins right after the #.
	grep '^#[a-z]' conf | sed 's/^#//' >lines
	while read -r line; do
		echo "${line}" >one.conf
		try one.conf
	done <lines
	atf_check -o inline:"limit\nmailbox\nquota\nquote\nspool\nstale\ntrusted\n" \
	    -x "cut -f1 lines | sort -u"
}

atf_test_case mail_local_conf_5
mail_local_conf_5_head()
{
	atf_set descr "The configurations in mail.local.conf(5) are accepted"
}
mail_local_conf_5_body()
{
	try_setup
	n=$(displays mail.local.conf.5)
	atf_check_equal 3 "${n}"
	while [ "${n}" -gt 0 ]; do
		display mail.local.conf.5 "${n}" >conf
		atf_check -o not-empty cat conf
		try conf
		n=$((n - 1))
	done
	echo 'no such keyword' >conf
	atf_check -s exit:75 -e match:'conf:1: ' ./mail.local -C conf \
	    "$(id -un)" <letter
}

# A machine of its own, with users alice and maillocal, as the tests of
# mail.local make it: ./in COMMAND runs there as root, ./as USER COMMAND as a
# user, /mnt/mail.local is the program.
machine()
{
	. "$(atf_get_srcdir)/../../libexec/mail.local/h_common.sh"
	world
	echo 'maillocal:x:61050:61050::/nonexistent:/bin/false' >>etc/passwd
	echo 'maillocal:x:61050:' >>etc/group
	cp -R "${NFSLOCK_EXAMPLES}" examples
	printf 'Subject: x\n\nHello\n\nFrom here on\n' >letter
	atf_check ./in cp -R letter examples /mnt
	atf_check ./in cp examples/mail.local.conf /mnt
	atf_check ./in cp letter /mnt/message
}

# perform line: a line of an example, by whom its prompt tells.
perform()
{
	_command=$(echo "${1#? }" |
	    sed -e 's,/usr/share/examples/nfslock,/mnt/examples,g')
	_command="cd /mnt && PATH=/mnt:\${PATH} && ${_command}"
	case $1 in
	'# '*)	./in sh -c "${_command}" ;;
	'$ '*)	./as alice env HOME=/home/alice sh -c "${_command}" ;;
	*)	atf_fail "no prompt: $1" ;;
	esac
}

atf_test_case mail_local_8 cleanup
mail_local_8_head()
{
	atf_set descr "The commands in mail.local(8)"
	atf_set require.user root
	atf_set require.progs "unshare nsenter setpriv mount getent"
}
mail_local_8_body()
{
	machine
	examples mail.local.8 | sed -n 's/^\.Dl //p' >commands
	atf_check_equal 4 "$(wc -l <commands | tr -d ' ')"
	n=0
	while read -r line; do
		n=$((n + 1))
		rm -f mail/alice
		perform "${line}" <&- 2>stderr || {
			cat stderr
			atf_fail "exit $?: ${line}"
		}
		case ${n} in
		1)	delivered sender@example.org letter mail/alice
			atf_check cat stderr ;;
		2)	delivered alice letter mail/alice
			atf_check -o match:'^mail.local: alice: ' cat stderr ;;
		3)	delivered alice letter home/alice/Mail/lists
			atf_check cat stderr ;;
		4)	delivered root letter mail/alice
			atf_check -o match:'^mail.local: alice: ' cat stderr ;;
		esac
	done <commands

	atf_check_equal 1 "$(displays mail.local.8)"
	cp mail/alice before
	display mail.local.8 1 >commands
	while read -r line; do
		perform "${line}" <&- >stdout 2>stderr || {
			cat stderr
			atf_fail "exit $?: ${line}"
		}
	done <commands
	atf_check cmp before home/alice/.mailspool/alice
	atf_check -o inline:"/home/alice/.mailspool/alice\n" \
	    readlink mail/alice
	atf_check ./in /mnt/mail.local -f x alice <letter
	atf_check -o inline:"2\n" grep -c '^From ' \
	    home/alice/.mailspool/alice
}
mail_local_8_cleanup()
{
	. "$(atf_get_srcdir)/../../libexec/mail.local/h_common.sh"
	world_end
}

atf_test_case postfix cleanup
postfix_head()
{
	atf_set descr "What the lines for Postfix have it run delivers, with" \
	    "the sender's name"
	atf_set require.user root
	atf_set require.progs "unshare nsenter setpriv mount"
}
postfix_body()
{
	machine
	sed -n 's/^  *argv=//p' "${NFSLOCK_EXAMPLES}/postfix-master.cf" >argv
	atf_check -o match:'^[^ ]*/mail.local -f [^ ]+ -- [^ ]+$' cat argv
	user=$(sed -n 's/.* user=\([a-z]*\).*/\1/p' \
	    "${NFSLOCK_EXAMPLES}/postfix-master.cf")
	sender=$(sed -e 's,[^ ]*/mail.local,/mnt/mail.local,' \
	    -e 's/\${sender}/"$sender"/' -e 's/\${user}/alice/' argv)
	deliver="./as ${user} env sender=bob@example.org sh -c"

	# The page says that this line is needed.
	atf_check -e match:'not trusted' ${deliver} "${sender}" <letter
	delivered "${user}" letter mail/alice
	rm mail/alice
	grep '^#trusted' "${NFSLOCK_EXAMPLES}/mail.local.conf" |
	    sed 's/^#//' >etc/mail.local.conf
	atf_check ${deliver} "${sender}" <letter
	delivered bob@example.org letter mail/alice
}
postfix_cleanup()
{
	. "$(atf_get_srcdir)/../../libexec/mail.local/h_common.sh"
	world_end
}

atf_test_case postfix_syntax
postfix_syntax_head()
{
	atf_set descr "Postfix reads its lines without complaint"
	atf_set require.progs "postconf"
}
postfix_syntax_body()
{
	mkdir etc
	cp "${NFSLOCK_EXAMPLES}/postfix-main.cf" etc/main.cf
	cp "${NFSLOCK_EXAMPLES}/postfix-master.cf" etc/master.cf
	echo 'compatibility_level = 3' >>etc/main.cf
	atf_check -o match:'^mailbox_transport = maillocal$' \
	    -o match:'^maillocal_destination_recipient_limit = 1$' \
	    -o match:'^maillocal_time_limit = 1000s$' postconf -c etc -n
	atf_check -o match:'^maillocal  *unix .* pipe flags=DORXu ' \
	    -o match:'argv=[^ ]*mail.local -f \$\{sender\} -- \$\{user\}$' \
	    postconf -c etc -M maillocal/unix
}

atf_test_case sendmail cleanup
sendmail_head()
{
	atf_set descr "What the lines for sendmail have it run delivers"
	atf_set require.user root
	atf_set require.progs "unshare nsenter setpriv mount m4"
}
sendmail_body()
{
	machine
	{
		cat "${NFSLOCK_EXAMPLES}/sendmail.mc"
		echo 'LOCAL_MAILER_PATH|LOCAL_MAILER_ARGS|LOCAL_MAILER_FLAGS'
	} >mc
	atf_check -o save:made m4 mc
	grep '|' made >words
	IFS='|' read -r path args flags <words
	atf_check_equal /usr/libexec/mail.local "${path}"
	# Run by root, and for one recipient at a time.
	case ${flags} in
	*S*)	;;
	*)	atf_fail "no S in ${flags}" ;;
	esac
	case ${flags} in
	*m*)	atf_fail "m in ${flags}" ;;
	esac
	command=$(echo "${args}" | sed -e 's,^mail.local,/mnt/mail.local,' \
	    -e 's/\$g/bob@example.org/' -e 's/\$u/alice/')
	atf_check ./in ${command} <letter
	delivered bob@example.org letter mail/alice
}
sendmail_cleanup()
{
	. "$(atf_get_srcdir)/../../libexec/mail.local/h_common.sh"
	world_end
}

atf_init_test_cases()
{
	atf_add_test_case nfslock_3
	atf_add_test_case lockmbox
	atf_add_test_case linkspool
	atf_add_test_case foreign_link
	atf_add_test_case mail_local_conf
	atf_add_test_case mail_local_conf_5
	atf_add_test_case mail_local_8
	atf_add_test_case postfix
	atf_add_test_case postfix_syntax
	atf_add_test_case sendmail
}
