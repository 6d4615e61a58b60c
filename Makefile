#	$NetBSD$

# What is said, and not what NetBSD's <bsd.own.mk> takes for it.
_INTO:=	${NETBSDSRCDIR:U}

SUBDIR=	lib .WAIT libexec share .WAIT tests

.PHONY:	test soak demo bench lint import unimport

# TESTS= kyua's names of some tests, for those alone: lib/libnfslock,
# libexec/mail.local/t_deliver, libexec/mail.local/t_deliver:basic.
test: all
	@MAKE=${MAKE:Q} sh ${.CURDIR}/share/test ${.CURDIR} ${.OBJDIR} ${TESTS}

# As test, for longer.
soak: all
	@NFSLOCK_SOAK=${NFSLOCK_SOAK:U20} MAKE=${MAKE:Q} \
	    sh ${.CURDIR}/share/test ${.CURDIR} ${.OBJDIR} ${TESTS}

# MBOX= a file of messages to deliver as well.
demo:
	@cd ${.CURDIR}/libexec/mail.local && ${MAKE} all && \
	    ${MAKE} install DESTDIR=${.OBJDIR}/demo
	@cd ${.CURDIR}/tests/demo && \
	    MAIL_LOCAL=${.OBJDIR}/demo/usr/libexec/mail.local ${MAKE} demo

# BENCH=quick to see that it works; BENCHFLAGS= rows, and other options of
# tests/bench.  sh share/setup bench gets the peers first.
bench:
	@for dir in lib/libnfslock libexec/mail.local; do \
	    cd ${.CURDIR}/$$dir && ${MAKE} all && \
	    ${MAKE} install DESTDIR=${.OBJDIR}/bench/dest || exit 1; \
	done
	@cd ${.CURDIR}/tests/bench && \
	    BENCHDIR=${.OBJDIR}/bench \
	    NFSLOCK_PEERS=$${NFSLOCK_PEERS:-${.OBJDIR}/peers} \
	    NFSLOCK_LIB=${.OBJDIR}/bench/dest/usr/lib/libnfslock.a \
	    MAIL_LOCAL=${.OBJDIR}/bench/dest/usr/libexec/mail.local \
	    ${MAKE} bench

lint:
	@CC=${CC:Q} CXX=${CXX:Q} \
	    sh ${.CURDIR}/share/lint ${.CURDIR} ${.OBJDIR}

# Into NetBSD's source tree, NETBSDSRCDIR, and out of it; with -n they only tell
# what they would do.  DEVELOPER= who doc/CHANGES names.
import unimport:
	+@cd ${.CURDIR} && MAKE=${MAKE:Q} DEVELOPER=${DEVELOPER:Q} \
	    CARGO=${CARGO:U${TOOL_CARGO}:Q} \
	    sh share/import/import ${.MAKEFLAGS:M-n} \
	    ${.TARGET:Munimport:S/unimport/-u/} ${_INTO:Q}

.include "share/mk/bsd.rust.mk"
