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
 * Locks that were left behind: broken when they are stale, by one breaker at
 * a time, and never before.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* F_SETLEASE */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include "h_nfslock.h"

/* The longest that breaking at the smallest stale limit may last. */
#define	PATIENCE	15

/* Locks one mailbox and lets go, and says how long it took. */
struct attempt {
	char	mailbox[64];
	int	limit;
	int	stale;
	int	stale_action;
};

static int
attempt(const struct attempt *attempt)
{
	struct nfslock_options options =
	    options_of(attempt->limit, attempt->stale);
	nfslock_t *lock;
	int status;

	options.stale_action = attempt->stale_action;
	status = nfslock_acquire(attempt->mailbox, &options, &lock);
	if (status != NFSLOCK_OK)
		return status;
	if (nfslock_verify(lock) != NFSLOCK_OK)
		return 100;
	return nfslock_release(lock) == NFSLOCK_OK ? NFSLOCK_OK : 101;
}

/* Not before its time, and then soon. */
static int
break_in_time(void *argument)
{
	long begin = milliseconds(), waited;
	int status;

	status = attempt(argument);
	waited = milliseconds() - begin;
	if (status == NFSLOCK_OK && waited < STALE * 1000 - 100)
		return 102;
	return status;
}

#define	FOREIGN		(LOCKSIZE + 1 + 5 + 3)

/* Every kind of contents that a peer leaves, or dies while writing. */
static size_t
foreign_contents(size_t i, char *bytes, size_t room)
{
	static const char *const whole[] = {
	    "0", "1\n", "1:elsewhere\n", "Labcdefghijklmno", "lockfile\n",
	};

	memset(bytes, 'x', room);
	if (i <= LOCKSIZE) {
		/* A lock of ours, half written. */
		memcpy(bytes, "LABCDEFGHIJKLMNO", LOCKSIZE);
		return i;
	}
	i -= LOCKSIZE + 1;
	if (i < nitems_of(whole)) {
		memcpy(bytes, whole[i], strlen(whole[i]));
		return strlen(whole[i]);
	}
	i -= nitems_of(whole);
	if (i == 0)
		/* This very process is alive, and nobody asks. */
		return (size_t)snprintf(bytes, room, "%d\n", (int)getpid());
	/* procmail breaks none that is longer than 16 bytes */
	return i == 1 ? LOCKSIZE + 1 : 200;
}

TEST(foreign, "a peer's lock is broken by age alone, whatever it contains")
{
	struct attempt attempts[FOREIGN];
	pid_t pids[FOREIGN];
	char path[64], bytes[256];
	int status;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < FOREIGN; i++) {
		memset(&attempts[i], 0, sizeof(attempts[i]));
		(void)snprintf(attempts[i].mailbox,
		    sizeof(attempts[i].mailbox), D "/%zu", i);
		attempts[i].limit = PATIENCE;
		attempts[i].stale = STALE;
		(void)snprintf(path, sizeof(path), D "/%zu.lock", i);
		make_file(path, bytes,
		    foreign_contents(i, bytes, sizeof(bytes)));
	}
	for (i = 0; i < FOREIGN; i++)
		pids[i] = start(break_in_time, &attempts[i]);
	for (i = 0; i < FOREIGN; i++) {
		status = finish(pids[i]);
		ATF_CHECK_MSG(status == NFSLOCK_OK, "contents %zu: %d", i,
		    status);
	}
	leaves_nothing();
}

