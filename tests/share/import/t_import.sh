#	$NetBSD$
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


# The import into NetBSD's source tree, on trees in miniature.

. "$(atf_get_srcdir)/h_tree.sh"

# fits VERSION: the import finds all places in such a tree, does nothing the
# second time, and can be undone.
fits()
{
	small_crates
	source_tree "$1" tree
	fingerprint tree > before

	atf_check -o save:would ${import} -n tree
	fingerprint tree > after
	atf_check cmp before after
	atf_check -o ignore grep '^+SUBDIR+=	libnfslock' would
	atf_check -o ignore grep 'new: external/mit/rust-crates/dist: .*libc' would

	atf_check -o save:done -e ignore ${import} tree
	atf_check -o match:MKRUST bmake -r -f tree/share/mk/bsd.own.mk -V _MKVARS.no
	atf_check -o ignore grep MKRUST tree/share/mk/bsd.README
	fingerprint tree > imported
	atf_check ${import} tree
	fingerprint tree > after
	atf_check cmp imported after
	# CVS leaves out files of such a name, and cargo would miss them.
	atf_check find tree/external -name '*.orig'
	atf_check -o inline:'{"files":{"src/lib.rs":"1e"}}' \
	    cat tree/external/mit/rust-crates/dist/nix/.cargo-checksum.json

	# What CVS makes of a file, and a commit of somebody else's to another part
	# of one, are no change.
	sed -i 's/[$]NetBSD[$]/$NetBSD: x,v 1.1 2026\/11\/30 kre Exp $/' \
	    tree/lib/libnfslock/lock.rs tree/libexec/mail.local/Makefile
	atf_check ${import} tree
	echo '# another' >> tree/lib/Makefile

	atf_check -o ignore ${import} -u tree
	sed -i '/^# another/d' tree/lib/Makefile
	fingerprint tree > after
	atf_check cmp before after
	atf_check -s exit:65 -e match:"nothing was imported" ${import} -u tree
}

for version in 9 10 11; do
	eval "
	atf_test_case fits_${version}
	fits_${version}_head()
	{
		atf_set descr 'An import into NetBSD ${version} is idempotent, and' \
		    'can be undone'
		atf_set require.progs 'bmake cargo'
	}
	fits_${version}_body()
	{
		fits ${version}
	}"
done

# refused REGEX: an import is, and changes nothing.
refused()
{
	fingerprint tree > before
	atf_check -s exit:65 -o ignore -e match:"$1" -e match:"nothing was changed" \
	    ${import} tree
	fingerprint tree > after
	atf_check cmp before after
}

atf_test_case refuses
refuses_head()
{
	atf_set descr "An import refuses a tree that it does not know, or that" \
	    "has something in its way, and changes nothing"
	atf_set require.progs "bmake cargo git"
}
refuses_body()
{
	small_crates
	source_tree 10 tree
	for missing in build.sh share/mk/bsd.own.mk sys/sys/param.h; do
		mv tree/${missing} away
		atf_check -s exit:65 -e match:"no source tree.*${missing}" ${import} tree
		mv away tree/${missing}
	done
	sed -i 's/1000000000/899000000/' tree/sys/sys/param.h
	atf_check -s exit:65 -e match:"older than NetBSD 9" ${import} tree
	sed -i 's/899000000/1000000000/' tree/sys/sys/param.h
	atf_check -s exit:64 -e match:"NETBSDSRCDIR" ${import}
	atf_check -s exit:64 -e match:"NETBSDSRCDIR" ${import} ""
	atf_check -s exit:66 -e ignore ${import} nowhere
	atf_check -s exit:65 -o ignore -e match:"does not tell what the tests" \
	    env MAKE=false sh "${NFSLOCK_SRCDIR}/share/import/import" tree
	atf_check -s exit:65 -e ignore ${import} "${NFSLOCK_SRCDIR}"

	# No place for an edit.
	for edit in "share/mk/bsd.own.mk:/MKREPRO/d" \
	    "share/mk/bsd.prog.mk:/netpgpverify/d" "lib/Makefile:/libskey/d" \
	    "etc/mtree/NetBSD.dist.tests:/libm/d" \
	    "distrib/sets/lists/comp/mi:/nl_types/d"; do
		cp tree/${edit%%:*} away
		sed -i "${edit#*:}" tree/${edit%%:*}
		refused "^${edit%%:*}: there is no"
		mv away tree/${edit%%:*}
	done

	# Another's file; what another import has put there is none.
	mkdir tree/lib/libnfslock
	echo another > tree/lib/libnfslock/lock.rs
	refused "lib/libnfslock/lock.rs is there already"
	cp "${NFSLOCK_SRCDIR}/lib/libnfslock/lock.rs" tree/lib/libnfslock
	mkdir -p tree/libexec/mail.local/c
	echo another > tree/libexec/mail.local/c/mail.local.c
	refused "mail.local/c/mail.local.c is in the way"
	rm -r tree/lib/libnfslock tree/libexec/mail.local/c

	# What is in no repository.
	git init -q tree
	git -C tree add .
	git -C tree -c user.name=n -c user.email=e commit -q -m m
	for file in lib/Makefile libexec/mail.local/mail.local.c; do
		echo '# changed' >> tree/${file}
		refused "${file} has changes"
		git -C tree checkout -q ${file}
	done
	atf_check -o ignore ${import} tree
	rm -rf tree/.git
	atf_check -o ignore ${import} -u tree

	# CVS knows by the time, and by that alone.
	mkdir tree/lib/CVS
	TZ=UTC0 touch -t 202601020304.05 tree/lib/Makefile
	echo "/Makefile/1.318/Fri Jan  2 03:04:05 2026//" > tree/lib/CVS/Entries
	touch tree/lib/Makefile
	refused "lib/Makefile has changes"
	TZ=UTC0 touch -t 202601020304.05 tree/lib/Makefile
	atf_check -o ignore ${import} tree
}

