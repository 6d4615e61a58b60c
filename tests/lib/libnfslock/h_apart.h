/*	$NetBSD$	*/

/*-
 * Copyright (c) 2026 The libnfslock authors.
 * All rights reserved.
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions
 * are met:
 * 1. Redistributions of source code must retain the above copyright
 *    notice, this list of conditions and the following disclaimer.
 * 2. Redistributions in binary form must reproduce the above copyright
 *    notice, this list of conditions and the following disclaimer in the
 *    documentation and/or other materials provided with the distribution.
 *
 * THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
 * ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
 * IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
 * ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
 * FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
 * DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
 * OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
 * HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
 * LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
 * OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
 * SUCH DAMAGE.
 */


/*
 * For tests of what the processes of a host know of each other: a place of
 * their own to meet, and a file system that is taken for a remote one.
 */

#ifndef _H_APART_H_
#define _H_APART_H_

#ifdef __linux__
#include <sys/mount.h>

#include <sched.h>
#endif

#define	MEMORY		"/dev/shm"	/* where processes meet, on Linux */

static bool apart;

/*
 * The processes of a test meet where nothing was left by those before, and
 * leave nothing to those after.  Only root can have that.
 */
static inline bool
meet_apart(void)
{

#ifdef __linux__
	apart = unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", MEMORY, "tmpfs", 0, "mode=1777") == 0;
#endif
	return apart;
}

static inline void
require_apart(void)
{

	if (!meet_apart())
		atf_tc_skip("only Linux's root has a " MEMORY " of his own");
}

/* Nobody has left anything there. */
static inline void
check_apart_is_empty(void)
{

	if (apart)
		check_directory(MEMORY, NULL);
}

/*
 * Is this open on the file system of the mailboxes?  The host's memory is not
 * remote, wherever they are.
 */
static inline bool
is_of_mailboxes(int fd)
{
	struct stat mailboxes, st;

	return stat(D, &mailboxes) == 0 && fstat(fd, &st) == 0 &&
	    st.st_dev == mailboxes.st_dev;
}

#endif /* !_H_APART_H_ */
