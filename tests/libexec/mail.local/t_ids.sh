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


# Whose rights a delivery has, whose word it takes, and what a set-user-id
# program owes.

ids_setup()
{
	world
	letter x >letter
}

# from sender user: the user's mailbox holds the letter, from that sender.
from()
{
	{ echo "From $1 DATE"; cat letter; echo; } >expected
	same expected "mail/$2"
}

# fresh: the spool as it was.
fresh()
{
	rm -rf mail/*
}

#
# The recipient's rights
#

# in_force caller ...: the ids while the caller's delivery to alice is stopped
# between dotlock and write, in the files uid, gid (effective, file system's)
# and groups; the dotlock's owner is in ${lock_owner}.
in_force()
{
	world_seed alice
	rm -f go held
	kernel_hold flock mail/alice
	"$@" /mnt/mail.local alice <letter &
	delivery=$!
	until_true 20 status_under_the_lock
	awk '/^Uid:/ { print $3, $5 >"uid" } /^Gid:/ { print $3, $5 >"gid" }
	    /^Groups:/ { $1 = ""; print >"groups" }' status
	touch go
	finish ${delivery}
	is ${status} 0
	wait ${holder}
}

# children pid: the processes that it has begun and that run.
children()
{
	cat "/proc/$1/task/$1/children"
}

# status_under_the_lock: it was held before and after the look at the process,
# which is not the one that a plain user called.
status_under_the_lock()
{
	inode=$(inode_of mail/alice.lock)
	pid=$(children ${delivery})
	pid=${pid:-${delivery}}
	lock_owner=$(owner_of mail/alice.lock)
	sleep 0.02
	cat "/proc/${pid}/status" >status
	sleep 0.02
	[ -n "${inode}" ] && [ "$(inode_of mail/alice.lock)" = "${inode}" ]
}

# no_group gid ...: none of them was in force.
no_group()
{
	for gid; do
		atf_check -s exit:1 grep -w "${gid}" groups
	done
}

atf_test_case sticky_spool cleanup
sticky_spool_head()
{
	world_head "In a spool that is 1777 everything is done as the" \
	    "recipient: uid, gid and groups (CERT 1995; CVE-2010-0301;" \
	    "sendmail's works as root)"
}
sticky_spool_body()
{
	ids_setup
	cat >caller <<EOF
#!/bin/sh
exec ./in setpriv --groups 0,8,61003 "\$@"
EOF
	chmod +x caller
	for caller in ./in ./caller "./as mallory"; do
		in_force ${caller}
		is "$(cat uid)" "61001 61001"
		is "$(cat gid)" "61001 61001"
		no_group 0 8 61003
		is ${lock_owner} 61001
		is "$(owner_of mail/alice)" 61001
		fresh
	done
}
sticky_spool_cleanup()
{
	world_end
}

atf_test_case group_spool cleanup
group_spool_head()
{
	world_head "In a spool that is 2775 root:mail everything is done as the" \
	    "recipient, with the directory's group alone beside his own"
}
group_spool_body()
{
	ids_setup
	spool_group
	for caller in ./in "./as mallory"; do
		in_force ${caller}
		is "$(cat uid)" "61001 61001"
		no_group 0 61003
		atf_check -o ignore grep -w 8 gid groups
		is ${lock_owner} 61001
		fresh
	done
}
group_spool_cleanup()
{
	world_end
}

atf_test_case new_mailbox cleanup
new_mailbox_head()
{
	world_head "A new mailbox is the recipient's, 0600, in each kind of" \
	    "spool, whoever calls"
}
new_mailbox_body()
{
	ids_setup
	for spool in sticky group member root; do
		spool_${spool}
		case ${spool} in group) group=8;; *) group=61001;; esac
		for umask in 0 022 077 0777; do
			for caller in ./in "./as mallory" "./as alice"; do
				(umask ${umask}
				    exec ${caller} /mnt/mail.local alice \
				    <letter) || atf_fail "${spool} ${caller}"
				is "$(mode_of mail/alice)" -rw-------
				is "$(owner_of mail/alice)" 61001
				is "$(group_of mail/alice)" ${group}
				only alice
				fresh
			done
		done
	done
}
new_mailbox_cleanup()
{
	world_end
}

atf_test_case unfinished_mailbox cleanup
unfinished_mailbox_head()
{
	world_head "A mailbox without a mode, as a host leaves it that dies" \
	    "while it makes one by NFS, is finished; one with mail is not"
}
unfinished_mailbox_body()
{
	ids_setup
	for spool in sticky group root; do
		spool_${spool}
		for caller in ./in "./as mallory" "./as alice"; do
			: >mail/alice
			chown 61001:61001 mail/alice
			chmod 0 mail/alice
			atf_check ${caller} /mnt/mail.local alice <letter
			is "$(mode_of mail/alice)" -rw-------
			is "$(owner_of mail/alice)" 61001
			only alice
			chmod 0 mail/alice
			cp -p mail/alice before
			atf_check -s exit:75 -e match:"Permission denied" \
			    ${caller} /mnt/mail.local -t 0 alice <letter
			is "$(mode_of mail/alice)" ----------
			same before mail/alice
			fresh
		done
	done
	# Root's, which was not given away either.
	: >mail/alice
	chmod 0 mail/alice
	atf_check ./in /mnt/mail.local alice <letter
	is "$(mode_of mail/alice)" -rw-------
	is "$(owner_of mail/alice)" 61001
}
unfinished_mailbox_cleanup()
{
	world_end
}

atf_test_case old_mailbox cleanup
old_mailbox_head()
{
	world_head "An old mailbox keeps mode and group, in each kind of spool"
}
old_mailbox_body()
{
	ids_setup
	for spool in sticky group root; do
		spool_${spool}
		for caller in ./in "./as mallory" "./as alice"; do
			world_seed alice
			chgrp 8 mail/alice
			chmod 660 mail/alice
			atf_check ${caller} /mnt/mail.local alice <letter
			is "$(mode_of mail/alice)" -rw-rw----
			is "$(owner_of mail/alice)" 61001
			is "$(group_of mail/alice)" 8
			only alice
			fresh
		done
	done
}
old_mailbox_cleanup()
{
	world_end
}

atf_test_case root_mailbox cleanup
root_mailbox_head()
{
	world_head "root gets mail as anybody does"
}
root_mailbox_body()
{
	ids_setup
	for spool in sticky group root; do
		spool_${spool}
		atf_check ./as mallory /mnt/mail.local root <letter
		from mallory root
		is "$(owner_of mail/root)" 0
		is "$(mode_of mail/root)" -rw-------
		fresh
	done
}
root_mailbox_cleanup()
{
	world_end
}

atf_test_case symlink_race cleanup
symlink_race_head()
{
	world_head "A mailbox swapped for a link to root's file all the while:" \
	    "that file stays as it is (CVE-2016-6253)"
}
symlink_race_body()
{
	ids_setup
	mkdir -m 755 home/secret
	echo precious >home/secret/file
	: >home/go-on
	./as mallory sh -c 'while [ -e /home/go-on ]; do
		ln -s /home/secret/file /var/mail/alice
		rm -f /var/mail/alice
		ln -s /home/secret/new /var/mail/alice
		rm -f /var/mail/alice
	done' 2>/dev/null &
	racer=$!
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		./in /mnt/mail.local -t 2 alice <letter 2>/dev/null
		echo "$? " >>statuses
	done
	rm home/go-on
	wait ${racer}
	sort statuses | uniq -c
	atf_check -o inline:"precious\n" cat home/secret/file
	atf_check -o inline:"file\n" ls -A home/secret
	is "$(owner_of home/secret/file)" 0
	atf_check -s exit:1 grep -Evw '0|75' statuses
}
symlink_race_cleanup()
{
	: >home/go-on && rm -f home/go-on
	world_end
}

atf_test_case lock_is_symlink cleanup
lock_is_symlink_head()
{
	world_head "A link in the dotlock's place is not followed"
}
lock_is_symlink_body()
{
	ids_setup
	mkdir -m 755 home/secret
	for spool in sticky group root; do
		spool_${spool}
		ln -s /home/secret/file mail/alice.lock
		./in /mnt/mail.local -t 2 alice <letter 2>stderr
		is $? 75
		said alice
		atf_check ls -A home/secret
		fresh
	done
}
lock_is_symlink_cleanup()
{
	world_end
}

#
# Whose word is taken
#

atf_test_case sender_of_a_stranger cleanup
sender_of_a_stranger_head()
{
	world_head "What another user says by -f is not believed: From_ is his" \
	    "login name (mail.local up to 8.9.1 forged for anyone)"
}
sender_of_a_stranger_body()
{
	ids_setup
	for option in -f -r; do
		atf_check -e ignore \
		    ./as mallory /mnt/mail.local ${option} boss@example.net alice \
		    <letter
		from mallory alice
		fresh
	done
	atf_check -e ignore ./as mallory /mnt/mail.local -f boss mallory alice \
	    <letter
	from mallory alice
	fresh
	# Not even with the name in the environment.
	atf_check -e ignore ./as mallory env USER=boss LOGNAME=boss \
	    /mnt/mail.local alice <letter
	from mallory alice
}
sender_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case sender_to_oneself cleanup
sender_to_oneself_head()
{
	world_head "Who delivers to himself may say -f"
}
sender_to_oneself_body()
{
	ids_setup
	atf_check ./as alice /mnt/mail.local -f boss@example.net -- alice <letter
	from boss@example.net alice
}
sender_to_oneself_cleanup()
{
	world_end
}

atf_test_case sender_of_the_trusted cleanup
sender_of_the_trusted_head()
{
	world_head "root and those whom mail.local.conf trusts may say -f"
}
sender_of_the_trusted_body()
{
	ids_setup
	atf_check ./in /mnt/mail.local -f a@example.net alice <letter
	from a@example.net alice
	fresh
	for conf in 'trusted mta' 'trusted bob mta' 'trusted bob
trusted mta' 'trusted nosuch mta'; do
		echo "${conf}" >etc/mail.local.conf
		atf_check ./as mta /mnt/mail.local -f b@example.net alice x \
		    <letter
		from b@example.net alice
		from b@example.net x
		is "$(owner_of mail/x)" 61005
		fresh
		atf_check -e ignore \
		    ./as mallory /mnt/mail.local -f b@example.net alice <letter
		from mallory alice
		fresh
	done
}
sender_of_the_trusted_cleanup()
{
	world_end
}

atf_test_case steps_of_a_stranger cleanup
steps_of_a_stranger_head()
{
	world_head "-v is for who may know: root, the trusted, and who" \
	    "delivers to himself alone; it tells how large a mailbox is"
}
steps_of_a_stranger_body()
{
	ids_setup
	echo 'trusted mta' >etc/mail.local.conf
	world_seed alice
	size=$(wc -c <seed | tr -d ' ')
	for users in alice "mallory alice" "alice mallory"; do
		atf_check ./as mallory /mnt/mail.local -v ${users} <letter
		cp seed mail/alice
	done
	for caller in ./in "./as mta" "./as alice"; do
		atf_check -e save:stderr ${caller} /mnt/mail.local -v alice \
		    <letter
		atf_check -o ignore grep "offset ${size}\$" stderr
		cp seed mail/alice
	done
}
steps_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case limit_of_a_stranger cleanup
limit_of_a_stranger_head()
{
	world_head "A stranger's -t may shorten the wait, not lengthen it;" \
	    "that of root and the trusted may do both"
}
limit_of_a_stranger_body()
{
	ids_setup
	printf 'limit 3\ntrusted mta\n' >etc/mail.local.conf
	: >mail/alice.lock
	# took least most caller ...: a delivery waits between that many seconds.
	took()
	{
		least=$1 most=$2; shift 2
		begin=$(date +%s)
		timeout 20 "$@" alice <letter
		is $? 75
		took=$(($(date +%s) - begin))
		[ ${took} -ge ${least} ] && [ ${took} -le ${most} ] ||
		    atf_fail "$*: ${took} s"
	}
	took 0 2 ./as mallory /mnt/mail.local -t 0
	took 2 5 ./as mallory /mnt/mail.local -t 60 &
	pids=$!
	took 5 8 ./in /mnt/mail.local -t 6 &
	pids="${pids} $!"
	took 5 8 ./as mta /mnt/mail.local -t 6 &
	pids="${pids} $!"
	for pid in ${pids}; do
		wait ${pid} || atf_fail "the wait is wrong"
	done
}
limit_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case template_of_a_stranger cleanup
template_of_a_stranger_head()
{
	world_head "Who is not root may say -m for himself alone: else 75"
}
template_of_a_stranger_body()
{
	ids_setup
	for users in alice "mallory alice" "alice mallory" root; do
		atf_check -s exit:75 -e save:stderr ./as mallory \
		    /mnt/mail.local -m /home/mallory/%u ${users} <letter
		atf_check -o match:'^mail\.local: ' cat stderr
	done
	atf_check ls -A home/mallory
	atf_check ls -A mail
	atf_check ./as mallory /mnt/mail.local -m /home/mallory/box mallory \
	    <letter
	{ echo 'From mallory DATE'; cat letter; echo; } >expected
	same expected home/mallory/box
	is "$(owner_of home/mallory/box)" 61003
}
template_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case template_gains_nothing cleanup
template_gains_nothing_head()
{
	world_head "With -m the privileges are given up for good"
}
template_gains_nothing_body()
{
	ids_setup
	mkdir -m 755 home/secret
	echo precious >home/secret/mallory
	chmod 600 home/secret/mallory
	chown 61003 home/secret/mallory
	ln -s /home/secret/new home/mallory/link
	for template in /home/secret/%u /home/secret/new /etc/new \
	    /home/mallory/link /home/alice/new /dev/null \
	    /home/mallory/../secret/new /home/alice/new/%u /proc/self/mem; do
		./as mallory /mnt/mail.local -m ${template} -t 3 mallory \
		    <letter 2>stderr
		status=$?
		[ ${status} -eq 73 ] || is "${template} ${status}" \
		    "${template} 75"
		said mallory
	done
	atf_check -o inline:"mallory\n" ls -A home/secret
	atf_check -o inline:"precious\n" cat home/secret/mallory
	atf_check -s exit:1 test -e etc/new
	atf_check ls -A home/alice

	: >home/mallory/box
	chown 61003:61003 home/mallory/box
	kernel_hold flock home/mallory/box
	./as mallory /mnt/mail.local -m /home/mallory/box mallory <letter &
	delivery=$!
	until_true 10 test -e home/mallory/box.lock
	sleep 0.3
	atf_check -o match:'^Uid:.61003.61003.61003.61003$' \
	    -o match:'^Gid:.61003.61003.61003.61003$' \
	    cat /proc/${delivery}/status
	touch go
	finish ${delivery}
	is ${status} 0
}
template_gains_nothing_cleanup()
{
	world_end
}

atf_test_case configuration_of_a_stranger cleanup
configuration_of_a_stranger_head()
{
	world_head "With privileges that are not the caller's own, -C is 75"
}
configuration_of_a_stranger_body()
{
	ids_setup
	echo 'trusted mallory' >home/mallory/conf
	chown 61003 home/mallory/conf
	for user in alice mallory; do
		atf_check -s exit:75 -e save:stderr ./as mallory \
		    /mnt/mail.local -C /home/mallory/conf -f boss ${user} <letter
		atf_check -o match:'^mail\.local: ' cat stderr
	done
	atf_check ls -A mail
	# root's own rights are his own.
	echo 'mailbox /var/mail/%u.c' >conf
	atf_check ./in /mnt/mail.local -C "${here}/conf" alice <letter
	only alice.c
}
configuration_of_a_stranger_cleanup()
{
	world_end
}

atf_test_case names cleanup
names_head()
{
	world_head "A name that is no file name is 67, even where it is a user's"
}
names_body()
{
	ids_setup
	mkdir mail/sub
	chmod 1777 mail/sub
	for name in sub/evil ../evil . .. /evil sub/; do
		echo "${name}:x:61003:61003::/home/mallory:/bin/sh" \
		    >>etc/passwd
		atf_check -s exit:67 -e save:stderr \
		    ./in /mnt/mail.local "${name}" <letter
		said
	done
	printf 'ev\033il:x:61003:61003::/home/mallory:/bin/sh\n' >>etc/passwd
	atf_check -s exit:67 -e save:stderr \
	    ./in /mnt/mail.local "$(printf 'ev\033il')" <letter
	atf_check -s exit:1 grep "$(printf '\033')" stderr
	only sub
	atf_check ls -A mail/sub
}
names_cleanup()
{
	world_end
}

atf_test_case name_not_utf8 cleanup
name_not_utf8_head()
{
	world_head "A user's name may be of any bytes that a file's may be of"
}
name_not_utf8_body()
{
	ids_setup
	for name in "$(printf 'caf\351')" "$(printf 'caf\303\251')"; do
		echo "${name}:x:61003:61003::/home/mallory:/bin/sh" \
		    >>etc/passwd
		atf_check ./in /mnt/mail.local -f s "${name}" <letter
		from s "${name}"
		only "${name}"
		fresh
	done
}
name_not_utf8_cleanup()
{
	world_end
}

atf_test_case lock_named_user cleanup
lock_named_user_head()
{
	world_head "A user whose mailbox another's dotlock would be gets no" \
	    "mail, which would not stay: 75"
}
lock_named_user_body()
{
	ids_setup
	echo 'bob.lock:x:61003:61003::/home/mallory:/bin/sh' >>etc/passwd
	for spool in sticky group root; do
		spool_${spool}
		atf_check -s exit:75 -e save:stderr \
		    ./in /mnt/mail.local bob.lock <letter
		said 'bob\.lock'
		only
		atf_check ./in /mnt/mail.local -f s bob <letter
		from s bob
		fresh
	done
	atf_check ./in /mnt/mail.local -f s -m /var/mail/%u.mbox bob.lock \
	    <letter
	from s bob.lock.mbox
}
lock_named_user_cleanup()
{
	world_end
}

#
# What a set-user-id program owes
#

# as_stranger command ...: run by mallory, with the letter on stdin if the
# command does not say otherwise.
as_stranger()
{
	atf_check -e ignore ./as mallory sh -c "$*" <letter
	from mallory alice
	only alice
	fresh
}

atf_test_case descriptors cleanup
descriptors_head()
{
	world_head "Closed descriptors 0 to 2 lend their number to no file"
}
descriptors_body()
{
	ids_setup
	as_stranger 'exec /mnt/mail.local alice >&- 2>&-'
	as_stranger 'exec /mnt/mail.local -v -f boss alice >&- 2>&-'
	as_stranger 'exec /mnt/mail.local -v -f boss alice 2>&-'
	# A complaint after the delivery, with nowhere to go.
	atf_check -s exit:67 ./as mallory sh -c \
	    'exec /mnt/mail.local -v alice nosuch >&- 2>&-' <letter
	from mallory alice
	world_seed alice
	for closed in '<&-' '<&- >&-' '<&- >&- 2>&-' '<&- 2>&-'; do
		for caller in "./as mallory" ./in; do
			atf_check -s exit:75 -e ignore ${caller} sh -c \
			    "exec /mnt/mail.local -v alice ${closed}"
			untouched
		done
	done
	atf_check -s exit:75 -e save:stderr ./as mallory sh -c \
	    'exec /mnt/mail.local alice <&-'
	said
}
descriptors_cleanup()
{
	world_end
}

atf_test_case rlimits cleanup
rlimits_head()
{
	world_head "A caller's RLIMIT_FSIZE does not hinder, and other limits" \
	    "lose nothing"
}
rlimits_body()
{
	ids_setup
	awk 'BEGIN { for (n = 0; n < 40000; n++) print "line", n }' >letter
	as_stranger 'ulimit -S -f 1; exec /mnt/mail.local alice'
	# In some containers not even root may raise a hard limit.
	if sh -c 'ulimit -f 1; ulimit -f unlimited' 2>/dev/null; then
		as_stranger 'ulimit -f 1; exec /mnt/mail.local alice'
		as_stranger 'ulimit -f 0; exec /mnt/mail.local alice'
	fi
	world_seed alice
	# With three the dynamic linker cannot open a library.
	./as mallory sh -c 'ulimit -n 3; exec /mnt/mail.local alice' <letter \
	    2>stderr
	[ $? -eq 127 ] && untouched || atf_fail "ulimit -n 3"
	fresh
	for files in 4 5 6 7 8 9 10; do
		as_stranger "ulimit -S -n ${files}; exec /mnt/mail.local alice"
		world_seed alice
		./as mallory sh -c "ulimit -n ${files};
		    exec /mnt/mail.local alice" <letter 2>stderr
		status=$?
		case ${status} in
		0)	{ cat seed; echo 'From mallory DATE'; cat letter
			    echo; } >expected
			same expected mail/alice;;
		# Where not even root may raise a hard limit.
		75)	untouched;;
		*)	atf_fail "-n ${files}: ${status}";;
		esac
		fresh
	done
}
rlimits_cleanup()
{
	world_end
}

atf_test_case signals cleanup
signals_head()
{
	world_head "Signals that the caller ignores or blocks change nothing," \
	    "and every wait still ends"
}
signals_body()
{
	ids_setup
	env --ignore-signal=ALRM --block-signal=ALRM true 2>/dev/null ||
	    atf_skip "env cannot ignore or block signals"
	all="ABRT,ALRM,CHLD,HUP,INT,IO,PIPE,PROF,QUIT,TERM,USR1,USR2,VTALRM,XCPU,XFSZ"
	for how in --ignore-signal --block-signal; do
		as_stranger "ulimit -S -f 1; exec env ${how}=${all} \
		    /mnt/mail.local alice"
		: >mail/alice.lock
		atf_check -s exit:75 -e save:stderr timeout 20 \
		    ./as mallory env ${how}=${all} /mnt/mail.local -t 2 alice \
		    <letter
		said alice lock
		only alice.lock
		# Who may, can still end it.
		atf_check -s exit:75 -e ignore \
		    timeout --preserve-status -k 20 -s TERM 1 \
		    ./as mallory env ${how}=${all} /mnt/mail.local -t 60 alice \
		    <letter
		only alice.lock
		fresh
	done
}
signals_cleanup()
{
	world_end
}

atf_test_case cannot_be_stopped cleanup
cannot_be_stopped_head()
{
	world_head "A stranger can neither stop nor kill the delivery that" \
	    "he started, once it holds another's lock"
}
cannot_be_stopped_body()
{
	ids_setup
	world_seed alice
	kernel_hold flock mail/alice
	./as mallory /mnt/mail.local alice <letter &
	delivery=$!
	until_true 10 test -e mail/alice.lock
	# The one that was called, and the one that delivers.
	for process in ${delivery} $(children ${delivery}); do
		for signal in STOP KILL TERM INT; do
			atf_check -s not-exit:0 -e ignore \
			    ./as mallory kill -${signal} ${process}
		done
	done
	touch go
	finish ${delivery}
	is ${status} 0
	only alice
}
cannot_be_stopped_cleanup()
{
	world_end
}

# has_left_the_session pid: what that plain user called is a process of its own.
has_left_the_session()
{
	[ -n "$(children "$1")" ]
}

atf_test_case terminal_cannot_stop cleanup
terminal_cannot_stop_head()
{
	also=setsid
	world_head "Nor by a terminal of his, which sends a process group any" \
	    "signal on NetBSD; but he may ask it to end"
}
terminal_cannot_stop_body()
{
	ids_setup
	for signal in STOP KILL; do
		world_seed alice
		rm -f go held
		kernel_hold flock mail/alice
		setsid ./as mallory /mnt/mail.local -f mallory alice <letter &
		group=$!
		until_true 10 test -e mail/alice.lock
		kill -${signal} -- -${group}
		touch go
		until_true 20 grep 'This is x' mail/alice
		until_true 20 test ! -e mail/alice.lock
		{ cat seed; echo 'From mallory DATE'; cat letter; echo; } >both
		same both mail/alice
		[ ${signal} = KILL ] || kill -CONT -- -${group}
		finish ${group}
		[ ${signal} = KILL ] || is ${status} 0
		only alice
	done
	: >mail/alice.lock
	setsid ./as mallory /mnt/mail.local -t 60 alice <letter 2>stderr &
	group=$!
	until_true 10 has_left_the_session ${group}
	kill -INT -- -${group}
	finish ${group}
	is ${status} 75
	said alice 'interrupted by a signal'
	only alice alice.lock
}
terminal_cannot_stop_cleanup()
{
	world_end
}

atf_test_case kept_message cleanup
kept_message_head()
{
	world_head "A stranger cannot open the file that holds his long" \
	    "message while it is delivered, and change it"
}
kept_message_body()
{
	ids_setup
	world_seed alice
	dd if=/dev/zero bs=1024 count=4096 2>/dev/null | tr '\0' x >letter
	kernel_hold flock mail/alice
	./as mallory /mnt/mail.local alice <letter &
	delivery=$!
	until_true 10 test -e mail/alice.lock
	kept=$(find /proc/${delivery}/fd -lname '*(deleted)')
	[ -e "${kept}" ] || atf_fail "no temporary file"
	atf_check -s not-exit:0 -e ignore ./as mallory cat "${kept}"
	is "$(ls -lnL "${kept}" | awk '{ print $1, $2, $3 }')" "-rw------- 0 0"
	touch go
	finish ${delivery}
	is ${status} 0
}
kept_message_cleanup()
{
	world_end
}

atf_test_case deaf_caller cleanup
deaf_caller_head()
{
	world_head "A caller who does not read what is said on stderr does" \
	    "not keep another's lock held"
}
deaf_caller_body()
{
	ids_setup
	mkfifo pipe
	chmod 666 pipe
	sleep 60 <>pipe &
	sleeper=$!
	# Fill it, but for a byte or two.
	timeout 2 dd if=/dev/zero of=pipe bs=1 count=1000000 2>/dev/null
	mkdir mail/x
	atf_check -s exit:75 timeout 20 ./as mallory sh -c \
	    "exec /mnt/mail.local -v x alice nosuch /x 2>${here}/pipe" <letter
	kill ${sleeper}
	from mallory alice
	only alice x
}
deaf_caller_cleanup()
{
	world_end
}

atf_test_case environment cleanup
environment_head()
{
	world_head "TMPDIR, HOME, LD_* and the rest of a stranger's" \
	    "environment change nothing"
}
environment_body()
{
	ids_setup
	dd if=/dev/zero bs=1024 count=10240 2>/dev/null | tr '\0' x >letter
	echo >>letter
	mkdir -m 777 home/tmp
	for env in TMPDIR=/nonexistent TMPDIR=/home/tmp HOME=/nonexistent \
	    PATH= LD_PRELOAD=/nonexistent/x.so LD_LIBRARY_PATH=/home/mallory \
	    MALLOC_CHECK_=3 RUST_BACKTRACE=full RUST_MIN_STACK=1 \
	    "HOSTALIASES=/etc/shadow" "RES_OPTIONS=x" "NLSPATH=/%x" \
	    "LC_ALL=xx_YY" "POSIXLY_CORRECT=1" "MAIL=/etc/passwd" -i; do
		as_stranger "exec env '${env}' /mnt/mail.local alice"
	done
	# Not even where it is written to under a name that another may open.
	ls -A home/tmp >left
	atf_check cat left
}
environment_cleanup()
{
	world_end
}

atf_test_case temporary_not_in_tmpdir cleanup
temporary_not_in_tmpdir_head()
{
	also=strace
	world_head "A stranger's TMPDIR is not where a large message is kept"
}
temporary_not_in_tmpdir_body()
{
	ids_setup
	mkdir -m 777 home/tmp
	dd if=/dev/zero bs=1024 count=10240 2>/dev/null | tr '\0' x >letter
	./in strace -u mallory -f -o "${here}/trace" \
	    env TMPDIR=/home/tmp /mnt/mail.local alice <letter
	is $? 0
	atf_check -s exit:1 grep -E 'open.*/home/tmp' trace
}
temporary_not_in_tmpdir_cleanup()
{
	world_end
}

