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
 * Rounds: many processes want a lock whose holder has died, or lives, or that
 * is stale.  No two of them ever have it at once, and every round ends.
 *
 * Who has the lock takes the kernel's own on a byte of another file, which
 * goes away with the process however it ends.  Whoever finds that one taken
 * has met a second holder.
 *
 * Between two steps of the library hardly any time goes by, and a race that
 * needs a few steps of others in between would be rare.  So this program's
 * processes dawdle before and after calls that change or look at the lock.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT, unshare() */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/mman.h>
#ifdef __NetBSD__
#include <sys/statvfs.h>
#else
#include <sys/statfs.h>
#endif

#include <dlfcn.h>

#include "h_nfslock.h"
#include "h_apart.h"

#define	PROCESSES	8

/* What all processes of a test share. */
static struct shared {
	int	rounds;		/* that are done */
	int	wanted;
	int	failed;		/* the line where something went wrong */
	int	status;		/* what the library answered there */
	int	error;		/* and errno */
} *shared;

static bool remote;

#ifdef __NetBSD__
int
fstatvfs(int fd, struct statvfs *found)
{
	int answer = fstatvfs1(fd, found, ST_WAIT);

	if (answer == 0 && remote && is_of_mailboxes(fd))
		found->f_flag &= ~(unsigned long)ST_LOCAL;
	return answer;
}
#else
int
fstatfs(int fd, struct statfs *found)
{
	static int (*function)(int, struct statfs *);
	int answer;

	if (function == NULL)
		*(void **)&function = dlsym(RTLD_NEXT, "fstatfs");
	answer = function(fd, found);
	if (answer == 0 && remote && is_of_mailboxes(fd))
		found->f_type = 0x6969;		/* NFS */
	return answer;
}
#endif

/*
 * One time in four, wait for so long that others get by: microseconds where
 * others are as fast, and milliseconds where they look that often.
 */
static long dawdling = 1000;		/* nanoseconds, times up to 255 */

static void
dawdle(void)
{
	static unsigned chance;
	struct timespec time;
	int error = errno;

	if (chance == 0)
		chance = (unsigned)getpid();
	chance = chance * 1103515245 + 12345;
	if (chance / 65536 % 4 == 0) {
		time.tv_sec = 0;
		time.tv_nsec = chance / 262144 % 256 * dawdling;
		(void)nanosleep(&time, NULL);
	}
	errno = error;
}

/* The function whose place one of this program's takes. */
#define	REAL(function, name)	do {					\
	if (function == NULL)						\
		*(void **)&function = dlsym(RTLD_NEXT, name);		\
	dawdle();							\
} while (0)

int
openat(int directory, const char *name, int flags, ...)
{
	static int (*function)(int, const char *, int, ...);
	mode_t mode = 0;
	va_list more;
	int answer;

	if ((flags & O_CREAT) != 0) {
		va_start(more, flags);
		mode = (mode_t)va_arg(more, int);
		va_end(more);
	}
	REAL(function, "openat");
	answer = function(directory, name, flags, mode);
	dawdle();
	return answer;
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	static int (*function)(int, const char *, int, const char *, int);
	int answer;

	REAL(function, "linkat");
	answer = function(from, old, to, new, flags);
	dawdle();
	return answer;
}

int
unlinkat(int directory, const char *name, int flags)
{
	static int (*function)(int, const char *, int);
	int answer;

	REAL(function, "unlinkat");
	answer = function(directory, name, flags);
	dawdle();
	return answer;
}

int
renameat(int from, const char *old, int to, const char *new)
{
	static int (*function)(int, const char *, int, const char *);
	int answer;

	REAL(function, "renameat");
	answer = function(from, old, to, new);
	dawdle();
	return answer;
}

/* Many of them, where many are wanted. */
#define	ROUNDS_TEST(name, what)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", "%s", what);			\
	atf_tc_set_md_var(tc, "timeout", "3600");			\
}									\
ATF_TC_BODY(name, tc)

/* The first failure of all is told. */
static void
fail(int line, int status)
{
	int error = errno, none = 0;

	if (__atomic_compare_exchange_n(&shared->failed, &none, line, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		shared->status = status;
		shared->error = error;
	}
}

#define	EXPECT(condition)	do {					\
	if (!(condition))						\
		fail(__LINE__, NFSLOCK_OK);				\
} while (0)

#define	EXPECT_OK(call)	do {						\
	int status_ = (call);						\
									\
	if (status_ != NFSLOCK_OK)					\
		fail(__LINE__, status_);				\
} while (0)