/* Times that clocks which were set wrong have left. */
TEST(wrong_times, "a lock from the future or the past is observed like any")
{
	static const time_t offsets[] = { -86400L * 365, -3600, 3600, 86400L };
	struct attempt attempts[nitems_of(offsets)];
	pid_t pids[nitems_of(offsets)];
	struct timespec times[2];
	char path[64];
	int status;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(offsets); i++) {
		memset(&attempts[i], 0, sizeof(attempts[i]));
		(void)snprintf(attempts[i].mailbox,
		    sizeof(attempts[i].mailbox), D "/%zu", i);
		attempts[i].limit = PATIENCE;
		attempts[i].stale = STALE;
		(void)snprintf(path, sizeof(path), D "/%zu.lock", i);
		make_file(path, "", 0);
		memset(times, 0, sizeof(times));
		times[0].tv_sec = times[1].tv_sec = time(NULL) + offsets[i];
		ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, path, times, 0));
	}
	for (i = 0; i < nitems_of(offsets); i++)
		pids[i] = start(break_in_time, &attempts[i]);
	for (i = 0; i < nitems_of(offsets); i++) {
		status = finish(pids[i]);
		ATF_CHECK_MSG(status == NFSLOCK_OK, "%ld s: %d",
		    (long)offsets[i], status);
	}
	leaves_nothing();
}

static int
die_holding(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 1;
	return kill(getpid(), SIGKILL);
}

/* What the users of others complain of most: mail blocked for days. */
TEST(dead_holder, "the lock of a process that died blocks nobody for long")
{
	struct attempt waiter = { MAILBOX, PATIENCE, STALE, 0 };

	make_directory(D, 0755);
	CHECK_EXIT(-1, start(die_holding, NULL));
	ATF_REQUIRE(exists(LOCK));
	CHECK_STATUS(OK, attempt(&waiter));
	leaves_nothing();
}

TEST(fresh, "a lock that is not stale yet is waited for")
{
	struct attempt waiter = { MAILBOX, 2, 6, 0 };
	struct look look;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	look_at(LOCK, &look);
	CHECK_STATUS(TIMEDOUT, attempt(&waiter));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
}

TEST(never_break, "who asks to wait breaks nothing, however old it is")
{
	struct attempt waiter = { MAILBOX, 4, STALE, NFSLOCK_STALE_WAIT };
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct look look;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, times, 0));
	look_at(LOCK, &look);
	CHECK_STATUS(TIMEDOUT, attempt(&waiter));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
}

/* dotlockfile -p would steal it: no process of this host has that pid. */
TEST(other_host, "another host's lock is not judged by pids of this one")
{
	struct attempt waiter = { MAILBOX, 2, 6, 0 };
	char bytes[LOCKSIZE];
	struct look look;
	nfslock_t *lock;
	pid_t pid;

	make_directory(D, 0755);
	pid = start(die_holding, NULL);
	CHECK_EXIT(-1, pid);
	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, bytes, sizeof(bytes)));
	bytes[1] = bytes[1] == 'x' ? 'y' : 'x';
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	make_file(LOCK, bytes, sizeof(bytes));
	look_at(LOCK, &look);
	CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
	CHECK_STATUS(TIMEDOUT, attempt(&waiter));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
}

static int
wait_long(void *argument)
{
	struct attempt waiter = { MAILBOX, 7, STALE, 0 };

	(void)argument;
	return attempt(&waiter);
}

TEST(refreshed, "a holder that gives signs of life is never broken")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	nfslock_t *lock;
	pid_t waiter;
	int i;

	make_directory(D, 0755);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	waiter = start(wait_long, NULL);
	for (i = 0; i < 14; i++) {
		sleep_ms(500);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
	}
	CHECK_EXIT(NFSLOCK_TIMEDOUT, waiter);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(touched, "a peer that touches its lock is never broken")
{
	pid_t waiter;
	int i;

	make_directory(D, 0755);
	make_file(LOCK, "1\n", 2);
	waiter = start(wait_long, NULL);
	for (i = 0; i < 14; i++) {
		sleep_ms(500);
		ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, NULL, 0));
	}
	CHECK_EXIT(NFSLOCK_TIMEDOUT, waiter);
	check_directory(D, "m.lock", NULL);
}

/* Peers whose locks come and go are alive, though a lock always stands. */
TEST(changing, "a new lock at every look is no old one")
{
	pid_t waiter;
	int i;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	waiter = start(wait_long, NULL);
	for (i = 0; i < 14; i++) {
		sleep_ms(500);
		make_file(D "/next", "", 0);
		ATF_REQUIRE_EQ(0, rename(D "/next", LOCK));
	}
	CHECK_EXIT(NFSLOCK_TIMEDOUT, waiter);
	check_directory(D, "m.lock", NULL);
}

