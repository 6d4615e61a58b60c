#	$NetBSD$

SUBDIR=	lib .WAIT libexec share .WAIT tests

.PHONY:	test soak demo lint

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

lint:
	@CC=${CC:Q} CXX=${CXX:Q} \
	    sh ${.CURDIR}/share/lint ${.CURDIR} ${.OBJDIR}

.include "share/mk/bsd.rust.mk"
