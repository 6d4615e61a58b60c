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



# Lockers of every kind on one mailbox, all at once, and now and then one is
# killed, also while it holds the lock.  Each adds a numbered record to the
# mailbox (h_mixed.c): one that is not in the line of its number has met the
# work of another.  Every peer is put to the same test alone with its like: what
# it loses there is its own.
#
# A kill takes the whole process group: the locker with the work that it does.
# Whoever kills lockmail alone leaves its command at work without a lock, and
# no other locker can know of it.
#
# Locks that the killed leave behind: of ours at once, of all others after four
# seconds, by ours.  The peers wait for 300 s (dotlockfile, lockmail for locks
# of others), 500 s (postlock), or for ever (lockfile without -l, mutt_dotlock,
# Python); lockmail and dotlockfile -p look whether the pid in the lock lives.

lock="$(atf_get_srcdir)/h_lock"
mixed="$(atf_get_srcdir)/h_mixed"
mailbox=d/m
soak=${NFSLOCK_SOAK:-1}
peers="dotlockfile dotlockfile_p lockfile lockmail mutt_dotlock postlock python"

# Where set-up puts programs of packages that would configure a mail system.
unpacked="${NFSLOCK_PEERS:-${NFSLOCK_SRCDIR}/obj/peers}"

# need_peer kind: or skip, and say which package has it.
need_peer()
{
	case $1 in
	dotlockfile*)
		set -- dotlockfile liblockfile-bin
		;;
	lockfile)
		set -- lockfile procmail
		;;
	mutt_*)
		set -- mutt_dotlock mutt
		;;
	python)
		set -- python3 python3
		;;
	lockmail)
		# Debian's name, and everybody's
		command -v lockmail.maildrop > /dev/null &&
		    ln -s "$(command -v lockmail.maildrop)" bin/lockmail
		set -- lockmail maildrop
		;;
	postlock)
		set -- postlock postfix
		;;
	*)
		return
		;;
	esac
	command -v ${1} > /dev/null ||
	    atf_skip "no ${1} here, of the package ${2}"
}

setup()
{
	mkdir bin d
	chmod 1777 d
	: > ${mailbox}
	: > told
	PATH=${PWD}/bin:${PATH}:${unpacked}/usr/bin:${unpacked}/usr/sbin
	export PATH mixed mailbox
	for kind; do
		need_peer ${kind}
	done

	# postlock wants users that are there, and nothing else of Postfix.
	mkdir postfix
	cat > postfix/main.cf <<-EOF
	compatibility_level = 3.6
	mail_owner = daemon
	setgid_group = mail
	queue_directory = ${PWD}/postfix
	data_directory = ${PWD}/postfix
	EOF
	export postfix=${unpacked}/usr/lib/postfix

	cat > worker <<-\EOF
	# A peer at work: worker kind
	work() { "${mixed}" -w ${1} ${mailbox}; }
	while [ ! -e stop ]; do
		case ${1} in
		dotlockfile)
			dotlockfile -q -l -i 1 -r 10 ${mailbox}.lock &&
			    { work ${1}; dotlockfile -u ${mailbox}.lock; }
			;;
		dotlockfile_p)
			dotlockfile -q -l -i 1 -r 10 -p ${mailbox}.lock &&
			    { work ${1}; dotlockfile -u ${mailbox}.lock; }
			;;
		lockfile)
			lockfile -1 -r 10 ${mailbox}.lock 2> /dev/null &&
			    { work ${1}; rm -f ${mailbox}.lock; }
			;;
		# As often as mutt has it try.  After more than ten tries it
		# would say that it has the lock.
		mutt_dotlock)
			mutt_dotlock -r 5 ${mailbox} 2> /dev/null &&
			    { work ${1}; mutt_dotlock -u ${mailbox}; }
			;;
		# As for a user who told mutt to remove the lock.
		mutt_forced)
			mutt_dotlock -f -r 0 ${mailbox} 2> /dev/null &&
			    { work ${1}; mutt_dotlock -u ${mailbox}; }
			sleep 1
			;;
		lockmail)
			lockmail -t 20 ${mailbox} "${mixed}" -w ${1} ${mailbox}
			;;
		postlock)
			LD_LIBRARY_PATH=${postfix} postlock -c postfix \
			    ${mailbox} "${mixed}" -w ${1} ${mailbox}
			;;
		esac
		sleep 0.1
	done
	EOF

	cat > worker.py <<-\EOF
	import mailbox, os, subprocess, time

	path = os.environ["mailbox"]
	box = mailbox.mbox(path, create=False)
	while not os.path.exists("stop"):
	    try:
	        box.lock()
	        subprocess.call([os.environ["mixed"], "-w", "python", path])
	        box.unlock()
	    except mailbox.ExternalClashError:
	        pass
	    time.sleep(0.1)
	EOF
}

