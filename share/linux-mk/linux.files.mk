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


# What <bsd.files.mk>, <bsd.inc.mk>, <bsd.man.mk> and <bsd.clean.mk> of NetBSD
# do, as far as this tree needs it.

# The same for every kind of file: where it goes, from what, with which mode.
_install: .USE
	${INSTALL_FILE} -m ${_MODE.${.TARGET}} ${.ALLSRC} ${.TARGET}

.for F in ${FILES}
_T:=		${DESTDIR}${FILESDIR_${F}:U${FILESDIR:U${BINDIR}}}/${F:T}
_MODE.${_T}:=	${FILESMODE:U${NONBINMODE}}
_FILES:=	${_FILES} ${_T}
${_T}:		${F} _install
all:		${F}
.endfor

.for F in ${INCS}
_T:=		${DESTDIR}${INCSDIR}/${F}
_MODE.${_T}:=	${NONBINMODE}
_INCS:=		${_INCS} ${_T}
${_T}:		${F} _install
.endfor

.for F in ${MAN}
_T:=		${DESTDIR}${MANDIR}/man${F:E}/${F}
_MODE.${_T}:=	${NONBINMODE}
_FILES:=	${_FILES} ${_T}
${_T}:		${F} _install
html:		${F}.html
CLEANFILES+=	${F}.html
${F}.html:	${F}
	mandoc -Thtml ${.ALLSRC} > ${.TARGET}
.endfor

.for S T in ${MLINKS}
_T:=		${DESTDIR}${MANDIR}/man${T:E}/${T}
_FILES:=	${_FILES} ${_T}
${_T}:		${DESTDIR}${MANDIR}/man${S:E}/${S}
	mkdir -p ${.TARGET:H}
	ln -sf ../man${S:E}/${S} ${.TARGET}
.endfor

.PHONY:		${_FILES} ${_INCS}
includes:	${_INCS}
install:	${_INCS} ${_FILES}
dependall:	all

.PHONY:		cleanfiles
clean cleandir:	cleanfiles
cleanfiles:
	rm -f ${CLEANFILES}

.if ${.OBJDIR} != ${.CURDIR}
.PHONY:		cleanobj cleanrust
cleandir:	cleanobj
cleanrust:
cleanobj:	cleanfiles cleanrust
	cd ${.CURDIR} && rm -rf ${.OBJDIR}
.endif