/* A child that holds the lock until it is stopped, and then goes on. */
static int
be_stopped(void *argument)
{
	nfslock_t *lock;
	int operation;

	operation = *(int *)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	(void)kill(getpid(), SIGSTOP);
	return operation == 0 ? nfslock_verify(lock) :
	    operation == 1 ? nfslock_refresh(lock) : nfslock_release(lock);
}

/*
 * A reader that was suspended holds its lock for ever with others.  With us
 * it is robbed, and told so when it goes on.
 */
TEST(suspended_holder, "a holder that was stopped too long is told of it")
{
	struct nfslock_options options = options_of(PATIENCE, STALE);
	int operations[] = { 0, 1, 2 }, status;
	pid_t holders[nitems_of(operations)];
	struct look look;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(operations); i++) {
		holders[i] = start(be_stopped, &operations[i]);
		ATF_REQUIRE_EQ(holders[i],
		    waitpid(holders[i], &status, WUNTRACED));
		ATF_REQUIRE(WIFSTOPPED(status));
		/* The next takes it by our hand: one wait will do. */
		if (i != nitems_of(operations) - 1)
			ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	look_at(LOCK, &look);
	for (i = 0; i < nitems_of(operations); i++) {
		ATF_REQUIRE_EQ(0, kill(holders[i], SIGCONT));
		CHECK_EXIT(NFSLOCK_STOLEN, holders[i]);
		check_untouched(LOCK, &look);
	}
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(late_release, "who was silent for long lets go with care, and cleanly")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	nfslock_t *lock;

	make_directory(D, 0755);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	sleep_ms(STALE * 1000 + 500);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();

	/* A refresh makes a lock as good as new. */
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	sleep_ms(STALE * 1000 + 500);
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

#define	MAILBOXES	10
#define	BREAKERS	8

/*
 * One of many who want a mailbox whose lock is stale.  Under the lock it
 * makes a file that nobody else has: two holders cannot both.
 */
static int
break_and_mark(void *argument)
{
	struct nfslock_options options = options_of(30, STALE);
	char mark[80];
	nfslock_t *lock;
	int fd;

	(void)snprintf(mark, sizeof(mark), "%s", (const char *)argument);
	mark[0] = 'x';		/* x/0 beside d/0 */
	if (nfslock_acquire(argument, &options, &lock) != NFSLOCK_OK)
		return 1;
	if ((fd = open(mark, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
		return 2;
	sleep_ms(20);
	if (nfslock_verify(lock) != NFSLOCK_OK)
		return 3;
	if (close(fd) == -1 || unlink(mark) == -1)
		return 4;
	return nfslock_release(lock) == NFSLOCK_OK ? 0 : 5;
}

/* Several mailboxes at once, for most of the time is spent waiting. */
static void
break_all(void)
{
	char mailboxes[MAILBOXES][16], path[32];
	pid_t pids[MAILBOXES][BREAKERS];
	int i, j, status;

	for (i = 0; i < MAILBOXES; i++) {
		(void)snprintf(mailboxes[i], sizeof(mailboxes[i]),
		    D "/%d", i);
		(void)snprintf(path, sizeof(path), D "/%d.lock", i);
		make_file(path, "", 0);
	}
	for (i = 0; i < MAILBOXES; i++)
		for (j = 0; j < BREAKERS; j++)
			pids[i][j] = start(break_and_mark, mailboxes[i]);
	for (i = 0; i < MAILBOXES; i++)
		for (j = 0; j < BREAKERS; j++) {
			status = finish(pids[i][j]);
			ATF_CHECK_MSG(status == 0, "mailbox %d: %d", i,
			    status);
		}
}

/*
 * Eight breakers of liblockfile's made two holders in 5 of 300 rounds; so did
 * those of several others.
 */
TEST(breakers, "many breakers of one stale lock make one holder at a time")
{
	int round;

	make_directory(D, 0755);
	make_directory("x", 0755);
	for (round = 0; round < rounds(); round++) {
		break_all();
		leaves_nothing();
		check_directory("x", NULL);
	}
}

/* Starts a breaker, and stops it between taking the guard and breaking. */
static pid_t
start_and_stop_breaker(int (*run)(void *), char *guard, size_t room)
{
	const struct dirent *entry;
	DIR *directory;
	pid_t pid;
	long end;

	pid = start(run, NULL);
	for (end = milliseconds() + 20000; milliseconds() < end; sleep_ms(5)) {
		ATF_REQUIRE((directory = opendir(D)) != NULL);
		while ((entry = readdir(directory)) != NULL)
			if (strncmp(entry->d_name, ".nfslg.", 7) == 0)
				break;
		if (entry != NULL)
			(void)snprintf(guard, room, D "/%s", entry->d_name);
		ATF_REQUIRE_EQ(0, closedir(directory));
		if (entry != NULL) {
			ATF_REQUIRE_EQ(0, kill(pid, SIGSTOP));
			return pid;
		}
	}
	atf_tc_fail("no guard appeared");
	return -1;
}

static int
break_slowly(void *argument)
{
	struct attempt waiter = { MAILBOX, 40, STALE, 0 };

	(void)argument;
	return attempt(&waiter);
}

/*
 * A breaker that is stopped where it has made up its mind blocks nobody for
 * ever, and breaks nobody's lock when it goes on.
 */
TEST(stopped_breaker, "a breaker that comes too late breaks nothing")
{
	struct nfslock_options options = options_of(30, STALE);
	nfslock_t *lock;
	char guard[300];
	pid_t breaker;
	int i;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	breaker = start_and_stop_breaker(break_slowly, guard, sizeof(guard));
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	ATF_REQUIRE_EQ(0, kill(breaker, SIGCONT));
	for (i = 0; i < 6; i++) {
		sleep_ms(500);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
	}
	CHECK_STATUS(OK, nfslock_release(lock));
	CHECK_EXIT(NFSLOCK_OK, breaker);
	leaves_nothing();
}

TEST(late_refresh, "a holder that wakes up in time is not broken")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	char guard[300];
	nfslock_t *lock;
	pid_t breaker;
	int i;

	make_directory(D, 0755);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	breaker = start_and_stop_breaker(break_slowly, guard, sizeof(guard));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	ATF_REQUIRE_EQ(0, kill(breaker, SIGCONT));
	for (i = 0; i < 3; i++) {
		sleep_ms(500);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
	}
	CHECK_STATUS(OK, nfslock_release(lock));
	CHECK_EXIT(NFSLOCK_OK, breaker);
	leaves_nothing();
}

/*
 * A breaker goes on when its guard is too old, or was removed as such: what
 * it saw it sees no more as it was when it took the guard, even if it looks
 * the same.  It begins anew, which takes its time.
 */
static void
check_late_breaker(bool remove_guard)
{
	char guard[300];
	struct look look;
	struct stat st;
	pid_t breaker;
	long begin;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	look_at(LOCK, &look);
	breaker = start_and_stop_breaker(break_slowly, guard, sizeof(guard));
	sleep_ms(STALE * 1000);
	if (remove_guard)
		ATF_REQUIRE_EQ(0, unlink(guard));
	check_untouched(LOCK, &look);
	begin = milliseconds();
	ATF_REQUIRE_EQ(0, kill(breaker, SIGCONT));
	while (lstat(LOCK, &st) == 0 && st.st_ino == look.st.st_ino &&
	    st.st_ctim.tv_sec == look.st.st_ctim.tv_sec &&
	    st.st_ctim.tv_nsec == look.st.st_ctim.tv_nsec)
		sleep_ms(5);
	ATF_CHECK_MSG(milliseconds() - begin >= 400, "broken after %ld ms",
	    milliseconds() - begin);
	CHECK_EXIT(NFSLOCK_OK, breaker);
	leaves_nothing();
}

TEST(old_guard, "under a guard that is too old nothing is broken")
{

	check_late_breaker(false);
}

TEST(lost_guard, "without the guard nothing is broken")
{

	check_late_breaker(true);
}

/*
 * A holder that was silent for long may be about to be broken.  It may not
 * remove its lock then: the breaker would hit whose lock comes next.
 */
TEST(late_release_guarded, "a late release and a stopped breaker do no harm")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	struct look look;
	char guard[300];
	nfslock_t *lock;
	pid_t breaker;

	make_directory(D, 0755);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	look_at(LOCK, &look);
	breaker = start_and_stop_breaker(break_slowly, guard, sizeof(guard));
	/* The guard is in the way until it is taken for a dead one's. */
	CHECK_STATUS(OK, nfslock_release(lock));
	CHECK_STATUS(OK, try_once(MAILBOX, &lock));
	look_at(LOCK, &look);
	ATF_REQUIRE_EQ(0, kill(breaker, SIGCONT));
	(void)sleep(2);
	check_untouched(LOCK, &look);
	CHECK_STATUS(OK, nfslock_release(lock));
	CHECK_EXIT(NFSLOCK_OK, breaker);
	leaves_nothing();
}

/* What the library's own names are like, and is not its own. */
TEST(sweep, "of what is left behind in the directory only ours is removed")
{
	static const char *const ours[] = {
	    D "/.nfslk.LABCDEFGHIJKLMNO", D "/.nfslb.LABCDEFGHIJKLMNO",
	};
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	nfslock_t *lock;
	size_t i, j;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(ours); i++)
		make_file(ours[i], "LABCDEFGHIJKLMNO", LOCKSIZE);
	/* A guard is removed by who needs it, and has watched it. */
	make_file(D "/.nfslg.0123456789abcdef", "LABCDEFGHIJKLMNO", LOCKSIZE);
	make_file(D "/.nfslk.", "", 0);
	make_file(D "/.nfslk.LABCDEFGHIJKLMN", "", 0);
	make_file(D "/.nfslk.LABCDEFGHIJKLMNOP", "", 0);
	make_file(D "/nfslk.LABCDEFGHIJKLMNO", "", 0);
	make_file(D "/other.lock", "", 0);
	make_file(D "/other", "precious", 8);
	ATF_REQUIRE_EQ(0, mkdir(D "/.nfslk.Ldirectory012345", 0755));

	/* What is young may be in use. */
	for (i = 0; i < 500; i++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	for (i = 0; i < nitems_of(ours); i++)
		ATF_CHECK(exists(ours[i]));

	sleep_ms(STALE * 1000 + 500);
	for (i = 0; i < 5000; i++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		for (j = 0; j < nitems_of(ours); j++)
			if (exists(ours[j]))
				break;
		if (j == nitems_of(ours))
			break;
	}
	for (i = 0; i < nitems_of(ours); i++)
		ATF_CHECK(!exists(ours[i]));
	ATF_CHECK_EQ(0, unlink(D "/.nfslg.0123456789abcdef"));
	ATF_CHECK_EQ(0, unlink(D "/.nfslk."));
	ATF_CHECK_EQ(0, unlink(D "/.nfslk.LABCDEFGHIJKLMN"));
	ATF_CHECK_EQ(0, unlink(D "/.nfslk.LABCDEFGHIJKLMNOP"));
	ATF_CHECK_EQ(0, unlink(D "/nfslk.LABCDEFGHIJKLMNO"));
	ATF_CHECK_EQ(0, unlink(D "/other.lock"));
	ATF_CHECK_EQ(0, unlink(D "/other"));
	ATF_CHECK_EQ(0, rmdir(D "/.nfslk.Ldirectory012345"));
	leaves_nothing();
}

/* A mailbox may be called what it likes. */
TEST(sweep_mailbox, "the lock of a mailbox with our names' look is no leftover")
{
	static const char *const names[] = {
	    ".nfslk.AAAAAAAAAAA", ".nfslk.LAAAAAAAAAA", ".nfslb.LAAAAAAAAAA",
	    ".nfslg.01234567890",
	};
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	nfslock_t *lock, *locks[nitems_of(names)];
	char path[64];
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(names); i++) {
		(void)snprintf(path, sizeof(path), D "/%s", names[i]);
		locks[i] = take(path);
	}
	make_file(D "/.nfslk.LABCDEFGHIJKLMNO", "", 0);
	sleep_ms(STALE * 1000 + 500);
	for (i = 0; i < 5000 && exists(D "/.nfslk.LABCDEFGHIJKLMNO"); i++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	ATF_CHECK(!exists(D "/.nfslk.LABCDEFGHIJKLMNO"));
	for (i = 0; i < nitems_of(names); i++) {
		CHECK_STATUS(OK, nfslock_verify(locks[i]));
		CHECK_STATUS(OK, nfslock_release(locks[i]));
	}
	leaves_nothing();
}

/* In a common directory anyone may make a directory of the guard's name. */
TEST(squatted_guard, "where the guard is a directory, a lock is waited for")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	struct attempt waiter = { MAILBOX, 6, STALE, 0 };
	char guard[300];
	struct look look;
	nfslock_t *lock;
	pid_t breaker;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	breaker = start_and_stop_breaker(break_slowly, guard, sizeof(guard));
	ATF_REQUIRE_EQ(0, kill(breaker, SIGKILL));
	CHECK_EXIT(-1, breaker);
	ATF_REQUIRE_EQ(0, unlink(guard));
	ATF_REQUIRE_EQ(0, mkdir(guard, 0755));
	look_at(LOCK, &look);
	CHECK_STATUS(TIMEDOUT, attempt(&waiter));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", strrchr(guard, '/') + 1, NULL);

	/* Nor can a lock be let go under it, whose lease ran out. */
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	look_at(LOCK, &look);
	sleep_ms(STALE * 500 + 200);
	CHECK_STATUS(TIMEDOUT, nfslock_release(lock));
	check_untouched(LOCK, &look);
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	ATF_REQUIRE_EQ(0, rmdir(guard));
	leaves_nothing();
}

#ifdef F_SETLEASE
static int
lease(void *argument)
{
	int fd;

	(void)argument;
	(void)signal(SIGIO, SIG_IGN);	/* it is asked to give it up */
	if ((fd = open(LOCK, O_WRONLY | O_CREAT | O_EXCL, 0644)) == -1)
		return 1;
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == -1)
		return 2;
	(void)close(open("leased", O_WRONLY | O_CREAT, 0600));
	return await("enough") ? 0 : 3;
}
#endif

