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
# CARGO		The cargo to run.  [${TOOL_CARGO}, else cargo]
#
# CRATE		Name of the crate.  [${LIB}, or ${PROG} with '-' for '.']
#
# INCS		The functions which the library's headers declare are the
#		roots of what goes into the archive.
#
# LIB		The library, as for <bsd.lib.mk>.
#
# MKDEBUG	As in <bsd.own.mk>, for PROG; there is no debug library.
#
# PROG		The program, as for <bsd.prog.mk>.  rustc takes no '.' in a
#		name, so cargo builds ${CRATE}.
#
# RUSTC		The compiler that cargo runs.  [${TOOL_RUSTC}, else cargo's]
#
# RUSTDPDIRS	Directories of the other crates of this tree that are linked
#		in: ${CRATE} is built anew when they change.
#
# RUSTFLAGS	More flags for the compiler.
#
# RUSTMANIFEST	The manifest in whose workspace the crate and the lock file
#		are.  [${.CURDIR}/Cargo.toml]
#
# RUSTTARGET	Rust's name of the machine that is built for.
#		[by ${MACHINE_ARCH} on NetBSD; elsewhere the building machine]
#
# RUSTVENDOR	Directory of the crates that are not in this tree, as cargo
#		vendor makes it.  Nothing is fetched then, and cargo's home is
#		the object directory.  [not defined: cargo may fetch what the
#		lock file names]
#
# SUBDIR	As for <bsd.subdir.mk>.
#
# TESTS_C, TESTS_SH
#		As for <bsd.test.mk>.

.if !defined(_BSD_RUST_MK_)
_BSD_RUST_MK_=1

# The shims are never imported: where they stand, this is not NetBSD's tree.
.if ${.MAKE.OS} != "NetBSD" && exists(${.PARSEDIR}/../linux-mk/linux.own.mk)
_RUSTSHIMS=	yes
.  include "../linux-mk/linux.own.mk"
.else
_RUSTSHIMS=	no
.  include <bsd.own.mk>
.endif

.if defined(LIB) || defined(PROG)					# {

CRATE?=		${PROG:D${PROG:S/./-/g}:U${LIB}}
CARGO?=		${TOOL_CARGO:Ucargo}
.if defined(TOOL_RUSTC)
RUSTC?=		${TOOL_RUSTC}
.endif
OBJCOPY?=	objcopy
RUSTMANIFEST?=	${.CURDIR}/Cargo.toml

.if ${_RUSTSHIMS} == "no"
_RUSTARCH.x86_64=	x86_64-unknown-netbsd
_RUSTARCH.i386=		i586-unknown-netbsd
_RUSTARCH.aarch64=	aarch64-unknown-netbsd
_RUSTARCH.aarch64eb=	aarch64_be-unknown-netbsd
_RUSTARCH.earmv6hf=	armv6-unknown-netbsd-eabihf
_RUSTARCH.earmv7hf=	armv7-unknown-netbsd-eabihf
_RUSTARCH.powerpc=	powerpc-unknown-netbsd
_RUSTARCH.sparc64=	sparc64-unknown-netbsd
_RUSTARCH.riscv64=	riscv64gc-unknown-netbsd
_RUSTARCH.mipsel=	mipsel-unknown-netbsd
RUSTTARGET?=	${_RUSTARCH.${MACHINE_ARCH}}
.endif

# cargo links through a script: a linker's name takes no arguments.
_RUSTLD=	${CC} ${LDFLAGS}
.if ${_RUSTSHIMS} == "no" && "${DESTDIR}" != ""
_RUSTLD+=	--sysroot=${DESTDIR}
.endif

# The same bytes wherever they are built: no path of the building machine.
_RUSTHOME=	${RUSTVENDOR:D${.OBJDIR}/cargohome:U${CARGO_HOME:U${HOME}/.cargo}}
_RUSTOUT=	${.OBJDIR}/rust
_RUSTFLAGS=	-Clinker=${.OBJDIR}/rustld \
		--remap-path-prefix=${_RUSTHOME}=/cargo \
		${RUSTVENDOR:D--remap-path-prefix=${RUSTVENDOR}=/vendor} \
		--remap-path-prefix=${.CURDIR}=/src \
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

_RUSTARGS=	--manifest-path ${RUSTMANIFEST} --package ${CRATE} --release \
		${RUSTTARGET:D--target ${RUSTTARGET}}
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
.if exists(${RUSTMANIFEST:H}/../../Cargo.lock)
_RUSTSRCS+=	${RUSTMANIFEST:H}/../../Cargo.lock
.endif

rustld:
	@printf '#!/bin/sh\nexec %s "$$@"\n' '${_RUSTLD}' > ${.TARGET}
	@chmod +x ${.TARGET}

CLEANFILES+=	rustld
.PHONY:		cleanrust
clean cleandir:	cleanrust
cleanrust:
	rm -rf ${_RUSTOUT} ${.OBJDIR}/cargohome

.endif									# }

.if defined(LIB)							# {

NOPIC=
NOPROFILE=
NOLINT=
NODEBUGLIB=
SRCS=
STOBJS=		${LIB}.o
CLEANFILES+=	${LIB}.o

# An archive with a Rust runtime in it clashes with the next one in the same
# program.  So all of cargo's archive that the header's functions need becomes
# one object, in which nothing else stays global.
_RUSTBUILD=	${CARGO} rustc ${_RUSTARGS} --lib --crate-type staticlib \
		-- --cfg ${LIB}_archive
${LIB}.o: rustld ${INCS} ${_RUSTSRCS}
	@echo ${_RUSTBUILD:Q}
	@${_RUSTENV} ${_RUSTBUILD}
	${LD} -r --gc-sections -o ${.TARGET} \
	    $$(sed -n 's/^[a-z].*[^a-z0-9_]\(${LIB}_[a-z0-9_]*\)(.*/-u \1/p' \
	    ${.ALLSRC:M*.h}) ${_RUSTREL}/lib${CRATE:S/-/_/g}.a
	${OBJCOPY} --wildcard --keep-global-symbol='${LIB}_*' --strip-debug \
	    --remove-section=.llvmbc --remove-section=.llvmcmd \
	    --remove-section=.comment ${.TARGET}

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

${PROG}: rustld ${_RUSTSRCS}
	@echo ${_RUSTBUILD:Q}
	@${_RUSTENV} ${_RUSTBUILD}
.    if ${MKDEBUG:Uno} != "no"
	${OBJCOPY} --only-keep-debug ${_RUSTREL}/${CRATE} ${.TARGET}.debug
.    endif
	${OBJCOPY} --strip-debug -p ${_RUSTLINK} ${_RUSTREL}/${CRATE} ${.TARGET}
.  endif

.  if ${_RUSTSHIMS} == "yes"
.    include "../linux-mk/linux.prog.mk"
.  else
.    include <bsd.prog.mk>
.  endif

.endif									# }

.endif	# !defined(_BSD_RUST_MK_)
