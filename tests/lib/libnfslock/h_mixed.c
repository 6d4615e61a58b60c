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
 * What lockers of all kinds do under their lock, for t_mixed.sh:
 *
 *	h_mixed -g command ...		run a command in its own process group
 *	h_mixed -o kind mailbox		lock with libnfslock, and do it, again
 *					and again until a file "stop" is there
 *	h_mixed -w kind mailbox		do it once, under the caller's lock
 *
 * It counts the records in the mailbox, takes its time, and appends one more
 * with the number that follows.  A record is written whole or not at all, also
 * by a process that is killed.  So an update that is lost is a record that is
 * not in the line of its number, and nothing else is.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/types.h>
#include <sys/stat.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

#define	RECORD	40	/* bytes: number, process group, kind, newline */
#define	STALE	4	/* far below every peer's: ours are to break first */

static void
sleep_ms(long ms)
{
	struct timespec time;

	time.tv_sec = ms / 1000;
	time.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&time, NULL);
}

/* Who is at it: whoever kills it at random knows that it held the lock. */
static void
sign(long pgid)
{
	char text[16];
	size_t size;
	int fd;

	size = (size_t)snprintf(text, sizeof(text), "%10ld\n", pgid);
	if ((fd = open("working", O_WRONLY | O_CREAT, 0666)) == -1 ||
	    pwrite(fd, text, size, 0) != (ssize_t)size || close(fd) == -1)
		err(1, "working");
}

/* Answers with the number; without a lock, two come to the same one. */
static long
count(const char *kind, const char *mailbox)
{
	char record[RECORD + 1];
	struct stat st;
	long number;
	int fd;

	sign((long)getpgrp());
	if ((fd = open(mailbox, O_RDWR | O_APPEND)) == -1 ||
	    fstat(fd, &st) == -1)
		err(1, "%s", mailbox);
	if (st.st_size % RECORD != 0)
		errx(1, "%s: a record is torn", mailbox);
	number = (long)(st.st_size / RECORD) + 1;
	sleep_ms(5 + (long)getpid() % 4 * 10);
	(void)snprintf(record, sizeof(record), "%10ld %10ld %-17.17s\n",
	    number, (long)getpgrp(), kind);
	if (write(fd, record, RECORD) != RECORD || close(fd) == -1)
		err(1, "%s", mailbox);
	sign(0);
	return number;
}

static int
ours(const char *kind, const char *mailbox)
{
	struct nfslock_options options;
	nfslock_t *lock;
	long number;
	int status;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.stale = STALE;
	while (access("stop", F_OK) == -1) {
		status = nfslock_acquire(mailbox, &options, &lock);
		if (status != NFSLOCK_OK) {
			(void)printf("acquire: %s\n", nfslock_message(status));
			return 1;
		}
		number = count(kind, mailbox);
		/* What a robbed one has done already, it is told now. */
		status = nfslock_release(lock);
		if (status != NFSLOCK_OK)
			(void)printf("%ld release: %s\n", number,
			    nfslock_message(status));
		(void)fflush(stdout);
		sleep_ms(200);	/* let those have it who poll seldom */
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc > 2 && strcmp(argv[1], "-g") == 0) {
		if (setpgid(0, 0) == -1)
			err(1, "setpgid");
		(void)execvp(argv[2], argv + 2);
		err(1, "%s", argv[2]);
	}
	if (argc == 4 && strcmp(argv[1], "-o") == 0)
		return ours(argv[2], argv[3]);
	if (argc != 4 || strcmp(argv[1], "-w") != 0)
		errx(1, "usage");
	(void)count(argv[2], argv[3]);
	return 0;
}
