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
 * Processes of such a host that hold the lock, or are lined up for it.
 */

#ifndef _H_QUEUE_H_
#define _H_QUEUE_H_

#include <sys/mman.h>

/* What distinguishes the names of those who lock in D. */
static char scope[sizeof(SCOPE)];

/* How many names in the place have this mark: '.' a process, '+' a link. */
static inline int
names_in_place(char mark)
{
	const struct dirent *entry;
	DIR *directory;
	int found;

	directory = opendir(PLACE);
	ATF_REQUIRE_MSG(directory != NULL, "%s", strerror(errno));
	for (found = 0; (entry = readdir(directory)) != NULL; ) {
		if (strlen(entry->d_name) != strlen(PRESENCE) ||
		    entry->d_name[strlen(PREFIX TOKEN)] != mark)
			continue;
		(void)memcpy(scope, entry->d_name + strlen(PREFIX TOKEN "."),
		    strlen(SCOPE));
		found++;
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
	return found;
}

#define	PATHLEN		sizeof(PLACE "/" PRESENCE)

/* Where a process is present, or the link to who is behind it. */
static inline void
path_of(char *path, const char *token, char mark)
{

	(void)snprintf(path, PATHLEN, PLACE "/" PREFIX "%.16s%c%s", token,
	    mark, scope);
}

/* Whose lock it is. */
static inline void
read_token(char *token)
{

	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, token, LOCKSIZE));
	token[LOCKSIZE] = '\0';
}

/* How many are lined up behind the holder. */
static inline int
queue_length(void)
{
	char path[PATHLEN], target[PATHLEN], token[sizeof(TOKEN)];
	ssize_t size;
	int length;

	read_token(token);
	for (length = 0; length < 2 * PROCESSES; length++) {
		path_of(path, token, '+');
		size = readlink(path, target, sizeof(target));
		if (size != (ssize_t)strlen(PRESENCE))
			break;
		(void)memcpy(token, target + strlen(PREFIX), strlen(TOKEN));
	}
	return length;
}

static inline void
await_queue(int length)
{
	long end = milliseconds() + FORGOTTEN;

	while (queue_length() != length) {
		ATF_REQUIRE_MSG(milliseconds() < end, "%d in line, not %d",
		    queue_length(), length);
		sleep_ms(1);
	}
}

/* Waits until something was done that often. */
static inline void
await_count(const volatile int *what, int times)
{
	long end = milliseconds() + FORGOTTEN;

	while (*what < times) {
		ATF_REQUIRE_MSG(milliseconds() < end, "%d times, not %d",
		    *what, times);
		sleep_ms(1);
	}
}

