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

#
# bsd.rust.mk - have cargo build the LIB or the PROG of a leaf Makefile
#
# A leaf Makefile names what it makes and includes this file, by a path
# relative to itself, instead of <bsd.lib.mk>, <bsd.prog.mk>, <bsd.test.mk>
# or <bsd.subdir.mk>, which this file includes itself.  It uses those of
# NetBSD where make is NetBSD's or builds NetBSD, and elsewhere the shims
# in ../linux-mk, so that no other system's files of these names get in.
#
# It sets none but these targets; the rest are those of the included file:
#
# lib${LIB}.a	The static library of crate ${CRATE}: one object, whose global
#		symbols are those that begin with ${LIB}_, without a Rust
#		runtime.  The crate is no_std and has its panic handler under
#		#[cfg(${LIB}_archive)].
# ${PROG}	The program of crate ${CRATE}.
# cleanrust	Remove cargo's own output; a part of clean and cleandir.
#
# It reads these variables, beside those that the included file reads:
#
# CARGO		The cargo to run, 1.85 or later.  [${TOOL_CARGO}, else cargo]
#
# CRATE		Name of the crate.  [${LIB}, or ${PROG} with '-' for '.']
#
# HOST_CC	Links what runs while cargo builds.  [cc]
#
# INCS		The functions which the library's headers declare are the
#		roots of what goes into the archive.
#
# LIB		The library, as for <bsd.lib.mk>.
#
# MAKEVERBOSE, MKPIE, MKRELRO, MKREPRO_TIMESTAMP, MKSTRIPIDENT
#		As in <bsd.own.mk>.  The same bytes come out wherever the tree
#		is, whatever MKREPRO says.
#
# MKDEBUG	As in <bsd.own.mk>, for PROG; there is no debug library.
#
# MKRUST	As in <bsd.own.mk>.  [yes]
#
# PROG		The program, as for <bsd.prog.mk>.  rustc takes no '.' in a
#		name, so cargo builds ${CRATE}.
#
# RUSTC		The compiler that cargo runs.  [${TOOL_RUSTC}, else cargo's]
#
# RUSTELSE	Subdirectory that is built in place of PROG where MKRUST is no.
#
# RUSTDPDIRS	Directories of the other crates of this tree that are linked
#		in: ${CRATE} is built anew when they change.
#
# RUSTFLAGS	More flags for the compiler.
#
# RUSTMANIFEST	The manifest of the crate, below that of its workspace and the
#		lock file.  [${.CURDIR}/Cargo.toml; in NetBSD's tree, which has
#		no workspace, the same by a path in the object directory, where
#		one is made of links]
#
# RUSTTARGET	Rust's name of the machine that is built for.
#		[${RUST_TARGET.${MACHINE_ARCH}} of <bsd.own.mk>, else the
#		building machine]
#
# RUSTVENDOR	Directory of the crates that are not in this tree, as cargo
#		vendor makes it.  Nothing is fetched then, and cargo's home is
#		the object directory.  [external/mit/rust-crates/dist of
#		NetBSD's tree; not defined elsewhere: cargo may fetch what the
#		lock file names]
#
# SUBDIR	As for <bsd.subdir.mk>.
#
# TESTS_C, TESTS_SH
#		As for <bsd.test.mk>.

.if !defined(_BSD_RUST_MK_)
_BSD_RUST_MK_=1

.if defined(LIB)
# There is the one archive, which <bsd.own.mk> has to know.
NOPIC=
NOPROFILE=
NOLINT=
NODEBUGLIB=
.endif

# The shims are never imported: where they stand, this is not NetBSD's tree.
.if ${.MAKE.OS} != "NetBSD" && exists(${.PARSEDIR}/../linux-mk/linux.own.mk)
_RUSTSHIMS=	yes
.  include "../linux-mk/linux.own.mk"
.else
_RUSTSHIMS=	no
.  include <bsd.own.mk>
.endif

.if ${MKRUST:Uyes} == "no" && exists(${.CURDIR}/${RUSTELSE:Unone})
.undef PROG
.undef MAN
SUBDIR=		${RUSTELSE}
.endif

.if defined(LIB) || defined(PROG)					# {

CRATE?=		${PROG:D${PROG:S/./-/g}:U${LIB}}
CARGO?=		${TOOL_CARGO:Ucargo}
.if defined(TOOL_RUSTC)
RUSTC?=		${TOOL_RUSTC}
.endif
OBJCOPY?=	objcopy

.if defined(RUST_TARGET.${MACHINE_ARCH})
RUSTTARGET?=	${RUST_TARGET.${MACHINE_ARCH}}
.endif

