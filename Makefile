#	$NetBSD$

SUBDIR=	lib .WAIT libexec share .WAIT tests

.include "share/mk/bsd.rust.mk"