static inline void
set_up(void)
{
	struct stat st;
	nfslock_t *lock;
	int i;

	ATF_REQUIRE_EQ(0, stat(".", &st));
	ATF_REQUIRE_EQ(0, chmod(".", st.st_mode | 0711));
	make_directory(D, 01777);
	make_directory(PLACE, 01777);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANON, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	mine = &shared->tallies[PROCESSES - 1];

	/* Where the place is not believed the tests would show nothing. */
	for (i = 0; i < 2; i++) {
		remote = i == 1;
		lock = take(MAILBOX);
		ATF_REQUIRE_EQ(i + 1, mine->tries);
		ATF_REQUIRE_EQ(1, names_in_place('.'));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
}

static inline void
check_between(int least, int found, int most)
{

	ATF_CHECK_MSG(found >= least && found <= most,
	    "%d, not %d to %d", found, least, most);
}

/* On a local file system, and on one that is not known to be. */
#define	ON_EACH_KIND(i)							\
	for ((i) = 0; remote = (i) == 1, (i) < 2; (i)++)

/* In this order processes had the lock, each of which is a letter. */
static inline void
check_order(const char *expected)
{
	char order[64];

	memset(order, 0, sizeof(order));
	(void)read_file("order", order, sizeof(order) - 1);
	ATF_CHECK_STREQ(expected, order);
	ATF_REQUIRE_EQ(0, unlink("order"));
}

/* Nobody was forgotten, and nothing is left. */
static inline void
check_end(void)
{
	size_t i;

	for (i = 0; i < PROCESSES; i++)
		if (shared->tallies[i].forgotten != 0)
			atf_tc_fail("nobody woke process %zu", i);
	leaves_nothing();
	check_directory(PLACE, NULL);
	(void)memset(shared, 0, sizeof(*shared));
}

static inline int
enter_order(int id)
{
	char letter = (char)('a' + id);
	int fd;

	if ((fd = open("order", O_WRONLY | O_CREAT | O_APPEND, 0666)) == -1)
		return 80;
	(void)fchmod(fd, 0666);
	return write(fd, &letter, 1) == 1 && close(fd) == 0 ? 0 : 81;
}

static inline int
enter_and_release(int id, nfslock_t *lock)
{
	int status;

	if ((status = enter_order(id)) != 0 ||
	    (status = nfslock_verify(lock)) != NFSLOCK_OK)
		return status;
	return nfslock_release(lock);
}

/* A child that waits for the lock, has it, and lets it go. */
static inline int
stand_in_line(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	int id = *(int *)argument, status;
	nfslock_t *lock;

	mine = &shared->tallies[id];
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : enter_and_release(id, lock);
}

/* Sends so many after each other into the line. */
static inline void
line_up(pid_t *pids, int number)
{
	int i;

	for (i = 0; i < number; i++) {
		pids[i] = start(stand_in_line, &i);
		await_queue(i + 1);
		await_count(&shared->tallies[i].polls, 1);
	}
}

static inline void
finish_all(const pid_t *pids, int number)
{
	int i;

	for (i = 0; i < number; i++)
		CHECK_EXIT(NFSLOCK_OK, pids[i]);
}

/*
 * A child holds the lock until it is told or killed.  The test's own process
 * does not: all its children would have its presence open as well.
 */
static inline void
await_let_go(void)
{

	shared->held = 1;
	while (!shared->let_go)
		sleep_ms(1);
}

/* Lives on, so that its end wakes nobody. */
static inline int
stay(int status)
{

	shared->released = 1;
	while (!shared->leave)
		sleep_ms(1);
	return status;
}

static inline int
hold(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	return nfslock_release(lock);
}

static inline pid_t
start_holder(int (*run)(void *), void *argument)
{
	pid_t pid;

	shared->held = shared->let_go = 0;
	pid = start(run, argument);
	await_count(&shared->held, 1);
	return pid;
}

static inline void
let_go(pid_t holder)
{

	shared->let_go = 1;
	CHECK_EXIT(NFSLOCK_OK, holder);
}

static inline void
kill_child(pid_t pid)
{

	ATF_REQUIRE_EQ(0, kill(pid, SIGKILL));
	CHECK_EXIT(-1, pid);
}

static inline unsigned
random_below(unsigned end)
{
	static unsigned seed;

	if (seed == 0)
		seed = (unsigned)getpid();
	seed = seed * 1103515245 + 12345;
	return seed / 65536 % end;
}

static inline void
dawdle(void)
{
	volatile unsigned rest = random_below(20000);

	if (random_below(2) == 0)
		(void)usleep(random_below(300));
	else
		while (rest > 0)
			rest--;
}

/* Has all its parent's descriptors, until it is killed. */
static inline pid_t
leave_child(void)
{
	pid_t pid;

	if ((pid = fork()) == 0)
		for (;;)
			(void)pause();
	return pid;
}

static inline int
hold_with_child(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	shared->child = leave_child();
	await_let_go();
	return nfslock_release(lock);
}

/* Waits in vain for some time. */
static inline void
check_held(int limit, int stale_action)
{
	struct nfslock_options options = options_of(limit, 0);
	struct look look;
	nfslock_t *lock;
	int present = names_in_place('.');

	options.stale_action = stale_action;
	look_at(LOCK, &look);
	time_passes = AT_ONCE;
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	time_passes = NEVER;
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
	ATF_CHECK_EQ(present, names_in_place('.'));
	ATF_CHECK_EQ(0, names_in_place('+'));
}

#endif /* !_H_QUEUE_H_ */