# start number kind
start()
{
	case ${2} in
	ours)
		${mixed} -g ${mixed} -o ours ${mailbox} >> told 2>> complaints &
		;;
	python)
		${mixed} -g python3 worker.py 2>> complaints &
		;;
	*)
		${mixed} -g sh worker ${2} > /dev/null 2>> complaints &
		;;
	esac
	eval "pid_${1}=$! kind_${1}=${2}"
}

# A number below the argument; the seed is told, though what the kernel does
# with it differs.
random()
{
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	random=$((seed / 65536 % ${1}))
}

# Kills a locker, every other time the one that is at work, and starts another
# of its kind.
kill_one()
{
	random 2
	if [ ${random} -eq 0 ]; then
		tries=50
		read wanted < working
		until [ ${wanted} -ne 0 ] || [ ${tries} -eq 0 ]; do
			sleep 0.01
			tries=$((tries - 1))
			read wanted < working
		done
		victim=0
		for i in ${workers}; do
			eval "[ \${pid_${i}} -ne ${wanted} ]" || victim=${i}
		done
		[ ${victim} -ne 0 ] || return
	else
		random ${#}
		victim=$((random + 1))
	fi
	eval "pid=\${pid_${victim}} kind=\${kind_${victim}}"
	kill -KILL -- -${pid} || return
	wait ${pid}
	read wanted < working
	echo ${pid} ${kind} $((wanted == pid)) >> killed
	start ${victim} ${kind}
}

# Has every kind had the lock?
all_wrote()
{
	for kind; do
		grep -q " ${kind} *\$" ${mailbox} || return 1
	done
}

# run seconds kind ...: a locker of each, and the killing; for longer where one
# that polls seldom has not had its turn.
run()
{
	set +e
	seed=$$
	echo "seed ${seed}"
	end=$(($(date +%s) + ${1} * soak))
	last=$((end + 240))
	shift
	: > killed
	echo 0 > working
	number=0 workers=
	for kind; do
		number=$((number + 1))
		workers="${workers} ${number}"
		start ${number} ${kind}
	done
	while [ $(date +%s) -lt ${end} ] ||
	    { [ $(date +%s) -lt ${last} ] && ! all_wrote "$@"; }; do
		random 8
		sleep 0.$((random + 2))
		kill_one "$@"
	done
	: > stop
	wait
	set -e
}

# What became of the updates: how many each kind wrote, and each that was lost,
# with the numbers and kinds of both that were at work at the same time.  Whom
# a kill hits right after it wrote cannot say that it was robbed: "killed".
account()
{
	awk '
	FILENAME == "killed" { killed[$1] = 1; hit[$2] += $3; next }
	{
		line++
		number[line] = $1
		group[line] = $2
		kind[line] = $3
		last[$2] = line
		wrote[$3]++
		if ($1 > line)
			print "skipped", line
	}
	function by(i) {
		return (group[i] in killed) && last[group[i]] == i ? \
		    "killed" : kind[i]
	}
	END {
		for (i = 1; i <= line; i++)
			for (j = number[i]; j < i; j++)
				print "lost", number[j], by(j), number[i], by(i)
		for (k in wrote)
			print "wrote", k, wrote[k], "killed at it", hit[k] + 0
	}' killed ${mailbox} > account
	sort account
	for kind; do
		grep -q "^wrote ${kind} " account ||
		    atf_fail "${kind} never got the lock"
	done
	grep -q " 1\$" killed || atf_fail "nobody was killed at work"
	! grep -q "^skipped" account || atf_fail "a number was skipped"
}

# The last lock that was left behind does not stay.
leaves_nothing()
{
	# lockmail makes a second lock, for the c-client library
	rm -f /tmp/.*.$(printf %x $(ls -i ${mailbox} | awk '{ print $1 }'))
	atf_check ${lock} -s 4 -l 60 ${mailbox}
	atf_check test ! -e ${mailbox}.lock
}

# Who is alone does not always break what its killed like left: then the
# postmaster does.  By ctime: lockfile's lock is as old as its waiting.
postmaster()
{
	while [ ! -e stop ]; do
		: > seen
		sleep 2
		find ${mailbox}.lock ! -cnewer seen -exec rm -f {} \; \
		    2> /dev/null
	done
}

alone_case()
{
	eval "
	atf_test_case alone_${1}
	alone_${1}_head()
	{
		atf_set descr \"${1}, alone with its like: what it loses\"
		atf_set timeout \$((60 * soak + 360))
	}
	alone_${1}_body()
	{
		alone ${1}
	}"
}

alone()
{
	setup ${1}
	postmaster &
	run 20 ${1} ${1} ${1} 2> deaths
	account ${1}
	leaves_nothing
	case ${1} in
	# It does at times: see robbers.
	dotlockfile_p)
		;;
	*)
		! grep "^lost" account || atf_fail "${1} loses updates alone"
		;;
	esac
}