# stopped FLAG FILE ...: the import stops at one file after the other, since something
# stands where its next contents go first.
stopped()
{
	flag=$1
	shift
	for file; do
		obstacle=${file}.nfslock-import
		mkdir -p "tree/${obstacle}/in the way"
		atf_check -s exit:73 -o ignore -e match:"do it again" \
		    ${import} ${flag} tree
		rm -r "tree/${obstacle}"
	done
}

atf_test_case interrupted
interrupted_head()
{
	atf_set descr "An import, or its undoing, that was stopped anywhere can be" \
	    "done again, and is whole then"
	atf_set require.progs "bmake cargo"
}
interrupted_body()
{
	small_crates
	source_tree 11 whole
	cp -R whole tree
	fingerprint tree > before
	atf_check -o ignore ${import} whole
	fingerprint whole > imported

	crates=external/mit/rust-crates
	# In the order of its steps.
	stopped "" ${crates}/imported ${crates}/edits lib/libnfslock/lock.rs \
	    libexec/mail.local/Makefile libexec/mail.local/main.rs \
	    ${crates}/Cargo.toml doc/CHANGES share/mk/bsd.own.mk
	atf_check -o ignore ${import} tree
	fingerprint tree > after
	atf_check cmp imported after

	stopped -u doc/CHANGES share/mk/bsd.own.mk
	mv tree/libexec/mail.local/c/mail.local.c tree/libexec/mail.local
	atf_check -o ignore ${import} -u tree
	fingerprint tree > after
	atf_check cmp before after
}