TEST(lease, "a lock on which somebody has a lease is a lock like others")
{
#ifdef F_SETLEASE
	struct attempt waiter = { MAILBOX, 1, STALE, 0 };
	struct nfslock_holder holder = { .size = sizeof(holder) };
	nfslock_t *lock;
	pid_t pid;
	long begin;

	make_directory(D, 0755);
	pid = start(lease, NULL);
	for (begin = milliseconds(); !exists("leased"); sleep_ms(5))
		if (milliseconds() - begin > 5000) {
			(void)finish(pid);
			atf_tc_skip("no lease can be had here");
		}
	CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	CHECK_STATUS(TIMEDOUT, attempt(&waiter));
	waiter.limit = PATIENCE;
	CHECK_STATUS(OK, attempt(&waiter));
	make_file("enough", "", 0);
	CHECK_EXIT(0, pid);
	leaves_nothing();
#else
	atf_tc_skip("there are no leases here");
#endif
}

/* What is no file cannot be anyone's lock, but stands in the way like one. */
static int
plant(void *argument)
{
	struct attempt waiter = { "", 5, STALE, 0 };
	nfslock_t *lock;
	long begin = milliseconds();

	(void)snprintf(waiter.mailbox, sizeof(waiter.mailbox), D "/%s",
	    (const char *)argument);
	if (try_once(waiter.mailbox, &lock) != NFSLOCK_HELD)
		return 100;
	if (milliseconds() - begin > 1000)
		return 101;
	return attempt(&waiter);
}