# The manifest of NetBSD's workspace stays with the crates of others.  cargo
# knows a crate by its place below the manifest, and so has to see it there: by
# another path the same source would become other bytes.
_RUSTCRATES=	${NETBSDSRCDIR:U/nonexistent}/external/mit/rust-crates
_RUSTLINKS=
_RUSTTOP=	${.PARSEDIR:tA:H:H}
.if !empty(.CURDIR:M${NETBSDSRCDIR:U/nonexistent}/*) && \
    exists(${_RUSTCRATES}/Cargo.toml)
RUSTVENDOR?=	${_RUSTCRATES}/dist
_RUSTTOP=	${.OBJDIR}/workspace
RUSTMANIFEST?=	${_RUSTTOP}${.CURDIR:S/^${NETBSDSRCDIR}//}/Cargo.toml
_RUSTLINKS=	${_RUSTCRATES}/Cargo.toml ${_RUSTCRATES}/Cargo.lock \
		${NETBSDSRCDIR}/lib ${NETBSDSRCDIR}/libexec
.endif
RUSTMANIFEST?=	${.CURDIR}/Cargo.toml

# cargo links through a script: a linker's name takes no arguments.
_RUSTLD=	${CC} ${LDFLAGS}
.if ${_RUSTSHIMS} == "no" && "${DESTDIR}" != ""
_RUSTLD+=	--sysroot=${DESTDIR}
.endif

# The same bytes wherever they are built: no path of the building machine.
_RUSTHOME=	${RUSTVENDOR:D${.OBJDIR}/cargohome:U${CARGO_HOME:U${HOME}/.cargo}}
_RUSTOUT=	${.OBJDIR}/rust
_RUSTFLAGS=	-Clinker=${.OBJDIR}/rustld \
		--remap-path-prefix=${_RUSTTOP}=/usr/src \
		--remap-path-prefix=${_RUSTHOME}=/cargo \
		${RUSTVENDOR:D--remap-path-prefix=${RUSTVENDOR}=/vendor} \
		--remap-path-prefix=${_RUSTOUT}=/obj
.if defined(PROG)
.  if ${MKPIE:Uyes} == "no"
_RUSTFLAGS+=	-Crelocation-model=static
.  endif
_RUSTFLAGS+=	${MKRELRO:D-Crelro-level=${MKRELRO:S/no/off/:S/yes/full/}}
.endif
_RUSTFLAGS+=	${RUSTFLAGS}

# The whole of the profile stands here: /usr/src has no manifest above the
# crate's own where it could.
_RUSTENV=	CARGO_HOME=${_RUSTHOME:Q} \
		CARGO_TARGET_DIR=${_RUSTOUT:Q} \
		CARGO_INCREMENTAL=0 \
		CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
		CARGO_PROFILE_RELEASE_DEBUG=${_RUSTDEBUG} \
		CARGO_PROFILE_RELEASE_LTO=fat \
		CARGO_PROFILE_RELEASE_OPT_LEVEL=s \
		CARGO_PROFILE_RELEASE_PANIC=abort \
		CARGO_ENCODED_RUSTFLAGS='${_RUSTFLAGS:ts\037}' \
		${RUSTC:DRUSTC=${RUSTC:Q}} \
		${MKREPRO_TIMESTAMP:DSOURCE_DATE_EPOCH=${MKREPRO_TIMESTAMP}}
_RUSTDEBUG=	0

_RUSTARGS=	--manifest-path ${RUSTMANIFEST} --package ${CRATE} --release
.if defined(RUSTTARGET)
_RUSTARGS+=	--target ${RUSTTARGET} --config \
		"target.$$(${_RUSTHOST}).linker='${.OBJDIR}/hostld'"
_RUSTHOST=	${RUSTC:Urustc} -vV | sed -n 's/^host: //p'
.endif
.if ${MAKEVERBOSE:U2} < 2
_RUSTARGS+=	--quiet
_RUSTSAY=	@:
.else
_RUSTSAY=	@echo
.endif
.if defined(RUSTVENDOR)
_RUSTARGS+=	--frozen \
		--config 'source.crates-io.replace-with="vendored-sources"' \
		--config 'source.vendored-sources.directory="${RUSTVENDOR}"'
.else
_RUSTARGS+=	--locked
.endif

_RUSTREL=	${_RUSTOUT}${RUSTTARGET:D/${RUSTTARGET}}/release
.for _D in ${.CURDIR} ${RUSTDPDIRS}
_RUSTSRCS+=	${_D}/*.rs ${_D}/Cargo.toml
.endfor
.if !empty(_RUSTLINKS)
_RUSTSRCS+=	${_RUSTLINKS:M*/Cargo.lock}
.elif exists(${RUSTMANIFEST:H:H:H}/Cargo.lock)
_RUSTSRCS+=	${RUSTMANIFEST:H:H:H}/Cargo.lock
.endif

