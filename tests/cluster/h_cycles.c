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
 * A locker for the cluster's hosts, one process for all of its cycles:
 *
 *	h_cycles [-c counter] [-n cycles] [-s seconds] [-w ms] kind mailbox
 *
 * Locks and lets go, cycles times or for some seconds, and with -w pauses after
 * each.  With -c it adds one to a counter under the lock, and prints the number
 * that it wrote there.  At the end it prints how many cycles there were, and in how
 * many tries libnfslock got the lock.
 *
 * Kinds: new and kept are libnfslock's with a handle for each lock and one for
 * all; bare makes the calls of new, and nobody else is to want that lock; none
 * does not lock; dotlockfile, dotlockfile_p (with -p) and lockfile run those.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

#define	RECORD	12	/* bytes: number, newline */

extern char **environ;

static const char *mailbox;
static char lockname[4096], temporary[4096];
static nfslock_t *lock;
static long tries;

/* In the library's place: each try is one of these. */
int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{

	tries++;
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

static long
milliseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
sleep_ms(long ms)
{
	struct timespec time;

	time.tv_sec = ms / 1000;
	time.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&time, NULL);
}

/*
 * A counter is a file of records, each with the number of the one before it and
 * one more: opened under the lock, it shows what the last one wrote before he
 * closed it.  It grows, since a client takes a file for unchanged that has the
 * same times and size, and a server's times are as coarse as its clock's ticks.
 */
static void
count(const char *path)
{
	char record[RECORD + 1];
	struct stat st;
	long number;
	int fd;

	memset(record, 0, sizeof(record));
	if ((fd = open(path, O_RDWR | O_APPEND)) == -1 ||
	    fstat(fd, &st) == -1 || (st.st_size != 0 &&
	    pread(fd, record, RECORD, st.st_size - RECORD) != RECORD))
		err(1, "%s", path);
	number = atol(record) + 1;
	(void)snprintf(record, sizeof(record), "%11ld\n", number);
	if (write(fd, record, RECORD) != RECORD || close(fd) == -1)
		err(1, "%s", path);
	(void)printf("%ld\n", number);
}

static void
expect(const char *what, int status)
{
	if (status == NFSLOCK_ERROR)
		err(1, "%s", what);
	if (status != NFSLOCK_OK)
		errx(1, "%s: %s", what, nfslock_message(status));
}

static void
take_new(void)
{
	expect("acquire", nfslock_acquire(mailbox, NULL, &lock));
}

static void
drop_new(void)
{
	expect("release", nfslock_release(lock));
	lock = NULL;
}

static void
take_kept(void)
{
	if (lock == NULL)
		take_new();
	else
		expect("relock", nfslock_relock(lock, NULL, NULL));
}

static void
drop_kept(void)
{
	expect("unlock", nfslock_unlock(lock));
}

static void
look(const char *path)
{
	char contents[17];
	struct stat st;
	int fd;

	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1 ||
	    read(fd, contents, sizeof(contents)) != 16 || close(fd) == -1)
		err(1, "%s", path);
}

static void
take_bare(void)
{
	struct stat st;
	int fd;

	if ((fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644)) == -1 ||
	    write(fd, "0123456789abcdef", 16) != 16 || fstat(fd, &st) == -1 ||
	    close(fd) == -1 || link(temporary, lockname) == -1 ||
	    stat(temporary, &st) == -1)
		err(1, "%s", lockname);
	look(lockname);
	if (unlink(temporary) == -1)
		err(1, "%s", temporary);
}

static void
drop_bare(void)
{
	look(lockname);
	if (unlink(lockname) == -1)
		err(1, "%s", lockname);
}

static void
nothing(void)
{
}

static void
run(const char *const *argv)
{
	int status;
	pid_t pid;

	if ((errno = posix_spawnp(&pid, argv[0], NULL, NULL,
	    (char *const *)argv, environ)) != 0)
		err(1, "%s", argv[0]);
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "%s: status %x", argv[0], (unsigned)status);
}

/* They wait for a second between two tries, and no peer waits for less. */
static void
take_dotlockfile(void)
{
	run((const char *[]){ "dotlockfile", "-l", "-r", "-1", "-i", "1", lockname,
	    NULL });
}

static void
take_dotlockfile_p(void)
{
	run((const char *[]){ "dotlockfile", "-l", "-r", "-1", "-i", "1", "-p",
	    lockname, NULL });
}

static void
drop_dotlockfile(void)
{
	run((const char *[]){ "dotlockfile", "-u", lockname, NULL });
}

static void
take_lockfile(void)
{
	run((const char *[]){ "lockfile", "-1", lockname, NULL });
}

static void
drop_lockfile(void)
{
	if (unlink(lockname) == -1)
		err(1, "%s", lockname);
}

static const struct kind {
	const char	*name;
	void		(*take)(void);
	void		(*drop)(void);
} kinds[] = {
	{ "new", take_new, drop_new },
	{ "kept", take_kept, drop_kept },
	{ "bare", take_bare, drop_bare },
	{ "none", nothing, nothing },
	{ "dotlockfile", take_dotlockfile, drop_dotlockfile },
	{ "dotlockfile_p", take_dotlockfile_p, drop_dotlockfile },
	{ "lockfile", take_lockfile, drop_lockfile },
};

int
main(int argc, char *argv[])
{
	long cycles = -1, done = 0, end = -1, pause = 0;
	const struct kind *kind = NULL;
	const char *counter = NULL;
	size_t i;
	int ch;

	while ((ch = getopt(argc, argv, "c:n:s:w:")) != -1) {
		switch (ch) {
		case 'c':
			counter = optarg;
			break;
		case 'n':
			cycles = atol(optarg);
			break;
		case 's':
			end = milliseconds() + atol(optarg) * 1000;
			break;
		case 'w':
			pause = atol(optarg);
			break;
		default:
			return 64;
		}
	}
	if (argc - optind != 2 || (cycles == -1) == (end == -1))
		errx(64, "usage");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[optind]) == 0)
			kind = &kinds[i];
	if (kind == NULL)
		errx(64, "no kind %s", argv[optind]);
	mailbox = argv[optind + 1];
	(void)snprintf(lockname, sizeof(lockname), "%s.lock", mailbox);
	(void)snprintf(temporary, sizeof(temporary), "%s.bare%ld", mailbox,
	    (long)getpid());

	while (end == -1 ? done < cycles : milliseconds() < end) {
		kind->take();
		if (counter != NULL)
			count(counter);
		kind->drop();
		done++;
		if (pause != 0)
			sleep_ms(pause);
	}
	if (lock != NULL)
		expect("release", nfslock_release(lock));
	(void)printf("cycles %ld tries %ld\n", done, tries);
	return 0;
}