atf_test_case time_zone cleanup
time_zone_head()
{
	also=zic
	world_head "A stranger's TZ is honoured, but for one that names a file"
}
time_zone_body()
{
	ids_setup
	printf 'Zone Secret 7:00 - SECRET\n' >zone
	atf_check zic -d home/mallory zone
	mkfifo -m 666 home/mallory/fifo
	hour() { head -n 1 mail/alice | awk '{ print $6 }' | cut -d: -f1; }
	for zone in UTC0 EAST-9 WEST8; do
		want=$(TZ=${zone} date +%H)
		atf_check ./as mallory env TZ=${zone} /mnt/mail.local alice \
		    <letter
		[ "$(hour)" = "${want}" ] ||
		    is "$(hour)" "$(TZ=${zone} date +%H)"
		fresh
	done
	for zone in /home/mallory/Secret :/home/mallory/Secret \
	    ../../../home/mallory/Secret :../../../home/mallory/Secret \
	    /home/mallory/fifo :/home/mallory/fifo \
	    ../../../home/mallory/fifo; do
		want=$(TZ=UTC0 date +%H)
		atf_check timeout 20 ./as mallory env "TZ=${zone}" \
		    /mnt/mail.local alice <letter
		[ "$(hour)" = "${want}" ] ||
		    is "$(hour)" "$(TZ=UTC0 date +%H)"
		fresh
	done
}
time_zone_cleanup()
{
	world_end
}

