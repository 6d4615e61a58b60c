#! /bin/sh
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

#
# Fill /var/mail with symbolic links to the spools in the users' homes, so
# that mail readers find what mail.local(8) delivers there when
# mail.local.conf(5) says
#
#	mailbox %h/.mailspool/%u
#
# Only links are made, and only where nothing stands: what is there already is
# never changed, be it a mailbox, a directory or another's link; but with -r, a
# link of the caller's to the same spool in another home is made anew, as after
# the home was moved.  A second run does nothing.  The spools are left to
# mail.local, which makes them as their owners; root has no business in a
# directory that a user can move about.
#

set -u

me=${0##*/}
directory=/var/mail
dry=false
renew=false
lowest=1000
refused=0
spool=.mailspool

usage()
{
	cat >&2 <<EOF
usage: $me [-nr] [-d directory] [-s spool] [-u uid] [user ...]
	-n	only say what would be done
	-r	renew links of one's own to spools in homes that were moved
	-d	make the links here, not in /var/mail
	-s	name of the spool below a home, not .mailspool
	-u	without users named: those with at least this uid, not 1000
EOF
	exit 2
}

refuse()
{
	echo "$me: $1: $2" >&2
	refused=1
}

# Is $1 a symbolic link of the caller's?
is_ours()
{
	[ -n "$(find "$1" -prune -type l -user "$uid" 2>/dev/null)" ]
}

# Is $1 a symbolic link of the caller's to $2?
is_our_link()
{
	is_ours "$1" && [ "$(readlink "$1")" = "$2" ]
}

# Is $1 a symbolic link of the caller's to the spool of the user $2 in
# whatever home?
is_old_link()
{
	is_ours "$1" || return 1
	case $(readlink "$1") in
	/*/"$spool/$2")	return 0 ;;
	*)		return 1 ;;
	esac
}

# Link the mailbox of the user $1 to the spool in his home $2.
link_user()
{
	link=$directory/$1
	target=$2/$spool/$1

	if is_our_link "$link" "$target"; then
		return
	fi
	if is_old_link "$link" "$1"; then
		if ! $renew; then
			refuse "$1" "$link leads to another home; -r renews it"
			return
		fi
		$dry || rm -f "$link"
	elif [ -L "$link" ]; then
		refuse "$1" "$link is another symbolic link"
		return
	elif [ -e "$link" ]; then
		refuse "$1" "$link stands already; move the mail to $target"
		return
	fi
	if $dry; then
		echo "$link -> $target"
		return
	fi
	# -n: should another put a link there in this moment, do not follow it.
	if ln -s -n "$target" "$link" && is_our_link "$link" "$target"; then
		echo "$link -> $target"
	else
		refuse "$1" "no link was made"
	fi
}

# Look at one line of passwd(5).
look_at_user()
{
	case $1 in
	''|.*|-*|*/*|*[[:space:]]*)
		refuse "$1" "not a name that a mailbox can have"
		return
		;;
	esac
	case $2 in
	/|/*/..|/*/../*)
		refuse "$1" "not a home that a spool can be in: $2"
		return
		;;
	/*)
		;;
	*)
		refuse "$1" "the home is not an absolute path: $2"
		return
		;;
	esac
	if [ ! -d "$2" ]; then
		refuse "$1" "there is no home $2"
		return
	fi
	link_user "$1" "${2%/}"
}

while getopts d:nrs:u: option; do
	case $option in
	d)	directory=$OPTARG ;;
	n)	dry=true ;;
	r)	renew=true ;;
	s)	spool=$OPTARG ;;
	u)	lowest=$OPTARG ;;
	*)	usage ;;
	esac
done
shift $((OPTIND - 1))

case $directory in
/*)	;;
*)	usage ;;
esac
case $spool in
''|/*|..|../*|*/..|*/../*)
	usage
	;;
esac
case $lowest in
''|*[!0-9]*)
	usage
	;;
esac
if [ ! -d "$directory" ]; then
	echo "$me: $directory: no such directory" >&2
	exit 1
fi
uid=$(id -u)

if [ $# -gt 0 ]; then
	for user; do
		case $user in
		-*)	entry= ;;
		*)	entry=$(getent passwd "$user") ;;
		esac
		# getent takes a uid as well.
		case $entry in
		"$user":*)
			home=${entry%:*}
			look_at_user "$user" "${home##*:}"
			;;
		*)
			refuse "$user" "no such user"
			;;
		esac
	done
	exit $refused
fi

# Accounts that have no home, like nobody's, are no one's to read mail.
passwd=$(getent passwd) || exit 1
while IFS=: read -r user _ id _ _ home _; do
	if [ "$id" -ge "$lowest" ] && [ -d "$home" ]; then
		look_at_user "$user" "$home"
	fi
done <<EOF
$passwd
EOF
exit $refused
