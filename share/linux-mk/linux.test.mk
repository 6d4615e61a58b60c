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


# What <bsd.test.mk> of NetBSD does, as far as this tree needs it.

# Libraries of this tree: lib${_L}.a stands in the object directory of ${_D},
# its header in ${_D}.  To ask for the directory makes it.
.if !make(clean*)
.for _L _D in ${PROGDPLIBS}
_O.${_L}!=	cd ${_D} && ${MAKE} -v .OBJDIR
CPPFLAGS+=	-I${_D:tA}
_MAPPED+=	${_D:tA}
LDADD+=		${_O.${_L}}/lib${_L}.a
DPADD+=		${_O.${_L}}/lib${_L}.a ${_D}/${_L}.h
.endfor
.endif

COPTS?=		-O2 -g
# The same bytes in any place, as with MKREPRO on NetBSD.
.for _D in ${_MAPPED} ${.CURDIR} ${.OBJDIR}
COPTS+=		-ffile-prefix-map=${_D}=/usr/src
.endfor
# Debian's sys.mk takes DESTDIR for the root of a system's headers.
CPPFLAGS:=	${CPPFLAGS:N-nostdinc:N-idirafter:N${DESTDIR}/usr/include}
.for _P in ${TESTS_C} ${PROGS}
${_P}:		${_P}.c ${DPADD}
	${CC} ${COPTS} ${CPPFLAGS} -o ${.TARGET} ${.ALLSRC:M*.c} ${LDADD} \
	    ${TESTS_C:M${_P}:D-latf-c}
.endfor

.for _P in ${TESTS_SH}
${_P}:		${_P}.sh
	{ echo '#! /usr/bin/atf-sh'; cat ${.ALLSRC}; } > ${.TARGET}.tmp
	chmod +x ${.TARGET}.tmp
	mv ${.TARGET}.tmp ${.TARGET}
.endfor

.for _P in ${TESTS_C} ${TESTS_SH} ${PROGS}
all:		${_P}
_T:=		${DESTDIR}${TESTSDIR}/${_P}
_MODE.${_T}:=	${BINMODE}
_FILES:=	${_FILES} ${_T}
${_T}:		${_P} _install
.endfor

Atffile: Makefile
	@{ printf 'Content-Type: application/X-atf-atffile; version="1"\n\n'; \
	    printf 'prop: test-suite = "NetBSD"\n\n'; \
	    printf 'tp: %s\n' ${TESTS_C} ${TESTS_SH}; } > ${.TARGET}
Kyuafile: Makefile
	@{ printf 'syntax(2)\n\ntest_suite("NetBSD")\n\n'; \
	    printf 'atf_test_program{name="%s"}\n' ${TESTS_C} ${TESTS_SH}; } \
	    > ${.TARGET}

FILES+=		Atffile Kyuafile
FILESDIR_Atffile=	${TESTSDIR}
FILESDIR_Kyuafile=	${TESTSDIR}
CLEANFILES+=	${TESTS_C} ${TESTS_SH} ${PROGS} Atffile Kyuafile

.include "linux.files.mk"