# A build without Rust ends here, and says why.  The rest is written each time,
# for the compilers that there are by now.
_rustready: .USEBEFORE
	@for tool in ${CARGO} ${RUSTC:Urustc}; do \
	    version=$$($$tool --version 2>/dev/null | \
		sed -n 's/^[a-z]* 1\.\([0-9]*\)\..*/\1/p'); \
	    [ "$${version:-0}" -ge 85 ] || { \
		echo "$$tool is not there, or older than Rust 1.85: install" \
		    "pkgsrc's lang/rust, and let TOOL_CARGO and TOOL_RUSTC" \
		    "name its cargo and rustc; or set MKRUST=no" >&2; \
		exit 1; \
	    }; \
	done
.if !empty(_RUSTLINKS)
	@rm -rf workspace && mkdir workspace && ln -s ${_RUSTLINKS} workspace
.endif
	@printf '#!/bin/sh\nexec %s "$$@"\n' ${HOST_CC:Ucc:Q} > hostld
	@printf '#!/bin/sh\nexec %s "$$@"\n' ${_RUSTLD:Q} > rustld
	@chmod +x hostld rustld

CLEANFILES+=	rustld hostld
.NOPATH:	${PROG} ${LIB:D${LIB}.o}
.PHONY:		cleanrust
clean cleandir:	cleanrust
cleanrust:
	rm -rf ${_RUSTOUT} ${.OBJDIR}/cargohome ${.OBJDIR}/workspace

.endif									# }

.if defined(LIB)							# {

SRCS=		${LIB}.o
CLEANFILES+=	${LIB}.o ${LIB}.o.all
# There is nothing in it for ctags.
tags:

# An archive with a Rust runtime in it clashes with the next one in the same
# program.  So all of cargo's archive that the header's functions need becomes
# one object, in which nothing else stays global.
_RUSTBUILD=	${CARGO} rustc ${_RUSTARGS} --lib --crate-type staticlib \
		-- --cfg ${LIB}_archive
${LIB}.o: _rustready ${INCS} ${_RUSTSRCS}
	${_MKTARGET_COMPILE}
	${_RUSTSAY} ${_RUSTBUILD:Q}
	@${_RUSTENV} ${_RUSTBUILD}
	${LD} -r --gc-sections -o ${.TARGET}.all \
	    $$(sed -n 's/^[a-z].*[^a-z0-9_]\(${LIB}_[a-z0-9_]*\)(.*/-u \1/p' \
	    ${.ALLSRC:M*.h}) ${_RUSTREL}/lib${CRATE:S/-/_/g}.a
	${OBJCOPY} --wildcard --keep-global-symbol='${LIB}_*' --strip-debug \
	    --remove-section=.llvmbc --remove-section=.llvmcmd \
	    --remove-section=.comment ${.TARGET}.all ${.TARGET}
	@rm -f ${.TARGET}.all

.  if ${_RUSTSHIMS} == "yes"
.    include "../linux-mk/linux.lib.mk"
.  else
.    include <bsd.lib.mk>
.  endif								# }

.elif defined(TESTS_C) || defined(TESTS_SH)				# {

.  if ${_RUSTSHIMS} == "yes"
.    include "../linux-mk/linux.test.mk"
.  else
.    include <bsd.test.mk>
.  endif								# }

.elif defined(SUBDIR)							# {

.  if ${_RUSTSHIMS} == "yes"
.    include "../linux-mk/linux.subdir.mk"
.  else
.    include <bsd.subdir.mk>
.  endif								# }

.else									# {

.  if defined(PROG)
SRCS=
_RUSTBUILD=	${CARGO} build ${_RUSTARGS} --bin ${CRATE}
.    if ${MKDEBUG:Uno} != "no"
_RUSTDEBUG=	1
_RUSTLINK=	-R .gnu_debuglink --add-gnu-debuglink=${PROG}.debug
FILES+=		${PROG}.debug
FILESDIR_${PROG}.debug=	${DEBUGDIR}${BINDIR}
CLEANFILES+=	${PROG}.debug

${PROG}.debug: ${PROG}
.    endif

${PROG}: _rustready ${_RUSTSRCS}
	${_MKTARGET_COMPILE}
	${_RUSTSAY} ${_RUSTBUILD:Q}
	@${_RUSTENV} ${_RUSTBUILD}
.    if ${MKDEBUG:Uno} != "no"
	${OBJCOPY} --only-keep-debug ${_RUSTREL}/${CRATE} ${.TARGET}.debug
.    endif
	${OBJCOPY} --strip-debug ${_RUSTLINK} \
	    ${MKSTRIPIDENT:Uno:S/yes/-R .ident/:S/no//} \
	    ${_RUSTREL}/${CRATE} ${.TARGET}
.  endif

.  if ${_RUSTSHIMS} == "yes"
.    include "../linux-mk/linux.prog.mk"
.  else
.    include <bsd.prog.mk>
.  endif

.endif									# }

.endif	# !defined(_BSD_RUST_MK_)