atf_test_case log cleanup
log_head()
{
	world_head "syslog(3) hears of each failure, under LOG_MAIL"
}
log_body()
{
	ids_setup
	mkdir dev
	atf_check ./in sh -ec '
		mount -t tmpfs none /home
		for d in null zero full random urandom; do
			: >/home/$d
			mount --bind /dev/$d /home/$d
		done
		mount --rbind /home /dev'
	./in python3 -c '
import socket
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind("/dev/log")
ear.settimeout(10)
open("hearing", "w").close()
try:
    while True:
        print(ear.recv(4096).decode(), flush=True)
except TimeoutError:
    pass' >log &
	ear=$!
	until_true 10 test -e hearing
	atf_check ./in chmod 666 /dev/log
	: >mail/bob.lock
	atf_check -s exit:75 -e save:stderr \
	    ./as mallory /mnt/mail.local -f boss -t 1 nosuch bob alice <letter
	until_true 10 grep -q bob log
	kill ${ear}
	cat log
	# LOG_MAIL is 2 << 3; the priorities are 3 to 6, error to info.
	atf_check -s exit:1 grep -Ev '^<(19|20|21|22)>' log
	atf_check -o ignore grep 'mail\.local.*nosuch' log
	atf_check -o ignore grep 'mail\.local.*bob' log
	atf_check -o ignore grep 'boss' log
}
log_cleanup()
{
	world_end
}

