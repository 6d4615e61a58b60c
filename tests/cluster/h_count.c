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
 * A locker that goes on when it was robbed:
 *
 *	h_count [-s stale] stop counter mailbox
 *
 * Again and again, until there is a file "stop", it makes the counter a byte
 * longer under the lock, and prints the number that it wrote, what the release
 * answered, and its errno.  The number is 0 if the lock was lost before the write.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/types.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

static void
sleep_ms(long ms)
{
	struct timespec time;

	time.tv_sec = ms / 1000;
	time.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&time, NULL);
}

/*
 * The number is the size.  A file that is rewritten with the same size within one
 * tick of the server's clock looks unchanged to the other hosts on NFSv3.
 */
static long
count(const char *path, nfslock_t *lock)
{
	struct stat st;
	long number;
	int fd;

	if ((fd = open(path, O_WRONLY | O_CREAT, 0666)) == -1 ||
	    fstat(fd, &st) == -1)
		err(1, "%s", path);
	number = (long)st.st_size + 1;
	sleep_ms(5);
	if (nfslock_verify(lock) != NFSLOCK_OK)
		number = 0;
	else if (pwrite(fd, "x", 1, st.st_size) != 1)
		err(1, "%s", path);
	if (close(fd) == -1)
		err(1, "%s", path);
	return number;
}

int
main(int argc, char *argv[])
{
	struct nfslock_options options;
	nfslock_t *lock;
	long number;
	int ch, status;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	while ((ch = getopt(argc, argv, "s:")) != -1) {
		if (ch != 's')
			return 1;
		options.stale = atoi(optarg);
	}
	if (argc - optind != 3)
		return 1;
	argv += optind;
	while (access(argv[0], F_OK) == -1) {
		status = nfslock_acquire(argv[2], &options, &lock);
		if (status == NFSLOCK_ERROR)
			err(1, "acquire");
		if (status != NFSLOCK_OK)
			errx(1, "acquire: %s", nfslock_message(status));
		number = count(argv[1], lock);
		status = nfslock_release(lock);
		(void)printf("%ld %d %d\n", number, status,
		    status == NFSLOCK_ERROR ? errno : 0);
		(void)fflush(stdout);
		sleep_ms(20);	/* let others have it */
	}
	return 0;
}
