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


# What <bsd.own.mk> and <bsd.obj.mk> of NetBSD do, as far as this tree needs it.

.if !defined(_LINUX_OWN_MK_)
_LINUX_OWN_MK_=1

# Objects go to ${MAKEOBJDIRPREFIX}${.CURDIR}, or to obj in the leaf.
.if ${.OBJDIR} == ${.CURDIR}
_OBJDIR:=	${MAKEOBJDIRPREFIX:D${MAKEOBJDIRPREFIX}${.CURDIR}:U${.CURDIR}/obj}
_OBJMADE!=	mkdir -p ${_OBJDIR} && echo yes || echo no
.  if ${_OBJMADE} == "no"
.    error ${.CURDIR}: set MAKEOBJDIRPREFIX to a directory that you may write to
.  endif
.OBJDIR:	${_OBJDIR}
.endif

DESTDIR?=
BINDIR?=	/usr/bin
BINMODE?=	555
BINOWN?=	root
BINGRP?=	root
NONBINMODE?=	444
LIBDIR?=	/usr/lib
INCSDIR?=	/usr/include
MANDIR?=	/usr/share/man
TESTSBASE?=	/usr/tests
DEBUGDIR?=	/usr/lib/debug

# Only root gives files away.
_UID!=		id -u
INSTALL_FILE?=	install -D ${"${_UID}" == "0":?-o ${BINOWN} -g ${BINGRP}:}

.MAIN:		all
.PHONY:		all includes install clean cleandir obj depend dependall \
		lint tags html
all includes install clean cleandir obj depend dependall lint tags html:

.endif	# !defined(_LINUX_OWN_MK_)
