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


# Where mail goes: spools in homes, hashed ones, and a /var/mail of links.

spool_setup()
{
	world
	letter x >letter
	{ echo 'From s DATE'; cat letter; echo; } >expected
	conf=etc/mail.local.conf
}

# mine file mode: it is alice's, with that mode.
mine()
{
	is "$(owner_of "$1")" 61001
	is "$(group_of "$1")" 61001
	is "$(mode_of "$1")" "$2"
}

atf_test_case home_spool_made cleanup
home_spool_made_head()
{
	world_head "A missing ~/.mailspool is made, 0700, the recipient's"
}
home_spool_made_body()
{
	spool_setup
	echo 'mailbox %h/.mailspool/%u' >${conf}
	for umask in 0 022 0777; do
		for who in root mallory; do
			rm -rf home/alice/.mailspool
			(umask ${umask}
			    case ${who} in
			    root) exec ./in /mnt/mail.local alice;;
			    *) exec ./as ${who} /mnt/mail.local alice;;
			    esac) <letter || atf_fail "${umask} ${who}: $?"
			mine home/alice/.mailspool drwx------
			mine home/alice/.mailspool/alice -rw-------
			sed "1s/.*/From ${who} DATE/" expected >his
			same his home/alice/.mailspool/alice
			atf_check -o inline:"alice\n" ls -A home/alice/.mailspool
		done
	done
	atf_check ls -A mail
}
home_spool_made_cleanup()
{
	world_end
}

atf_test_case home_spool_kept cleanup
home_spool_kept_head()
{
	world_head "One that is there keeps its mode"
}
home_spool_kept_body()
{
	spool_setup
	echo 'mailbox %h/.mailspool/%u' >${conf}
	mkdir -m 751 home/alice/.mailspool
	chown 61001:61001 home/alice/.mailspool
	atf_check ./in /mnt/mail.local -f s alice <letter
	mine home/alice/.mailspool drwxr-x--x
	same expected home/alice/.mailspool/alice
}
home_spool_kept_cleanup()
{
	world_end
}

atf_test_case only_last_directory_made cleanup
only_last_directory_made_head()
{
	world_head "Only the last directory is made, only in the home: else 75"
}
only_last_directory_made_body()
{
	spool_setup
	for template in %h/a/b/%u /var/mail/sub/%u /home/bob/sub/%u; do
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local -m ${template} alice <letter
		said alice
	done
	atf_check ls -A home/alice
	atf_check ls -A home/bob
	atf_check ls -A mail
	atf_check ./in /mnt/mail.local -f s -m %h/mbox alice <letter
	same expected home/alice/mbox
	mine home/alice/mbox -rw-------
}
only_last_directory_made_cleanup()
{
	world_end
}

atf_test_case home_spool_leads_away cleanup
home_spool_leads_away_head()
{
	world_head "A ~/.mailspool that leads into root's directory gains" \
	    "nobody anything"
}
home_spool_leads_away_body()
{
	spool_setup
	mkdir -m 755 home/secret
	echo precious >home/secret/alice
	chmod 600 home/secret/alice
	ln -s /home/secret home/alice/.mailspool
	ln -s /home/secret home/bob/.mailspool
	ln -s /home/nowhere home/mallory/.mailspool
	echo 'mailbox %h/.mailspool/%u' >${conf}
	for user in alice bob mallory; do
		./in /mnt/mail.local ${user} <letter 2>stderr
		status=$?
		[ ${status} -eq 73 ] || is ${status} 75
		said ${user}
	done
	atf_check -o inline:"precious\n" cat home/secret/alice
	atf_check -o inline:"alice\n" ls -A home/secret
	atf_check -s exit:1 test -e home/nowhere
}
home_spool_leads_away_cleanup()
{
	world_end
}

atf_test_case hashed cleanup
hashed_head()
{
	world_head "%1 and %2 are the name's first and second character, %%" \
	    "is a percent sign"
}
hashed_body()
{
	spool_setup
	for dir in mail/a mail/a/l mail/x mail/x/x "mail/100%"; do
		mkdir "${dir}"
		chmod 1777 "${dir}"
	done
	echo 'mailbox /var/mail/%1/%2/%u' >${conf}
	atf_check ./in /mnt/mail.local -f s alice x <letter
	same expected mail/a/l/alice
	same expected mail/x/x/x
	atf_check ./in /mnt/mail.local -f s -m /var/mail/100%%/%u. alice <letter
	same expected mail/100%/alice.
	mine mail/a/l/alice -rw-------
}
hashed_cleanup()
{
	world_end
}

