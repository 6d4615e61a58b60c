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


# A copy of share/setup with a PATH of its own: nothing but what a shell script
# needs, a plain user, and the commands named, which say how they were called.
machine()
{
	[ -n "${NFSLOCK_SRCDIR}" ] || atf_skip "NFSLOCK_SRCDIR names no source"
	mkdir -p tree/share bin
	cp "${NFSLOCK_SRCDIR}/share/setup" tree/share
	for program in sh dirname sort tr; do
		ln -s "$(command -v ${program})" bin
	done
	answer uname "echo Linux"
	answer id "echo 1000"
	for program; do
		answer "${program}" 'echo "${0##*/} $*"'
	done
}

answer()
{
	printf '#!/bin/sh\n%s\n' "$2" > "bin/$1"
	chmod +x "bin/$1"
}

setup()
{
	status=$1
	shift
	atf_check -s "exit:${status}" -o save:out -e save:err \
	    env PATH="${PWD}/bin" bin/sh tree/share/setup "$@"
}

atf_test_case missing
missing_head()
{
	atf_set descr "A plain user is told what root has to install"
}
missing_body()
{
	machine bmake
	setup 1 demo
	atf_check cat out
	for package in gcc cargo-web rustc-web python3 mutt; do
		atf_check -o match:"apt-get install .* ${package} " cat err
	done
	# The demo needs neither of these, and make is there.
	for package in kyua bmake; do
		atf_check -s exit:1 grep -w "${package}" err
	done
}

atf_test_case second_python
second_python_head()
{
	atf_set descr "Each python3 of the PATH has to have its messages: a" \
	    "plain user may have no way to the first"
}
second_python_body()
{
	machine bmake cc objcopy python3 mutt
	for program in cargo rustc; do
		answer ${program} "echo ${program} 1.96.0"
	done
	setup 0 demo
	mkdir other
	printf '#!/bin/sh\ncase $2 in\n%s\n%s\nesac\n' \
	    'import?sys*) echo 3.99 ;;' '*) exit 1 ;;' >other/python3
	chmod +x other/python3
	atf_check -s exit:1 -o ignore -e match:'libpython3\.99-testsuite' \
	    env PATH="${PWD}/bin:${PWD}/other" bin/sh tree/share/setup demo
}

atf_test_case old_cargo
old_cargo_head()
{
	atf_set descr "A cargo older than 1.85 is as good as none"
}
old_cargo_body()
{
	machine bmake cc objcopy
	answer rustc "echo rustc 1.85.0"
	answer cargo "echo cargo 1.85.0"
	setup 0 clean
	atf_check -o inline:"setup: bmake clean\nbmake clean\n" cat out
	answer cargo "echo cargo 1.65.0"
	setup 1 clean
	atf_check -o match:cargo-web cat err
}

atf_test_case runs_make
runs_make_head()
{
	atf_set descr "With everything there, make is run for each target," \
	    "and the first failure is not the last word"
}
runs_make_body()
{
	machine bmake cc objcopy python3 mutt c++ mandoc cargo-clippy \
	    cargo-fmt kyua atf-sh bindfs mkfs.btrfs mkfs.ext4 dotlockfile \
	    lockfile m4 strace valgrind aarch64-linux-gnu-ld
	for program in cargo rustc; do
		answer ${program} "echo ${program} 1.96.0"
	done
	[ -e /usr/include/atf-c.h ] ||
	    atf_skip "this machine has not all that tests need"
	setup 0 -j2 demo "MBOX=some mail"
	atf_check -o match:"^bmake -j2 MBOX=${PWD}/some mail demo$" cat out
	setup 0
	atf_check -o match:"^bmake all$" cat out

	answer bmake 'echo "bmake $*"; [ "$1" != lint ]'
	setup 1 test
	atf_check -o inline:"bmake lint\nbmake test\n" grep ^bmake out
}

atf_test_case unpacks
unpacks_head()
{
	atf_set descr "Packages that would set up a mail system are unpacked," \
	    "not installed"
}
unpacks_body()
{
	machine cc objcopy python3 mutt c++ mandoc cargo-clippy \
	    cargo-fmt kyua atf-sh bindfs mkfs.btrfs mkfs.ext4 dotlockfile \
	    lockfile m4 strace valgrind aarch64-linux-gnu-ld
	for program in chmod mkdir rm; do
		ln -s "$(command -v ${program})" bin
	done
	for program in cargo rustc; do
		answer ${program} "echo ${program} 1.96.0"
	done
	[ -e /usr/include/atf-c.h ] ||
	    atf_skip "this machine has not all that tests need"
	[ ! -e /usr/sbin/postlock ] || atf_skip "Postfix is installed here"
	unset NFSLOCK_PEERS
	answer ls :
	answer python3 :
	answer bmake 'case $1 in
	-v)	echo "${0%/*}/obj" ;;
	*)	echo "$* with ${NFSLOCK_PEERS-none}" ;;
	esac'
	answer apt-get 'echo "$*"; : > some.deb'
	answer dpkg 'echo "$*"'
	setup 0 all
	atf_check -o inline:"download maildrop postfix
-x some.deb .
setup: python3 -m pip install ziglang
setup: bmake all
all with ${PWD}/bin/obj/peers
" cat out
	atf_check test -e bin/obj/peers/some.deb

	# A part of a package is not kept, nor are rights of what was in it.
	answer dpkg ': > program; chmod 6755 program; exit 1'
	setup 0 all
	atf_check test ! -e bin/obj/peers/some.deb
	atf_check test -e bin/obj/peers/program
	atf_check test ! -u bin/obj/peers/program
	atf_check test ! -g bin/obj/peers/program
	atf_check -o match:"what is tested against them is skipped" cat err

	# It is no reason to give up.
	answer apt-get "exit 1"
	setup 0 all
	atf_check -o match:"what is tested against them is skipped" cat err
	# The demo does without.
	setup 0 demo
	atf_check -o match:"^demo with none$" cat out
}