static bool
is_over(void)
{

	return __atomic_load_n(&shared->failed, __ATOMIC_SEQ_CST) != 0 ||
	    __atomic_load_n(&shared->rounds, __ATOMIC_SEQ_CST) >=
	    shared->wanted;
}

static int
next_round(void)
{

	return __atomic_fetch_add(&shared->rounds, 1, __ATOMIC_SEQ_CST);
}

/* Runs what makes rounds in so many processes, until all are done. */
static void
make_rounds(const char *what, int wanted, int (*run)(void *), int processes)
{
	int numbers[512], i;
	pid_t pids[512];
	long begun;

	ATF_REQUIRE(processes <= (int)nitems_of(pids));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	shared->wanted = wanted;
	make_directory(D, 0755);
	begun = milliseconds();
	for (i = 0; i < processes; i++) {
		numbers[i] = i;
		pids[i] = start(run, &numbers[i]);
	}
	for (i = 0; i < processes; i++)
		CHECK_EXIT(0, pids[i]);
	(void)printf("rounds: %d %s, in %ld ms\n", shared->rounds, what,
	    milliseconds() - begun);
	if (shared->failed != 0)
		atf_tc_fail("after %d rounds: failed at line %d, \"%s\" (%s)",
		    shared->rounds, shared->failed,
		    nfslock_message(shared->status), strerror(shared->error));
	ATF_CHECK(shared->rounds >= wanted);
	leaves_nothing();
	check_apart_is_empty();
}

/* Take, or give back, the byte that stands for a lock. */
static bool
lock_byte(int bytes, int type, int number)
{
	struct flock flock;

	memset(&flock, 0, sizeof(flock));
	flock.l_type = (short)type;
	flock.l_whence = SEEK_SET;
	flock.l_start = number;
	flock.l_len = 1;
	return fcntl(bytes, F_SETLK, &flock) == 0;
}

static int
open_bytes(void)
{
	int fd = open("bytes", O_RDWR | O_CREAT, 0600);

	EXPECT(fd != -1);
	return fd;
}

/* Has the lock of that number, and would see if another had it. */
static void
have(nfslock_t *lock, int bytes, int number)
{
	off_t place = 4096 + (off_t)number * (off_t)sizeof(pid_t);
	pid_t self = getpid(), found;

	EXPECT(lock_byte(bytes, F_WRLCK, number));
	EXPECT(pwrite(bytes, &self, sizeof(self), place) == sizeof(self));
	EXPECT_OK(nfslock_verify(lock));
	EXPECT(pread(bytes, &found, sizeof(found), place) == sizeof(found));
	EXPECT(found == self);
}

/* Waits for the lock, has it, and dies of it. */
static void
die_holding(void)
{
	/* By age a round would take an hour. */
	struct nfslock_options options = options_of(60, 3600);
	int bytes = open_bytes(), status;
	nfslock_t *lock;

	status = nfslock_acquire(MAILBOX, &options, &lock);
	if (status != NFSLOCK_OK) {
		fail(__LINE__, status);
		return;
	}
	have(lock, bytes, 0);
	if (is_over()) {
		EXPECT(lock_byte(bytes, F_UNLCK, 0));
		EXPECT_OK(nfslock_release(lock));
		return;
	}
	switch (next_round() % 3) {
	case 0:
		_exit(0);
	case 1:
		(void)kill(getpid(), SIGKILL);
		break;
	default:
		(void)kill(getpid(), SIGTERM);
		break;
	}
}

/* Has a child again and again, which dies. */
static int
bear(void *argument)
{
	pid_t pid;

	(void)argument;
	while (!is_over()) {
		EXPECT((pid = fork()) != -1);
		if (pid == 0) {
			die_holding();
			_exit(0);
		}
		EXPECT(waitpid(pid, NULL, 0) == pid);
	}
	return 0;
}

ROUNDS_TEST(dead, "of those who take over from the dead one has it at a time")
{

	(void)meet_apart();
	make_rounds("taken over from the dead", 10000 * rounds(), bear,
	    PROCESSES);
}

ROUNDS_TEST(dead_remote, "the same where the file system is not local")
{

	(void)meet_apart();
	remote = true;
	make_rounds("taken over from the dead, not local", 10000 * rounds(),
	    bear, PROCESSES);
}

/*
 * Who took the stale lock has it for some time: as long as somebody is at work
 * who saw that one as well, and is late.
 */