for peer in ${peers}; do
	alone_case ${peer}
done

atf_test_case all
all_head()
{
	atf_set descr "all kinds on one mailbox lose no update"
	atf_set timeout $((60 * soak + 360))
}
all_body()
{
	set -- dotlockfile lockfile mutt_dotlock lockmail python postlock
	setup "$@"
	run 40 "$@" ours ours ours 2> deaths
	account "$@" ours
	leaves_nothing
	! grep "^lost" account || atf_fail "updates were lost"
	atf_check cat told
}

# mutt_dotlock breaks any lock if it is told to.  dotlockfile -p looks at the
# pid in a lock, and then removes by name what may be another's lock by then.
# What peers without a lock do to ours is theirs; ours do nothing to each other
# but what they are told of.
atf_test_case robbers
robbers_head()
{
	atf_set descr "whom a peer robs is told so"
	atf_set timeout $((60 * soak + 360))
}
robbers_body()
{
	set -- dotlockfile_p mutt_forced
	setup "$@"
	run 30 "$@" "$@" ours ours ours 2> deaths
	account "$@" ours
	leaves_nothing
	sort told | uniq -c
	grep -q "^[0-9]* release: " told || atf_fail "nobody was robbed"
	sed -n 's/^lost \([0-9]*\) ours \([0-9]*\) ours$/\1 \2/p' account |
	while read first second; do
		grep -q -e "^${first} release: " -e "^${second} release: " \
		    told || echo ${first} ${second}
	done > untold
	atf_check cat untold
}

atf_test_case takeover
takeover_head()
{
	atf_set descr "what a killed one of ours left is ours at once, and" \
	    "16 bytes that are no pid for peers"
}
takeover_body()
{
	setup
	${lock} -h 600000 ${mailbox} &
	holder=$!
	until [ -s ${mailbox}.lock ]; do
		sleep 0.1
	done
	kill -KILL ${holder}
	wait ${holder}
	atf_check -o match:"^L[-_0-9A-Za-z]{15}\$" cat ${mailbox}.lock
	# so soon no lock is broken for its age
	atf_check ${lock} -l 20 ${mailbox}
	atf_check -o inline:"m\n" ls -A d
}

atf_init_test_cases()
{
	for peer in ${peers}; do
		atf_add_test_case alone_${peer}
	done
	atf_add_test_case all
	atf_add_test_case robbers
	atf_add_test_case takeover
}