atf_test_case zig
zig_head()
{
	atf_set descr "A compiler for NetBSD is installed below the object" \
	    "directory, once, and is no reason to give up"
}
zig_body()
{
	machine cc objcopy mutt c++ mandoc kyua atf-sh bindfs mkfs.btrfs \
	    mkfs.ext4 dotlockfile lockfile m4 strace valgrind \
	    aarch64-linux-gnu-ld lockmail.maildrop postlock
	for program in cargo rustc; do
		answer ${program} "echo ${program} 1.96.0"
	done
	answer ls :
	answer bmake 'case $1 in
	-v)	echo "${0%/*}/obj" ;;
	*)	echo "$* with ${NFSLOCK_ZIG-none}" ;;
	esac'
	answer python3 'case "$*" in
	*install*)	echo "$*"; exit 1 ;;
	esac'
	unset NFSLOCK_ZIG
	setup 0 all
	atf_check -o match:"pip install.*--target ${PWD}/bin/obj/zig ziglang==" \
	    -o match:"^all with ${PWD}/bin/obj/zig$" cat out
	atf_check -o match:"nothing is built for NetBSD" cat err
	mkdir -p bin/obj/zig/ziglang
	printf '#!/bin/sh\n' > bin/obj/zig/ziglang/zig
	chmod +x bin/obj/zig/ziglang/zig
	setup 0 all
	atf_check -o not-match:"pip install" cat out
	answer python3 'case "$*" in
	*pip*)	exit 1 ;;
	esac'
	rm -r bin/obj
	setup 1 all
	atf_check -o match:"python3-pip" cat err
}

atf_test_case bench
bench_head()
{
	atf_set descr "The benchmark's peers are unpacked with the libraries" \
	    "that nobody installed, and what cannot be had is named"
}
bench_body()
{
	[ ! -e /usr/sbin/postlock ] || atf_skip "Postfix is installed here"
	machine cc objcopy strace valgrind
	for program in chmod cut grep mkdir rm sed; do
		ln -s "$(command -v ${program})" bin
	done
	for program in cargo rustc; do
		answer ${program} "echo ${program} 1.96.0"
	done
	answer bmake 'case $1 in
	-v)	echo "${0%/*}/obj" ;;
	*)	echo "$* with ${NFSLOCK_PEERS-none}" ;;
	esac'
	# A package each, as long as opensmtpd is not among them.
	answer apt-get 'shift
	case " $* " in
	*\ opensmtpd\ *)	exit 1 ;;
	esac
	for package; do
		: > "${package}_1_all.deb"
	done
	echo "had $*"'
	answer dpkg '[ "$1" = -x ] || [ "$2" = libhere ]'
	answer dpkg-deb 'case $2 in
	sendmail-bin_*)	echo "libhere (>= 1), libnot | other, adduser" ;;
	libnot_*)	echo "libtoo:any (>= 2)" ;;
	esac'
	setup 0 bench
	atf_check -o match:"opensmtpd cannot be had" cat err
	atf_check -o inline:"had libnot
had libtoo
" grep "^had lib[nht][^i]" out
	atf_check -o match:"^bench with ${PWD}/bin/obj/peers$" cat out
	for package in dovecot-core liblockfile-bin liblockfile1 libnot \
	    libtoo maildrop mutt postfix procmail sendmail-bin; do
		atf_check test -e "bin/obj/peers/${package}_1_all.deb"
	done
	for package in libhere other adduser opensmtpd; do
		atf_check test ! -e "bin/obj/peers/${package}_1_all.deb"
	done

	# What is there is not fetched again.
	setup 0 bench
	atf_check -s exit:1 grep "^had" out
}

atf_test_case mutants
mutants_head()
{
	atf_set descr "What makes mutants is installed for soak, if it is missing"
}
mutants_body()
{
	machine bmake cc objcopy python3 mutt c++ mandoc cargo-clippy \
	    cargo-fmt kyua atf-sh bindfs mkfs.btrfs mkfs.ext4 dotlockfile \
	    lockfile m4 strace valgrind aarch64-linux-gnu-ld lockmail.maildrop postlock
	answer rustc "echo rustc 1.96.0"
	answer cargo 'case $1 in
	mutants) exit 101 ;;
	install) echo "$*" ;;
	*)	echo "cargo 1.96.0" ;;
	esac'
	[ -e /usr/include/atf-c.h ] ||
	    atf_skip "this machine has not all that tests need"
	setup 0 test
	atf_check -s exit:1 grep mutants out
	setup 0 soak
	atf_check -o inline:"setup: python3 -m pip install ziglang
setup: cargo install cargo-mutants
install --quiet --locked cargo-mutants
setup: bmake soak
bmake soak
" grep -v "^python3 " out

	# It is no reason to give up.
	answer cargo '[ $1 = --version ] && echo "cargo 1.96.0"'
	setup 0 soak
	atf_check -o match:"no mutants are tested" cat err
	atf_check -o match:"^bmake soak$" cat out

	answer cargo 'echo "cargo 1.96.0"'
	setup 0 soak
	atf_check -s exit:1 grep mutants out
}

atf_init_test_cases()
{
	atf_add_test_case missing
	atf_add_test_case second_python
	atf_add_test_case old_cargo
	atf_add_test_case runs_make
	atf_add_test_case unpacks
	atf_add_test_case zig
	atf_add_test_case bench
	atf_add_test_case mutants
}