atf_test_case upgrades
upgrades_head()
{
	atf_set descr "A later version takes the place of an earlier one, in a tree" \
	    "without a repository as well, and takes its files along"
	atf_set require.progs "bmake cargo"
}
upgrades_body()
{
	small_crates
	source_tree 11 tree
	fingerprint tree > before
	cp -R "${NFSLOCK_SRCDIR}/share" "${NFSLOCK_SRCDIR}/lib" \
	    "${NFSLOCK_SRCDIR}/libexec" "${NFSLOCK_SRCDIR}"/Cargo.* .
	mkdir -p tests/lib tests/libexec
	cp -R "${NFSLOCK_SRCDIR}/tests/lib/libnfslock" tests/lib
	cp -R "${NFSLOCK_SRCDIR}/tests/libexec/mail.local" tests/libexec
	# An earlier version, and what was built in it.
	echo '// earlier' >> lib/libnfslock/lock.rs
	echo '// gone by now' > lib/libnfslock/earlier.rs
	: > lib/libnfslock/libnfslock.a
	sed '/^|RUST_TARGET\.x86_64/s/$/-earlier/' share/import/edits > edits
	mv edits share/import/edits
	atf_check -o not-match:"libnfslock\.a" env MAKE=bmake \
	    sh share/import/import tree
	# What others add at the end stays behind ours.
	echo '	other(1): Change it. [kre 20261201]' >> tree/doc/CHANGES

	# It changed another file than this one does, which NetBSD has no more.
	list=tree/external/mit/rust-crates/edits
	printf 'file lib/Makefile.inc\nappend\n|# nfslock\n' >> ${list}
	printf 'file gone\nappend\n|x\n' >> ${list}
	echo '# nfslock' > tree/lib/Makefile.inc
	: > fresh.inc
	# Of crates it had others.
	rm -r tree/external/mit/rust-crates/dist/nix
	mkdir -p tree/external/mit/rust-crates/dist/other
	echo other > tree/external/mit/rust-crates/dist/other/lib.rs
	list=tree/external/mit/rust-crates/imported
	sed -i '/dist\/nix/d' ${list}
	(cd tree && cksum external/mit/rust-crates/dist/other/lib.rs) >> ${list}
	sed -i 's/^name = "nix"/name = "other"/' tree/external/mit/rust-crates/Cargo.lock
	sed -i "s,.* \(external/mit/rust-crates/Cargo.lock\)$,$(cksum \
	    < tree/external/mit/rust-crates/Cargo.lock) \1," ${list}

	source_tree 11 fresh
	atf_check -o ignore ${import} fresh
	stopped "" external/mit/rust-crates/dist/other/lib.rs \
	    external/mit/rust-crates/dist/nix/src/lib.rs lib/libnfslock/lock.rs
	atf_check -o match:"changed: lib/libnfslock/lock.rs" ${import} tree
	sed -i '/other(1)/d' tree/doc/CHANGES
	cp fresh.inc fresh/lib/Makefile.inc
	fingerprint fresh > expected
	fingerprint tree > after
	atf_check diff expected after
	rm tree/lib/Makefile.inc
	# Nobody needs a file to undo what is not in it.
	mv tree/doc/CHANGES away
	atf_check -o ignore ${import} -n -u tree
	mv away tree/doc/CHANGES
	: > "tree/lib/Makefile.nfslock-import"
	atf_check -o ignore ${import} -u tree
	fingerprint tree > after
	atf_check cmp before after
}

