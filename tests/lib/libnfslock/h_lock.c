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
 * A locker for shell tests:
 *
 *	h_lock [-ckpw] [-f counter] [-h ms] [-l limit] [-n cycles] [-r ms]
 *	    [-s stale] mailbox [command ...]
 *	h_lock -q mailbox
 *
 * Locks and lets go, cycles times, and with -k keeps the handle.  Under the lock it runs the command, or
 * adds one to the number in the counter, and holds on for some time.  Each
 * status that is not OK is printed, and the first is the exit status.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/types.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

#define	USAGE		64	/* beyond every status */

static volatile sig_atomic_t terminated;

static void
terminate(int signo)
{

	(void)signo;
	terminated = 1;
}

static int
say(const char *what, int status)
{
	int error = errno;

	if (status == NFSLOCK_OK)
		return status;
	(void)printf("%s: %s", what, nfslock_message(status));
	if (status == NFSLOCK_ERROR)
		(void)printf(": %s", strerror(error));
	(void)printf("\n");
	(void)fflush(stdout);
	return status;
}

static void
sleep_ms(long ms)
{
	struct timespec time;

	time.tv_sec = ms / 1000;
	time.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&time, NULL);
}

/* Reads, sleeps and writes: what is lost without a lock. */
static void
count(const char *path)
{
	char digits[16];
	ssize_t size;
	int fd;

	if ((fd = open(path, O_RDWR | O_CREAT, 0666)) == -1)
		err(USAGE, "%s", path);
	if ((size = read(fd, digits, sizeof(digits) - 1)) == -1)
		err(USAGE, "%s", path);
	digits[size] = '\0';
	sleep_ms(5);
	size = snprintf(digits, sizeof(digits), "%d\n", atoi(digits) + 1);
	if (pwrite(fd, digits, (size_t)size, 0) != size || close(fd) == -1)
		err(USAGE, "%s", path);
}

static void
run(char *argv[])
{
	int status;
	pid_t pid;

	if ((pid = fork()) == -1)
		err(USAGE, "fork");
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(USAGE, "%s failed", argv[0]);
}

static int
query(const char *mailbox)
{
	struct nfslock_holder holder;
	int status;

	memset(&holder, 0, sizeof(holder));
	holder.size = sizeof(holder);
	status = nfslock_holder(mailbox, &holder);
	if (status == NFSLOCK_HELD)
		(void)printf("pid %d host %s program %s age %ld\n",
		    (int)holder.pid, holder.host, holder.program, holder.age);
	return status;
}

int
main(int argc, char *argv[])
{
	struct nfslock_options options;
	const char *counter = NULL;
	long hold = 0, refresh = 0, cycles = 1, held;
	struct sigaction action;
	nfslock_t *lock = NULL;
	bool keep = false;
	int ch, status;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.cancel_flag = &terminated;
	while ((ch = getopt(argc, argv, "+cf:h:kl:n:pqr:s:w")) != -1) {
		switch (ch) {
		case 'c':
			options.directory = NFSLOCK_DIR_COMMON;
			break;
		case 'f':
			counter = optarg;
			break;
		case 'h':
			hold = atol(optarg);
			break;
		case 'k':
			keep = true;
			break;
		case 'l':
			options.limit = atoi(optarg);
			break;
		case 'n':
			cycles = atol(optarg);
			break;
		case 'p':
			options.directory = NFSLOCK_DIR_PRIVATE;
			break;
		case 'q':
			return query(argv[optind]);
		case 'r':
			refresh = atol(optarg);
			break;
		case 's':
			options.stale = atoi(optarg);
			break;
		case 'w':
			options.stale_action = NFSLOCK_STALE_WAIT;
			break;
		default:
			return USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return USAGE;

	memset(&action, 0, sizeof(action));
	action.sa_handler = terminate;
	if (sigaction(SIGTERM, &action, NULL) == -1)
		err(USAGE, "sigaction");

	for (status = NFSLOCK_OK; cycles > 0 && !status; cycles--) {
		status = lock == NULL ?
		    nfslock_acquire(argv[0], &options, &lock) :
		    nfslock_relock(lock, NULL, &options);
		say("acquire", status);
		if (status != NFSLOCK_OK)
			break;
		if (counter != NULL)
			count(counter);
		if (argc > 1)
			run(argv + 1);
		for (held = 0; held < hold && !terminated; ) {
			sleep_ms(refresh ? refresh : hold);
			held += refresh ? refresh : hold;
			if (refresh != 0)
				status = say("refresh", nfslock_refresh(lock));
		}
		if (hold != 0 || counter != NULL)
			status = say("verify", nfslock_verify(lock));
		if (keep) {
			ch = nfslock_unlock(lock);
		} else {
			ch = nfslock_release(lock);
			lock = NULL;
		}
		say("release", ch);
		if (status == NFSLOCK_OK)
			status = ch;
		if (counter != NULL)
			sleep_ms(20);	/* let others have it */
	}
	ch = say("release", nfslock_release(lock));
	return status == NFSLOCK_OK ? ch : status;
}