/*
 * In a common directory anyone may plant anything.  It may cost the victim
 * his time, never another file: nothing is followed, opened or waited in.
 */
TEST(planted, "links, FIFOs, directories and devices are not followed")
{
	static char names[][10] = {
	    "symlink", "dangling", "loop", "hardlink", "fifo", "directory",
	    "device",
	};
	pid_t pids[nitems_of(names)];
	struct nfslock_holder holder;
	struct look target;
	char path[128];
	size_t count, i;
	int status;

	make_directory(D, 0755);
	make_file("target", "precious", 8);
	ATF_REQUIRE_EQ(0, symlink("../target", D "/symlink.lock"));
	ATF_REQUIRE_EQ(0, symlink("../missing", D "/dangling.lock"));
	ATF_REQUIRE_EQ(0, symlink("loop.lock", D "/loop.lock"));
	ATF_REQUIRE_EQ(0, link("target", D "/hardlink.lock"));
	ATF_REQUIRE_EQ(0, mkfifo(D "/fifo.lock", 0666));
	ATF_REQUIRE_EQ(0, mkdir(D "/directory.lock", 0755));
	count = nitems_of(names);
	if (geteuid() != 0 ||
	    mknod(D "/device.lock", S_IFCHR | 0600, 0) == -1)
		count--;
	look_at("target", &target);
	for (i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), D "/%s", names[i]);
		memset(&holder, 0, sizeof(holder));
		holder.size = sizeof(holder);
		CHECK_STATUS(HELD, nfslock_holder(path, &holder));
		ATF_CHECK_EQ(0, holder.pid);
	}
	for (i = 0; i < count; i++)
		pids[i] = start(plant, names[i]);
	for (i = 0; i < count; i++) {
		status = finish(pids[i]);
		ATF_CHECK_MSG(status == NFSLOCK_OK ||
		    status == NFSLOCK_TIMEDOUT, "%s: %d", names[i], status);
		(void)snprintf(path, sizeof(path), D "/%s.lock", names[i]);
		/* A directory stays, broken or not. */
		if (strcmp(names[i], "directory") == 0)
			ATF_CHECK_EQ(0, rmdir(path));
		else if (status == NFSLOCK_TIMEDOUT)
			ATF_CHECK_EQ(0, unlink(path));
	}
	ATF_CHECK(!exists("missing"));
	ATF_CHECK_EQ(8, read_file("target", path, sizeof(path)));
	ATF_CHECK(memcmp(path, "precious", 8) == 0);
	look_at("target", &target);
	ATF_CHECK_EQ(0644, target.st.st_mode & 07777);
	ATF_CHECK_EQ(1, target.st.st_nlink);
	leaves_nothing();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, foreign);
	ATF_TP_ADD_TC(tp, wrong_times);
	ATF_TP_ADD_TC(tp, dead_holder);
	ATF_TP_ADD_TC(tp, fresh);
	ATF_TP_ADD_TC(tp, never_break);
	ATF_TP_ADD_TC(tp, other_host);
	ATF_TP_ADD_TC(tp, refreshed);
	ATF_TP_ADD_TC(tp, touched);
	ATF_TP_ADD_TC(tp, changing);
	ATF_TP_ADD_TC(tp, suspended_holder);
	ATF_TP_ADD_TC(tp, late_release);
	ATF_TP_ADD_TC(tp, breakers);
	ATF_TP_ADD_TC(tp, stopped_breaker);
	ATF_TP_ADD_TC(tp, late_refresh);
	ATF_TP_ADD_TC(tp, old_guard);
	ATF_TP_ADD_TC(tp, lost_guard);
	ATF_TP_ADD_TC(tp, late_release_guarded);
	ATF_TP_ADD_TC(tp, sweep);
	ATF_TP_ADD_TC(tp, sweep_mailbox);
	ATF_TP_ADD_TC(tp, squatted_guard);
	ATF_TP_ADD_TC(tp, lease);
	ATF_TP_ADD_TC(tp, planted);

	return atf_no_error();
}