atf_test_case updated
updated_head()
{
	atf_set descr "When an update of the tree brings the program in C back to" \
	    "where it was, the next import puts it away"
	atf_set require.progs "bmake cargo"
}
updated_body()
{
	small_crates
	source_tree 11 tree
	atf_check -o ignore ${import} tree
	fingerprint tree > imported
	cp tree/libexec/mail.local/c/mail.local.c \
	    tree/libexec/mail.local/c/pathnames.h tree/libexec/mail.local
	atf_check -o ignore ${import} tree
	fingerprint tree > after
	atf_check cmp imported after

	# All of it, and then undone.
	cp tree/libexec/mail.local/c/* tree/libexec/mail.local
	atf_check -o ignore ${import} -u tree
	source_tree 11 before
	fingerprint before > expected
	fingerprint tree > after
	atf_check cmp expected after
}

atf_test_case committed
committed_head()
{
	atf_set descr "An import that was committed, to CVS with its directories and" \
	    "keywords, is known and can be undone; what nobody told git of is not" \
	    "overwritten"
	atf_set require.progs "bmake cargo git"
}
committed_body()
{
	small_crates
	source_tree 11 tree
	atf_check -o ignore ${import} tree
	find tree/external tree/libexec/mail.local tree/lib/libnfslock -type d |
	    while read -r directory; do
		mkdir "${directory}/CVS"
		echo D > "${directory}/CVS/Entries"
	    done
	find tree -name '*.rs' ! -path '*/dist/*' -exec sed -i \
	    's/[$]NetBSD[$]/$NetBSD: x,v 1.1 2026\/11\/30 kre Exp $/' {} +
	atf_check ${import} tree
	sed -i "s/\[$(id -un) [0-9]*\]$/[another 20250101]/" tree/doc/CHANGES
	# Branched off.
	sed -i 's/1199000500/1200000000/' tree/sys/sys/param.h
	atf_check -o ignore ${import} -u tree
	sed -i 's/1200000000/1199000500/' tree/sys/sys/param.h
	find tree -name CVS -exec rm -r {} +
	find tree -depth -type d -empty -delete
	mkdir -p tree/tools tree/usr.bin/make
	source_tree 11 expected
	fingerprint expected > before
	fingerprint tree > after
	atf_check diff before after

	git init -q tree
	git -C tree config status.showUntrackedFiles no
	git -C tree add .
	git -C tree -c user.name=n -c user.email=e commit -q -m m
	mkdir tree/lib/libnfslock
	echo mine > tree/lib/libnfslock/lock.rs
	refused "lib/libnfslock/lock.rs has changes"
}

atf_test_case undo_keeps
undo_keeps_head()
{
	atf_set descr "Undoing an import takes nothing with it that was changed" \
	    "since"
	atf_set require.progs "bmake cargo"
}
undo_keeps_body()
{
	small_crates
	source_tree 11 tree
	atf_check -o ignore ${import} tree
	echo '// changed' >> tree/lib/libnfslock/lock.rs
	fingerprint tree > before
	atf_check -s exit:65 -o ignore -e match:"lock.rs is not as the import" \
	    -e match:"nothing was changed" ${import} -u tree
	fingerprint tree > after
	atf_check cmp before after
	cp "${NFSLOCK_SRCDIR}/lib/libnfslock/lock.rs" tree/lib/libnfslock

	# Of a crate, of an edit, of the program in C.
	crate=tree/external/mit/rust-crates/dist/libc/src/lib.rs
	echo '// changed' >> ${crate}
	atf_check -s exit:65 -o ignore -e match:"not as the import made them" \
	    ${import} -u tree
	atf_check -s exit:65 -o ignore -e match:"not as the import made them" \
	    ${import} tree
	sed -i '$d' ${crate}
	echo '// changed' >> tree/libexec/mail.local/main.rs
	atf_check -s exit:65 -o ignore -e match:"main.rs is not as the import" \
	    ${import} -u tree
	atf_check -s exit:65 -o ignore -e match:"main.rs was changed since" \
	    ${import} tree
	sed -i '$d' tree/libexec/mail.local/main.rs
	sed -i 's/libnfslock$/libnfslock # changed/' tree/lib/Makefile
	atf_check -s exit:65 -o ignore -e match:"^lib/Makefile: take out by hand" \
	    ${import} -u tree
	sed -i 's/ # changed//' tree/lib/Makefile
	mv tree/libexec/mail.local/c away
	atf_check -s exit:65 -o ignore -e match:"no .*c/mail.local.c to put back" \
	    ${import} -u tree
	mv away tree/libexec/mail.local/c
	atf_check -o ignore ${import} -u tree
}

atf_test_case by_make
by_make_head()
{
	atf_set descr "bmake import, and bmake -n import, which only tells"
	atf_set require.progs "bmake cargo"
}
by_make_body()
{
	small_crates
	source_tree 11 tree
	fingerprint tree > before
	top="env MAKEOBJDIRPREFIX=${PWD}/obj bmake -C ${NFSLOCK_SRCDIR} \
	    NETBSDSRCDIR=${PWD}/tree DEVELOPER=kre"
	mkdir obj
	atf_check -o match:"new: lib/libnfslock/lock.rs" ${top} -n import
	fingerprint tree > after
	atf_check cmp before after
	atf_check -o match:"new: lib/libnfslock/lock.rs" ${top} import
	atf_check -o match:"\[kre 20[0-9]*\]" cat tree/doc/CHANGES
	atf_check -o match:"gone: lib/libnfslock/lock.rs" ${top} unimport
	fingerprint tree > after
	atf_check cmp before after
}

leaves="lib/libnfslock libexec/mail.local tests/lib/libnfslock
    tests/libexec/mail.local share/examples/nfslock share/mk"

# build TREE OBJECTS DESTDIR: all leaves, from dependall to install.
build()
{
	for leaf in ${leaves}; do
		for target in includes dependall install; do
			atf_check -o ignore -e ignore ${alone} \
			    env MAKESYSPATH="$1/share/mk:/usr/share/mk" \
			    bmake -C "$1/${leaf}" MAKEOBJDIRPREFIX="$2" \
			    DESTDIR="$3" MKRUST=yes MKDEBUG=yes MKRELRO=yes \
			    CC="${PWD}/ours" HOST_CC="${PWD}/hosts" \
			    RUSTTARGET="${host}" ${target}
		done
	done
}

# listed TREE: the files that the set lists name, if the keywords are given.
listed()
{
	cat "$1"/distrib/sets/lists/*/mi | awk '!/^#/ {
		count = split($3, keywords, ",")
		for (i = 1; i <= count; i++)
			if (keywords[i] !~ /^(atf|compattestfile|debug|kyua|rust|share|\.man)$/)
				next
		print $1
	}' | grep -e nfslock -e 'mail\.local' -e 'bsd\.rust\.mk' | sort
}