static void
keep(nfslock_t *lock, int round)
{
	long end = milliseconds() + (round % 2 == 0 ? 600 : 5);

	do {
		sleep_ms(1);
		EXPECT_OK(nfslock_verify(lock));
	} while (milliseconds() < end);
}

/* Takes the lock when it is stale, and leaves a peer's in its place. */
static int
break_by_age(void *argument)
{
	/* They tell nothing of who is dead. */
	static const char *const peers[] = { "", "1\n", "L0000000Z1234567" };
	struct nfslock_options options = options_of(600, STALE);
	int bytes = open_bytes(), fd, number, round, status;
	char mailbox[16], standing[32], own[32];
	const char *peer;
	nfslock_t *lock;
	bool over;

	dawdling = 200000;
	number = *(int *)argument / PROCESSES;
	(void)snprintf(mailbox, sizeof(mailbox), D "/%d", number);
	(void)snprintf(standing, sizeof(standing), "%s.lock", mailbox);
	(void)snprintf(own, sizeof(own), "own.%d", *(int *)argument);
	do {
		status = nfslock_acquire(mailbox, &options, &lock);
		if (status != NFSLOCK_OK) {
			fail(__LINE__, status);
			return 0;
		}
		have(lock, bytes, number);
		over = is_over();
		if (!over) {
			round = next_round();
			keep(lock, round);
			peer = peers[(size_t)round % nitems_of(peers)];
			fd = open(own, O_WRONLY | O_CREAT | O_EXCL, 0644);
			EXPECT(fd != -1 && write(fd, peer, strlen(peer)) ==
			    (ssize_t)strlen(peer) && close(fd) == 0);
		}
		EXPECT(lock_byte(bytes, F_UNLCK, number));
		if (over) {
			EXPECT_OK(nfslock_release(lock));
		} else {
			EXPECT(rename(own, standing) == 0);
			EXPECT(nfslock_release(lock) == NFSLOCK_STOLEN);
		}
	} while (!over);
	return 0;
}

#define	MAILBOXES	64

ROUNDS_TEST(stale, "of those who break by age one has the lock at a time")
{

	(void)meet_apart();
	make_rounds("broken by age", 500 * rounds(), break_by_age,
	    MAILBOXES * PROCESSES);
}

ROUNDS_TEST(stale_remote, "the same where the file system is not local")
{

	(void)meet_apart();
	remote = true;
	make_rounds("broken by age, not local", 500 * rounds(), break_by_age,
	    MAILBOXES * PROCESSES);
}

/* Locks and lets go, and nobody ever takes the lock away. */
static int
live(void *argument)
{
	struct nfslock_options options = options_of(60, 3600);
	int bytes = open_bytes(), status;
	nfslock_t *lock;

	(void)argument;
	while (!is_over()) {
		status = nfslock_acquire(MAILBOX, &options, &lock);
		if (status != NFSLOCK_OK) {
			fail(__LINE__, status);
			return 0;
		}
		have(lock, bytes, 0);
		(void)next_round();
		EXPECT(lock_byte(bytes, F_UNLCK, 0));
		EXPECT_OK(nfslock_release(lock));
	}
	return 0;
}

ROUNDS_TEST(alive, "no live holder is taken for a dead one by those who wait")
{

	(void)meet_apart();
	make_rounds("of live holders", 20000 * rounds(), live, PROCESSES);
}

ROUNDS_TEST(alive_remote, "the same where the file system is not local")
{

	(void)meet_apart();
	remote = true;
	make_rounds("of live holders, not local", 20000 * rounds(), live,
	    PROCESSES);
}

ROUNDS_TEST(alive_memory, "the same where the file system is in memory")
{

	require_apart();
	ATF_REQUIRE_EQ(0, mkdir("memory", 0755));
#ifdef __linux__
	ATF_REQUIRE_EQ(0, mount("tmpfs", "memory", "tmpfs", 0, NULL));
#endif
	ATF_REQUIRE_EQ(0, chdir("memory"));
	make_rounds("of live holders, in memory", 20000 * rounds(), live,
	    PROCESSES);
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, dead);
	ATF_TP_ADD_TC(tp, dead_remote);
	ATF_TP_ADD_TC(tp, stale);
	ATF_TP_ADD_TC(tp, stale_remote);
	ATF_TP_ADD_TC(tp, alive);
	ATF_TP_ADD_TC(tp, alive_remote);
	ATF_TP_ADD_TC(tp, alive_memory);

	return atf_no_error();
}