atf_init_test_cases()
{
	. "$(atf_get_srcdir)/h_common.sh"

	atf_add_test_case sticky_spool
	atf_add_test_case group_spool
	atf_add_test_case new_mailbox
	atf_add_test_case unfinished_mailbox
	atf_add_test_case old_mailbox
	atf_add_test_case root_mailbox
	atf_add_test_case symlink_race
	atf_add_test_case lock_is_symlink
	atf_add_test_case sender_of_a_stranger
	atf_add_test_case sender_to_oneself
	atf_add_test_case sender_of_the_trusted
	atf_add_test_case steps_of_a_stranger
	atf_add_test_case limit_of_a_stranger
	atf_add_test_case template_of_a_stranger
	atf_add_test_case template_gains_nothing
	atf_add_test_case configuration_of_a_stranger
	atf_add_test_case names
	atf_add_test_case name_not_utf8
	atf_add_test_case lock_named_user
	atf_add_test_case descriptors
	atf_add_test_case rlimits
	atf_add_test_case signals
	atf_add_test_case cannot_be_stopped
	atf_add_test_case terminal_cannot_stop
	atf_add_test_case kept_message
	atf_add_test_case deaf_caller
	atf_add_test_case environment
	atf_add_test_case temporary_not_in_tmpdir
	atf_add_test_case time_zone
	atf_add_test_case log
}