atf_test_case builds
builds_head()
{
	atf_set descr "The imported tree builds without a network, the same bytes" \
	    "in any place, and installs what the set lists name"
	atf_set require.progs "bmake cargo readelf unshare"
	atf_set require.user "root"
	atf_set timeout 900
}
builds_body()
{
	building_tree tree
	atf_check -o ignore ${import} tree
	mkdir -p one two/place
	mv tree one/src
	cp -R one/src two/place/usr.src
	fingerprint one/src > before

	host=$(rustc -vV | sed -n 's/^host: //p')
	for compiler in ours hosts; do
		printf '#!/bin/sh\necho "$*" >> %s.log\nexec cc "$@"\n' \
		    "${PWD}/${compiler}" > ${compiler}
		chmod +x ${compiler}
	done
	export HOME=/nonexistent
	alone="unshare --net"
	make="${alone} env MAKESYSPATH=${PWD}/one/src/share/mk:/usr/share/mk"
	make="${make} bmake MAKEOBJDIRPREFIX=${PWD}/one/obj RUSTTARGET=${host}"
	build "${PWD}/one/src" "${PWD}/one/obj" "${PWD}/one/dest"
	fingerprint one/src > after
	atf_check cmp before after
	# What runs while cargo builds is the host's, and all else is not.
	atf_check -o ignore grep build_script hosts.log
	atf_check -s exit:1 grep mail_local hosts.log
	atf_check -o ignore grep mail_local ours.log
	atf_check -s exit:1 grep build_script ours.log
	build "${PWD}/two/place/usr.src" "${PWD}/two/objects" "${PWD}/two/dest"
	fingerprint one/dest > first
	fingerprint two/dest > second
	atf_check diff first second
	atf_check -s exit:1 grep -ra "${PWD}" one/dest/usr/lib \
	    one/dest/usr/libexec one/dest/usr/libdata one/dest/usr/tests

	# The tree in miniature makes no debug files of C.
	listed one/src | grep -v debug/usr/tests > listed
	(cd one/dest && find . -type f -o -type d -path '*nfslock' -o \
	    -type d -path '*mail.local') | grep -e nfslock -e 'mail\.local' \
	    -e 'bsd\.rust\.mk' | sort > installed
	atf_check diff listed installed
	atf_check -o inline:"./usr/libexec/mail.local\n" \
	    sh -c "cd one/dest && find . -type f -perm 4555"

	readelf -hldW one/dest/usr/libexec/mail.local > elf
	for line in "Type: *DYN" GNU_RELRO BIND_NOW "GNU_STACK.* RW "; do
		atf_check -o ignore grep -e "${line}" elf
	done
	atf_check -s exit:1 grep -e RPATH -e RUNPATH elf
	atf_check -s exit:1 sh -c "readelf -SW one/dest/usr/libexec/mail.local |
	    grep debug_"

	for target in obj depend lint tags html; do
		for leaf in lib/libnfslock libexec/mail.local; do
			atf_check -o ignore -e ignore \
			    ${make} -C one/src/${leaf} ${target}
		done
	done
	for target in clean cleandir; do
		for leaf in ${leaves}; do
			atf_check -o ignore ${make} -C one/src/${leaf} ${target}
		done
	done
	atf_check find one/obj -type f
	fingerprint one/src > after
	atf_check cmp before after
}

