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


# What the tests of the import share.

# source_tree VERSION DIRECTORY: a source tree in miniature, of NetBSD 9, 10 or 11.
source_tree()
{
	[ -n "${NFSLOCK_SRCDIR}" ] || atf_skip "NFSLOCK_SRCDIR names no source"
	awk -v version="$1" -v tree="$2" '
	    /^===/ {
		if (file)
			close(file)
		file = tree "/" $2
		directory = file
		sub(/\/[^\/]*$/, "", directory)
		system("mkdir -p " directory)
		mark = file ~ /\.[1-9]$/ ? ".\\\"" : file ~ /\.[ch]$/ ? "//" : "#"
		print mark "\t$NetBSD: " $2 ",v 1.6 1997/10/08 mrg Exp $" > file
		next
	    }
	    !file { next }
	    match($0, /^@[0-9]+@/) {
		if (substr($0, 2, RLENGTH - 2) != version)
			next
		$0 = substr($0, RLENGTH + 1)
	    }
	    { print > file }' "$(atf_get_srcdir)/d_tree"
	# NetBSD 9 has no such list.
	[ "$1" != 9 ] || rm -r "$2/distrib/sets/lists/manhtml"
}

# Give the tree what builds in it: a <bsd.own.mk> and its sisters that do on this
# machine what those of NetBSD do on NetBSD's.
building_tree()
{
	source_tree 11 "$1"
	for shim in files lib prog subdir test; do
		sed 's/linux\.\([a-z]*\)\.mk/bsd.\1.mk/' \
		    "${NFSLOCK_SRCDIR}/share/linux-mk/linux.${shim}.mk" \
		    > "$1/share/mk/bsd.${shim}.mk.new"
		[ "${shim}" = prog ] ||
		    mv "$1/share/mk/bsd.${shim}.mk.new" "$1/share/mk/bsd.${shim}.mk"
	done
	# A program of C's as well, and what stands above a directory.
	{
		cat "$1/share/mk/bsd.prog.mk"
		echo '.if exists(${.CURDIR}/../Makefile.inc)
.include "${.CURDIR}/../Makefile.inc"
.endif
.include <bsd.own.mk>
.if defined(PROG) && !target(${PROG})
${PROG}: ${PROG}.c
	${CC} -o ${.TARGET} ${.ALLSRC:M*.c}
.endif'
		cat "$1/share/mk/bsd.prog.mk.new"
	} > prog.mk
	mv prog.mk "$1/share/mk/bsd.prog.mk"
	cat "${NFSLOCK_SRCDIR}/share/linux-mk/linux.own.mk" \
	    >> "$1/share/mk/bsd.own.mk"
}

# The import, whose arguments follow.
import="env MAKE=bmake sh ${NFSLOCK_SRCDIR}/share/import/import"

# Have the import get small crates, and get them soon.
small_crates()
{
	cat > cargo <<-'EOF'
	#!/bin/sh
	for last; do :; done
	for crate in libc nix; do
		mkdir -p "${last}/${crate}/src"
		echo "// ${crate}" > "${last}/${crate}/src/lib.rs"
		: > "${last}/${crate}/Cargo.toml.orig"
		printf '{"files":{"Cargo.toml.orig":"0f","src/lib.rs":"1e"}}' \
		    > "${last}/${crate}/.cargo-checksum.json"
	done
	EOF
	chmod +x cargo
	export CARGO="${PWD}/cargo"
}

# fingerprint DIRECTORY: of all that is in it.
fingerprint()
{
	(cd "$1" && find . -name .git -prune -o -type f -exec cksum {} + &&
	    find . -name .git -prune -o ! -type f -print) | sort
}