atf_test_case later_wins cleanup
later_wins_head()
{
	world_head "The compiled default, then the configuration, then -m"
}
later_wins_body()
{
	spool_setup
	atf_check ./in /mnt/mail.local -f s alice <letter
	same expected mail/alice
	rm mail/alice
	echo 'mailbox %h/one' >${conf}
	atf_check ./in /mnt/mail.local -f s alice <letter
	same expected home/alice/one
	atf_check ./in /mnt/mail.local -f s -m %h/two alice <letter
	same expected home/alice/two
	same expected home/alice/one
	atf_check ls -A mail
}
later_wins_cleanup()
{
	world_end
}

# linked target: /var/mail/alice is a link to it, mail goes to the home.
linked()
{
	spool_setup
	echo 'mailbox %h/.mailspool/%u' >${conf}
	mkdir -m 700 home/alice/.mailspool
	chown 61001:61001 home/alice/.mailspool
	ln -s "$1" mail/alice
	chown -h 61001:61001 mail/alice
	inbox=home/alice/.mailspool/alice
}

# both_locks: a delivery takes the lock beside the link, then the one beside
# the file, before it writes, and leaves neither.
both_locks()
{
	atf_check ./in strace -y -o "${here}/trace" \
	    /mnt/mail.local -f s alice <letter
	awk '/ = -1 / { next }
	    /^(link|linkat|openat|open)\(/ && /alice\.lock"[^"]*$/ &&
	    (/^link/ || /O_EXCL/) {
		print (/\/home\/|mailspool/ ? "home" : "mail") }
	    /^p?write(v|64)?\([0-9]+<[^>]*\/alice>/ { print "write"; exit }' \
	    trace | uniq >order
	atf_check -o inline:"mail\nhome\nwrite\n" cat order
	only alice
	[ -h mail/alice ] || atf_fail "the link is gone"
	atf_check -o inline:"alice\n" ls -A home/alice/.mailspool
}

atf_test_case linked_mailbox cleanup
linked_mailbox_head()
{
	also=strace
	world_head "An entry of /var/mail that leads to the mailbox: both" \
	    "dotlocks, the link's first"
}
linked_mailbox_body()
{
	linked /home/alice/.mailspool/alice
	: >${inbox}
	chown 61001:61001 ${inbox}
	both_locks
	same expected ${inbox}
	rm mail/alice
	ln -s ../../home/alice/.mailspool/alice mail/alice
	both_locks
}
linked_mailbox_cleanup()
{
	world_end
}

atf_test_case linked_mailbox_new cleanup
linked_mailbox_new_head()
{
	also=strace
	world_head "The same when the mailbox is not there yet"
}
linked_mailbox_new_body()
{
	linked /home/alice/.mailspool/alice
	both_locks
	same expected ${inbox}
}
linked_mailbox_new_cleanup()
{
	world_end
}

atf_test_case linked_mailbox_locked cleanup
linked_mailbox_locked_head()
{
	world_head "Either of the two locks keeps the delivery out, and the" \
	    "other is not left"
}
linked_mailbox_locked_body()
{
	linked /home/alice/.mailspool/alice
	: >${inbox}
	chown 61001:61001 ${inbox}
	for owner in 61001 0; do
		chown -h ${owner} mail/alice
		for lock in mail/alice.lock ${inbox}.lock; do
			echo "another's" >${lock}
			atf_check -s exit:75 -e save:stderr \
			    ./in /mnt/mail.local -t 2 alice <letter
			said alice lock
			atf_check -o inline:"another's\n" cat ${lock}
			rm ${lock}
			only alice
			atf_check -o inline:"alice\n" \
			    ls -A home/alice/.mailspool
		done
	done
	! [ -s ${inbox} ] || atf_fail "something was written"
}
linked_mailbox_locked_cleanup()
{
	world_end
}

atf_test_case link_of_a_stranger cleanup
link_of_a_stranger_head()
{
	world_head "A link to the mailbox that another user made is of no" \
	    "concern: he could keep a lock beside it for ever"
}
link_of_a_stranger_body()
{
	linked /home/alice/.mailspool/alice
	chown -h 61003:61003 mail/alice
	: >mail/alice.lock
	chown 61003:61003 mail/alice.lock
	atf_check timeout 20 ./in /mnt/mail.local -f s -t 3 alice <letter
	same expected ${inbox}
	only alice alice.lock
}
link_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case link_in_closed_spool cleanup
link_in_closed_spool_head()
{
	also=strace
	world_head "Where the recipient may not look into the spool, the" \
	    "lock beside the link is taken all the same"
}
link_in_closed_spool_body()
{
	linked /home/alice/.mailspool/alice
	chown -h 0:0 mail/alice
	chown 0:8 mail
	for mode in u=rwx,g=rwxs,o=-t u=rwx,g=,o=; do
		chmod a=,g-s,-t mail
		chmod ${mode} mail
		: >mail/alice.lock
		atf_check -s exit:75 -e save:stderr \
		    ./as mallory /mnt/mail.local -t 2 alice <letter
		said alice lock
		rm mail/alice.lock
		both_locks
		same expected ${inbox}
		rm ${inbox}
	done
}
link_in_closed_spool_cleanup()
{
	world_end
}

atf_test_case link_unreadable cleanup
link_unreadable_head()
{
	also=strace
	world_head "Where it cannot be told whether there is a link: 75"
}
link_unreadable_body()
{
	linked /home/alice/.mailspool/alice
	atf_check -s exit:75 -e save:stderr ./in strace -o "${here}/trace" \
	    -e inject=readlink,readlinkat:error=EIO \
	    /mnt/mail.local alice <letter
	atf_check -o ignore grep 'readlink.*alice.*INJECTED' trace
	said alice
	! [ -s ${inbox} ] || atf_fail "something was written"
	rm mail/alice
	rmdir mail/sub 2>/dev/null
	# No spool at all, or no entry in it, is no link.
	echo 'spool /var/mail/sub/%u' >>${conf}
	atf_check ./in /mnt/mail.local -f s alice <letter
	same expected ${inbox}
}
link_unreadable_cleanup()
{
	world_end
}

atf_test_case same_directory_twice cleanup
same_directory_twice_head()
{
	world_head "A spool and a mailbox that are the same by two paths" \
	    "have one lock, which is not waited for by its holder"
}
same_directory_twice_body()
{
	spool_setup
	atf_check ./in ln -s /var/mail /mnt/spool
	echo 'mailbox /mnt/spool/%u' >${conf}
	ln -s /mnt/spool/alice mail/alice
	chown -h 61001:61001 mail/alice
	atf_check -s exit:75 -e save:stderr \
	    timeout 20 ./in /mnt/mail.local -t 5 alice <letter
	said alice 'symbolic link'
	only alice
	rm mail/alice
	atf_check ./in /mnt/mail.local -f s alice <letter
	same expected mail/alice
}
same_directory_twice_cleanup()
{
	world_end
}

atf_test_case link_to_elsewhere cleanup
link_to_elsewhere_head()
{
	world_head "A link that leads to another file is of no concern"
}
link_to_elsewhere_body()
{
	linked /home/bob/other
	echo precious >home/bob/other
	chown 61002:61002 home/bob/other
	: >mail/alice.lock
	atf_check ./in /mnt/mail.local -f s -t 3 alice <letter
	same expected ${inbox}
	atf_check -o inline:"precious\n" cat home/bob/other
}
link_to_elsewhere_cleanup()
{
	world_end
}

atf_test_case link_refused cleanup
link_refused_head()
{
	world_head "A link that is itself the mailbox is refused"
}
link_refused_body()
{
	linked /home/alice/.mailspool/alice
	: >${conf}
	: >${inbox}
	chown 61001:61001 ${inbox}
	for spool in sticky:75 root:73; do
		spool_${spool%:*}
		atf_check -s exit:${spool#*:} -e save:stderr \
		    ./in /mnt/mail.local alice <letter
		said alice
		! [ -s ${inbox} ] || atf_fail "it was followed"
		only alice
	done
}
link_refused_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case home_spool_made
	atf_add_test_case home_spool_kept
	atf_add_test_case only_last_directory_made
	atf_add_test_case home_spool_leads_away
	atf_add_test_case hashed
	atf_add_test_case later_wins
	atf_add_test_case linked_mailbox
	atf_add_test_case linked_mailbox_new
	atf_add_test_case linked_mailbox_locked
	atf_add_test_case link_of_a_stranger
	atf_add_test_case link_in_closed_spool
	atf_add_test_case link_unreadable
	atf_add_test_case same_directory_twice
	atf_add_test_case link_to_elsewhere
	atf_add_test_case link_refused
}