atf_test_case variables
variables_head()
{
	atf_set descr "The variables of mk.conf(5) reach cargo and rustc"
	atf_set require.progs "bmake cargo"
}
variables_body()
{
	building_tree tree
	atf_check -o ignore ${import} tree
	while read -r which variable regex; do
		atf_check -o match:"${regex}" env \
		    MAKESYSPATH="${PWD}/tree/share/mk:/usr/share/mk" \
		    MAKEOBJDIRPREFIX="${PWD}/obj" MACHINE_ARCH=x86_64 \
		    MKRUST=yes bmake -C tree/libexec/mail.local "${which}" -V "\${${variable}}"
	done <<-'EOF'
	MKPIE=no _RUSTFLAGS Crelocation-model=static
	MKRELRO=no _RUSTFLAGS Crelro-level=off
	MKRELRO=partial _RUSTFLAGS Crelro-level=partial
	MKRELRO=yes _RUSTFLAGS Crelro-level=full
	MKDEBUG=yes _RUSTENV PROFILE_RELEASE_DEBUG=1
	MKDEBUG=no _RUSTENV PROFILE_RELEASE_DEBUG=0
	MKREPRO_TIMESTAMP=42 _RUSTENV SOURCE_DATE_EPOCH=42
	MAKEVERBOSE=1 _RUSTARGS .-quiet
	TOOL_CARGO=/a/cargo _RUSTBUILD ^/a/cargo
	TOOL_RUSTC=/a/rustc _RUSTENV RUSTC=/a/rustc
	MACHINE_ARCH=aarch64 _RUSTARGS aarch64-unknown-netbsd
	MACHINE_ARCH=earmv7hf _RUSTARGS armv7-unknown-netbsd-eabihf
	MACHINE_ARCH=sparc64 _RUSTARGS .-frozen
	LDFLAGS=-static _RUSTLD .-static
	DESTDIR=/a/b _RUSTLD sysroot=/a/b
	EOF
}

atf_test_case no_rust
no_rust_head()
{
	atf_set descr "Where Rust has no target, or MKRUST is no, mail.local is" \
	    "the one in C, and nothing else of the import is built"
	atf_set require.progs "bmake cargo cc"
}
no_rust_body()
{
	small_crates
	building_tree tree
	atf_check -o ignore ${import} tree
	make="env MAKESYSPATH=${PWD}/tree/share/mk:/usr/share/mk
	    MAKEOBJDIRPREFIX=${PWD}/obj"
	for which in "MACHINE_ARCH=vax MKRUST=yes" "MACHINE_ARCH=x86_64"; do
		rm -rf obj dest
		for target in dependall install; do
			atf_check -o ignore ${make} ${which} \
			    bmake -C tree/libexec/mail.local CARGO=false \
			    DESTDIR="${PWD}/dest" ${target}
		done
		atf_check -o inline:"dest/usr/libexec/mail.local
dest/usr/share/man/man8/mail.local.8\n" sh -c "find dest -type f | sort"
		atf_check -s exit:75 dest/usr/libexec/mail.local
		atf_check -o match:"the one in C" \
		    cat dest/usr/share/man/man8/mail.local.8
		for leaf in lib tests/lib tests/libexec share/examples; do
			atf_check -o not-match:"nfslock|mail\.local" \
			    ${make} ${which} MKSKEY=no bmake -C tree/${leaf} \
			    -V '${SUBDIR} ${TESTS_SUBDIRS}'
		done
	done
	for leaf in lib tests/lib share/examples; do
		atf_check -o match:nfslock ${make} MACHINE_ARCH=x86_64 \
		    MKRUST=yes MKSKEY=no bmake -C tree/${leaf} \
		    -V '${SUBDIR} ${TESTS_SUBDIRS}'
	done
}

atf_test_case no_cargo
no_cargo_head()
{
	atf_set descr "A build without cargo, or with an old one, stops at once" \
	    "and says what to do"
	atf_set require.progs "bmake cargo"
}
no_cargo_body()
{
	building_tree tree
	atf_check -o ignore ${import} tree
	printf '#!/bin/sh\necho "cargo 1.63.0 (old)"\n' > old
	chmod +x old
	for tool in CARGO=${PWD}/old CARGO=${PWD}/none RUSTC=${PWD}/none; do
		atf_check -s not-exit:0 -o ignore \
		    -e match:"${tool#*=} is not there, or older.*TOOL_CARGO" \
		    env MAKESYSPATH="${PWD}/tree/share/mk:/usr/share/mk" \
		    bmake -C tree/lib/libnfslock MAKEOBJDIRPREFIX="${PWD}/obj" \
		    TOOL_${tool} dependall
	done
	# One version, said once for people and once for cargo.
	atf_check -o match:'^rust-version = "1.85"$' cat \
	    "${NFSLOCK_SRCDIR}/Cargo.toml"
}

atf_init_test_cases()
{
	atf_add_test_case fits_9
	atf_add_test_case fits_10
	atf_add_test_case fits_11
	atf_add_test_case refuses
	atf_add_test_case interrupted
	atf_add_test_case upgrades
	atf_add_test_case updated
	atf_add_test_case committed
	atf_add_test_case undo_keeps
	atf_add_test_case by_make
	atf_add_test_case builds
	atf_add_test_case variables
	atf_add_test_case no_rust
	atf_add_test_case no_cargo
}
