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
 * The queue of a host's processes, and how they know of each other: who gets
 * the lock when, what wakes him, what he asks the server for meanwhile, and
 * what becomes of the others when somebody gives up, dies, or means harm.
 *
 * The place where they meet is a directory of the test's own, which this
 * program shows to the library as the host's memory.  So no test sees or harms
 * what belongs to another.  t_queue_place is about the real place.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/mman.h>
#include <sys/time.h>
#ifdef __NetBSD__
#include <sys/statvfs.h>
#else
#include <sys/statfs.h>
#endif

#include <dlfcn.h>
#include <poll.h>

#include "h_nfslock.h"

#define	PLACE		"shm"
#define	PREFIX		"nfslock."
#define	TOKEN		"Lthis0is0a0token"	/* any, for a format */
#define	SCOPE		"0123456789abcdef"	/* any, too */
#define	PRESENCE	PREFIX TOKEN "." SCOPE
#define	MAIL_GROUP	8	/* any that is neither root's nor nobody's */
#define	NOBODY		65534	/* who become_nobody() is */
#define	SOMEBODY	65533

/* The clock by which the library waits. */
#ifdef CLOCK_BOOTTIME
#define	WAITING_CLOCK	CLOCK_BOOTTIME
#else
#define	WAITING_CLOCK	CLOCK_MONOTONIC
#endif

#define	SECOND		1000000000LL

/*
 * How time passes while the library waits: as it does; never, so that a waiter
 * whom nobody wakes is seen to be forgotten; or at once, so that what a waiter
 * does in a minute can be counted in a moment.
 */
static enum time_passes { AS_IT_DOES, NEVER, AT_ONCE } time_passes;

/* No wake-up takes as long, in milliseconds. */
#define	FORGOTTEN	30000

static long long skew;		/* how much time has passed at once */
static long long days;		/* by which this host's clock was set */
static bool remote;		/* is D on an unknown file system? */
static bool homeless;		/* has this host no place to meet? */
static bool on_disk;		/* is it on a disk? */
static const char *host_name;	/* this host's name, if not its own */
static int place_fd = -1;

static void (*on_look)(void);	/* at the lock */
static void (*on_poll)(void);
static void (*on_wake)(void);	/* when a poll() has found something */
static void (*on_sleep)(void);

/* What one process has asked the system for. */
struct tally {
	volatile int	tries;		/* to take the lock's name */
	volatile int	places;		/* that it tried to take */
	volatile int	questions;	/* who has a place */
	volatile int	polls;
	volatile int	sleeps;
	volatile int	waits;		/* both together */
	volatile int	calls;		/* altogether */
	volatile int	forgotten;	/* no wake-up came */
};

#define	PROCESSES	8	/* that have a tally */

static struct {
	struct tally	tallies[PROCESSES];
	volatile int	held;		/* the holder has the lock */
	volatile int	let_go;		/* it should let it go */
	volatile int	released;	/* it has */
	volatile int	stopped;	/* somebody stands still */
	volatile int	go_on;		/* and should not any more */
	volatile int	leave;		/* all should end */
	volatile sig_atomic_t stop;	/* others should stop */
	volatile pid_t	child;		/* of a child */
} none, *shared = &none;

static struct tally *mine = &none.tallies[PROCESSES - 1];

static int most_calls;		/* if not 0, more of them are a busy loop */

/* Before which of the next calls, if not 0, what happens. */
static int when;
static void (*happens)(void);

#define	EXIT_BUSY	90

static void
count(volatile int *what)
{

	if (when != 0 && --when == 0)
		happens();
	if (what != NULL)
		++*what;
	if (++mine->calls > most_calls && most_calls != 0)
		_exit(EXIT_BUSY);
}

/* The function whose place one of this program's takes. */
static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

#define	REAL(type, arguments, name)					\
	static type (*function) arguments;				\
									\
	if (function == NULL)						\
		*(void **)&function = real(name)

#ifdef __NetBSD__
#define	VERSION_50(name)	"__" name "50"
#else
#define	VERSION_50(name)	name
#endif

static bool
is_lock(const char *name)
{
	const char *end = strrchr(name, '.');

	return end != NULL && strcmp(end, ".lock") == 0;
}

int
openat(int directory, const char *name, int flags, ...)
{
	static const char *const places[] = { "/dev/shm", "/var/shm", "/tmp" };
	mode_t mode = 0;
	va_list rest;
	size_t i;

	REAL(int, (int, const char *, int, ...), "openat");
	if ((flags & O_CREAT) != 0) {
		va_start(rest, flags);
		mode = (mode_t)va_arg(rest, int);
		va_end(rest);
	}
	count((flags & O_CREAT) != 0 && is_lock(name) ? &mine->tries : NULL);
	if ((flags & O_CREAT) == 0 && is_lock(name) && on_look != NULL)
		on_look();
	for (i = 0; i < nitems_of(places); i++) {
		if (strcmp(name, places[i]) != 0)
			continue;
		if (homeless) {
			errno = ENOENT;
			return -1;
		}
		return place_fd = function(AT_FDCWD, PLACE, flags, mode);
	}
	return function(directory, name, flags, mode);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{

	REAL(int, (int, const char *, int, const char *, int), "linkat");
	count(is_lock(new) ? &mine->tries : NULL);
	return function(from, old, to, new, flags);
}

int
symlinkat(const char *target, int directory, const char *name)
{

	REAL(int, (const char *, int, const char *), "symlinkat");
	count(&mine->places);
	return function(target, directory, name);
}

ssize_t
readlinkat(int directory, const char *name, char *target, size_t room)
{

	REAL(ssize_t, (int, const char *, char *, size_t), "readlinkat");
	count(&mine->questions);
	return function(directory, name, target, room);
}

int
unlinkat(int directory, const char *name, int flags)
{

	REAL(int, (int, const char *, int), "unlinkat");
	count(NULL);
	return function(directory, name, flags);
}

int
poll(struct pollfd *asked, nfds_t number, int timeout)
{
	int answer;

	REAL(int, (struct pollfd *, nfds_t, int), "poll");
	count(&mine->polls);
	mine->waits++;
	if (on_poll != NULL)
		on_poll();
	switch (time_passes) {
	case NEVER:
		if ((answer = function(asked, number, FORGOTTEN)) == 0)
			mine->forgotten++;
		break;
	case AT_ONCE:
		if ((answer = function(asked, number, 0)) == 0)
			skew += timeout * (SECOND / 1000);
		break;
	default:
		answer = function(asked, number, timeout);
	}
	if (answer == 1 && on_wake != NULL)
		on_wake();
	return answer;
}

int
nanosleep(const struct timespec *time, struct timespec *rest)
{

	REAL(int, (const struct timespec *, struct timespec *),
	    VERSION_50("nanosleep"));
	count(&mine->sleeps);
	mine->waits++;
	if (on_sleep != NULL)
		on_sleep();
	if (time_passes != AT_ONCE)
		return function(time, rest);
	skew += time->tv_sec * SECOND + time->tv_nsec;
	return 0;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	long long time;

	REAL(int, (clockid_t, struct timespec *), VERSION_50("clock_gettime"));
	if (function(clock, now) == -1)
		return -1;
	if (clock == CLOCK_REALTIME)
		now->tv_sec += (time_t)(days * 86400);
	if (clock == WAITING_CLOCK) {
		time = now->tv_sec * SECOND + now->tv_nsec + skew;
		now->tv_sec = (time_t)(time / SECOND);
		now->tv_nsec = (long)(time % SECOND);
	}
	return 0;
}

int
gethostname(char *name, size_t room)
{

	REAL(int, (char *, size_t), "gethostname");
	if (host_name == NULL)
		return function(name, room);
	(void)snprintf(name, room, "%s", host_name);
	return 0;
}

#ifdef __NetBSD__
int
fstatvfs(int fd, struct statvfs *found)
{
	int answer = fstatvfs1(fd, found, ST_WAIT);

	if (fd == place_fd) {
		place_fd = -1;
		(void)snprintf(found->f_fstypename,
		    sizeof(found->f_fstypename), on_disk ? "ffs" : "tmpfs");
	} else if (answer == 0 && remote) {
		found->f_flag &= ~(unsigned long)ST_LOCAL;
	}
	return answer;
}
#else
int
fstatfs(int fd, struct statfs *found)
{
	int answer;

	REAL(int, (int, struct statfs *), "fstatfs");
	answer = function(fd, found);
	if (fd == place_fd) {
		place_fd = -1;
		found->f_type = on_disk ? 0xef53 : 0x01021994;	/* tmpfs */
	} else if (answer == 0 && remote) {
		found->f_type = 0x6969;		/* NFS */
	}
	return answer;
}
#endif

/* What distinguishes the names of those who lock in D. */
static char scope[sizeof(SCOPE)];

/* How many names in the place have this mark: '.' a process, '+' a link. */
static int
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
static void
path_of(char *path, const char *token, char mark)
{

	(void)snprintf(path, PATHLEN, PLACE "/" PREFIX "%.16s%c%s", token,
	    mark, scope);
}

/* Whose lock it is. */
static void
read_token(char *token)
{

	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, token, LOCKSIZE));
	token[LOCKSIZE] = '\0';
}

/* How many are lined up behind the holder. */
static int
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

static void
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
static void
await_count(const volatile int *what, int times)
{
	long end = milliseconds() + FORGOTTEN;

	while (*what < times) {
		ATF_REQUIRE_MSG(milliseconds() < end, "%d times, not %d",
		    *what, times);
		sleep_ms(1);
	}
}

static void
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

/* On a local file system, and on one that is not known to be. */
#define	ON_EACH_KIND(i)							\
	for ((i) = 0; remote = (i) == 1, (i) < 2; (i)++)

/* In this order processes had the lock, each of which is a letter. */
static void
check_order(const char *expected)
{
	char order[64];

	memset(order, 0, sizeof(order));
	(void)read_file("order", order, sizeof(order) - 1);
	ATF_CHECK_STREQ(expected, order);
	ATF_REQUIRE_EQ(0, unlink("order"));
}

/* Nobody was forgotten, and nothing is left. */
static void
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

static int
enter_order(int id)
{
	char letter = (char)('a' + id);
	int fd;

	if ((fd = open("order", O_WRONLY | O_CREAT | O_APPEND, 0666)) == -1)
		return 80;
	(void)fchmod(fd, 0666);
	return write(fd, &letter, 1) == 1 && close(fd) == 0 ? 0 : 81;
}

static int
enter_and_release(int id, nfslock_t *lock)
{
	int status;

	if ((status = enter_order(id)) != 0 ||
	    (status = nfslock_verify(lock)) != NFSLOCK_OK)
		return status;
	return nfslock_release(lock);
}

/* A child that waits for the lock, has it, and lets it go. */
static int
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
static void
line_up(pid_t *pids, int number)
{
	int i;

	for (i = 0; i < number; i++) {
		pids[i] = start(stand_in_line, &i);
		await_queue(i + 1);
		await_count(&shared->tallies[i].polls, 1);
	}
}

static void
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
static void
await_let_go(void)
{

	shared->held = 1;
	while (!shared->let_go)
		sleep_ms(1);
}

/* Lives on, so that its end wakes nobody. */
static int
stay(int status)
{

	shared->released = 1;
	while (!shared->leave)
		sleep_ms(1);
	return status;
}

static int
hold(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	return nfslock_release(lock);
}

static int
hold_and_stay(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	return stay(nfslock_release(lock));
}

static pid_t
start_holder(int (*run)(void *), void *argument)
{
	pid_t pid;

	shared->held = shared->let_go = 0;
	pid = start(run, argument);
	await_count(&shared->held, 1);
	return pid;
}

static void
let_go(pid_t holder)
{

	shared->let_go = 1;
	CHECK_EXIT(NFSLOCK_OK, holder);
}

static void
kill_child(pid_t pid)
{

	ATF_REQUIRE_EQ(0, kill(pid, SIGKILL));
	CHECK_EXIT(-1, pid);
}

TEST(order, "who comes first is first, and nobody asks without being woken")
{
	pid_t holder, pids[6];
	int i, kind, number = (int)nitems_of(pids);

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, number);
		let_go(holder);
		finish_all(pids, number);
		check_order("abcdef");
		for (i = 0; i < number; i++)
			ATF_CHECK_EQ(2, shared->tallies[i].tries);
		check_end();
	}
}

/* When enough time has passed it stands still. */
static long long enough;

static void
live_on(void)
{

	if (skew < enough)
		return;
	time_passes = NEVER;
	on_look = on_poll = NULL;
	shared->stopped = 1;
}

static int
look_for_long(void *argument)
{

	enough = 30 * SECOND;
	time_passes = AT_ONCE;
	on_look = live_on;
	return stand_in_line(argument);
}

static int
poll_for_long(void *argument)
{

	enough = 100 * SECOND;
	time_passes = AT_ONCE;
	on_poll = live_on;
	return stand_in_line(argument);
}

/* It gets the lock, and that soon: from 10 to 20 ms a try, or 250 to 500. */
static void
check_soon(pid_t waiter, const struct tally *tally)
{
	int most = tally->tries + (remote ? 8 : 100);

	while (waitpid(waiter, NULL, WNOHANG) == 0) {
		if (tally->tries > most) {
			(void)kill(waiter, SIGKILL);
			atf_tc_fail("it still tries");
		}
		sleep_ms(1);
	}
	check_order("a");
	check_end();
}

/* It looks at the lock every five seconds at last, and tries more often. */
TEST(dies_late, "who has waited for long sees at once that the holder has died")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		waiter = start(look_for_long, &id);
		await_count(&shared->stopped, 1);
		kill_child(holder);
		check_soon(waiter, &shared->tallies[id]);
	}
}

/* A process closes its files before it is gone. */
static int
hold_and_die_slowly(void *argument)
{
	nfslock_t *lock;
	int fd;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	for (fd = 0; fd < 64; fd++)
		(void)close(fd);
	for (;;)
		(void)pause();
}

TEST(dies_slowly, "even one that was silent, and dies slowly")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold_and_die_slowly, NULL);
		waiter = start(poll_for_long, &id);
		await_count(&shared->stopped, 1);
		shared->let_go = 1;
		await_count(&shared->tallies[id].tries,
		    shared->tallies[id].tries + 1);
		await_count(&shared->tallies[id].sleeps, 1);
		kill_child(holder);
		check_soon(waiter, &shared->tallies[id]);
	}
}

TEST(holder_dies, "the death of the holder wakes the first in line as well")
{
	pid_t holder, pids[4];
	int i, kind, number = (int)nitems_of(pids);

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, number);
		kill_child(holder);
		finish_all(pids, number);
		check_order("abcd");
		/* The first may look while the dead one is still dying. */
		for (i = 1; i < number; i++)
			ATF_CHECK_EQ(2, shared->tallies[i].tries);
		check_end();
	}
}

static unsigned
random_below(unsigned end)
{
	static unsigned seed;

	if (seed == 0)
		seed = (unsigned)getpid();
	seed = seed * 1103515245 + 12345;
	return seed / 65536 % end;
}

static void
dawdle(void)
{
	volatile unsigned rest = random_below(20000);

	if (random_below(2) == 0)
		(void)usleep(random_below(300));
	else
		while (rest > 0)
			rest--;
}

static int
loses_patience(void *argument)
{

	(void)argument;
	return random_below(8) == 0;
}

static void
ignore_signal(int signo)
{

	(void)signo;
}

static void
be_interrupted(void)
{
	struct itimerval timer;
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = ignore_signal;
	(void)sigaction(SIGALRM, &action, NULL);
	memset(&timer, 0, sizeof(timer));
	timer.it_value.tv_usec = timer.it_interval.tv_usec = 700;
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* The lock is let go while this process stands still. */
static void
see_it_let_go(void)
{

	shared->stopped = 1;
	shared->let_go = 1;
	while (!shared->released)
		sleep_ms(1);
}

static int
stand_in_line_stopping(void *argument)
{
	int id = 0;

	when = *(int *)argument;
	happens = see_it_let_go;
	return stand_in_line(&id);
}

TEST(let_go_anywhere, "no wake-up is lost, wherever the lock is let go")
{
	const struct tally *tally;
	pid_t holder, waiter;
	bool stopped;
	int call, kind;

	set_up();
	tally = &shared->tallies[0];
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		for (call = 1, stopped = true; stopped; call++) {
			holder = start_holder(hold_and_stay, NULL);
			waiter = start(stand_in_line_stopping, &call);
			while (!shared->stopped && tally->polls == 0)
				sleep_ms(1);
			stopped = shared->stopped != 0;
			shared->let_go = 1;
			CHECK_EXIT(NFSLOCK_OK, waiter);
			shared->leave = 1;
			CHECK_EXIT(NFSLOCK_OK, holder);
			check_order("a");
			check_end();
		}
		/* Its poll() was the last. */
		ATF_CHECK_MSG(call > 8, "%d", call);
	}
}

static void
see_others_come(void)
{

	shared->stopped = 1;
	while (!shared->go_on)
		sleep_ms(1);
}

static int
hold_stopping(void *argument)
{
	nfslock_t *lock;

	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	when = *(int *)argument;
	happens = see_others_come;
	return stay(nfslock_release(lock));
}

TEST(come_anywhere, "no wake-up is lost, wherever the holder lets go")
{
	const struct tally *tally;
	pid_t holder, waiters[2];
	bool stopped;
	int call, i, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		for (call = 1, stopped = true; stopped; call++) {
			holder = start_holder(hold_stopping, &call);
			shared->let_go = 1;
			while (!shared->stopped && !shared->released)
				sleep_ms(1);
			stopped = shared->stopped != 0;
			for (i = 0; i < 2; i++) {
				waiters[i] = start(stand_in_line, &i);
				tally = &shared->tallies[i];
				while (tally->waits == 0 && !exists("order"))
					sleep_ms(1);
			}
			shared->go_on = 1;
			finish_all(waiters, 2);
			shared->leave = 1;
			CHECK_EXIT(NFSLOCK_OK, holder);
			check_order("ab");
			check_end();
		}
		ATF_CHECK_MSG(call > 4, "%d", call);
	}
}

#define	CYCLES		1000

/* The first one gives up now and then, when a signal interrupts it. */
static int
come_and_go(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	int id = *(int *)argument, i, status;
	nfslock_t *lock;

	mine = &shared->tallies[id];
	if (id == 0) {
		be_interrupted();
		options.cancelled = loses_patience;
	}
	for (i = 0; i < CYCLES * rounds(); i++) {
		dawdle();
		status = nfslock_acquire(MAILBOX, &options, &lock);
		if (status == NFSLOCK_CANCELLED && id == 0)
			continue;
		if (status != NFSLOCK_OK)
			return status;
		dawdle();
		if ((status = nfslock_release(lock)) != NFSLOCK_OK)
			return status;
	}
	return 0;
}

TEST(no_wake_up_lost, "at whatever moment one comes and the other goes")
{
	pid_t pids[4];
	int i, kind, number = (int)nitems_of(pids);

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		for (i = 0; i < number; i++)
			pids[i] = start(come_and_go, &i);
		finish_all(pids, number);
		for (i = 0; i < number; i++)
			ATF_CHECK(shared->tallies[i].polls > CYCLES / 10);
		check_end();
	}
}

/* Leaves no trace of the dead: one release in 64 sees to it, a day later. */
static void
tidy_up(const char *mailbox, int expected)
{
	nfslock_t *lock;
	int i;

	days = 2;
	for (i = 0; i < 5000; i++) {
		if (names_in_place('.') + names_in_place('+') == expected)
			break;
		lock = take(mailbox);
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	days = 0;
}

/* What those leave in D, which is not stale yet; a sweep is t_faults'. */
static int
drop_leftovers(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *directory;
	int found;

	ATF_REQUIRE((directory = opendir(D)) != NULL);
	for (found = 0; (entry = readdir(directory)) != NULL; ) {
		if (strncmp(entry->d_name, ".nfsl", 5) != 0)
			continue;
		(void)snprintf(path, sizeof(path), D "/%s", entry->d_name);
		ATF_REQUIRE_EQ(0, unlink(path));
		found++;
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
	return found;
}

static int
come_and_go_on(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	int status = NFSLOCK_OK;
	nfslock_t *lock;

	mine = &shared->tallies[*(int *)argument];
	while (status == NFSLOCK_OK && !shared->stop) {
		dawdle();
		status = nfslock_acquire(MAILBOX, &options, &lock);
		if (status == NFSLOCK_OK) {
			dawdle();
			status = nfslock_release(lock);
		}
	}
	return status;
}

static void
die(void)
{

	(void)kill(getpid(), SIGKILL);
}

/*
 * On a remote file system who dies while he lets go of a lock or breaks one is
 * waited for, until what he left is stale.
 */
static int
die_early(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;

	happens = die;
	if (!remote) {
		when = 1 + (int)random_below(60);
		return come_and_go_on(argument);
	}
	mine = &shared->tallies[*(int *)argument];
	options.stale_action = NFSLOCK_STALE_WAIT;
	when = 1 + (int)random_below(25);
	if (nfslock_acquire(MAILBOX, &options, &lock) == NFSLOCK_OK) {
		when = 0;
		(void)nfslock_release(lock);
		die();
	}
	return 0;
}

TEST(killed_anywhere, "at whatever moment one is killed, the others go on")
{
	struct nfslock_options options = options_of(20, 0);
	pid_t pids[3];
	int i, kind, number = (int)nitems_of(pids);
	nfslock_t *lock;

	set_up();
	ON_EACH_KIND(kind) {
		time_passes = NEVER;
		for (i = 0; i < number; i++)
			pids[i] = start(come_and_go_on, &i);
		for (i = 0; i < 300 * rounds(); i++)
			CHECK_EXIT(-1, start(die_early, &number));
		shared->stop = 1;
		finish_all(pids, number);
		ATF_CHECK(shared->tallies[number].polls > 10);

		time_passes = AS_IT_DOES;
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		ATF_CHECK(names_in_place('.') > 10);
		(void)drop_leftovers();
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

static int
hold_homeless(void *argument)
{

	homeless = true;
	return hold(argument);
}

TEST(one_asks, "of all who wait for another host one alone asks the server")
{
	static const char *const contents[] = { "", "LAfar00000000000", NULL };
	pid_t holder = -1, pids[4];
	int asked, i, kind, number = (int)nitems_of(pids);
	size_t which;
	long end;

	set_up();
	time_passes = NEVER;
	for (which = 0; which < nitems_of(contents); which++)
	ON_EACH_KIND(kind) {
		if (contents[which] == NULL)
			holder = start_holder(hold_homeless, NULL);
		else
			make_file(LOCK, contents[which],
			    strlen(contents[which]));
		for (i = 0; i < number; i++) {
			pids[i] = start(stand_in_line, &i);
			end = milliseconds() + FORGOTTEN;
			while (names_in_place('+') != i + 1) {
				ATF_REQUIRE(milliseconds() < end);
				sleep_ms(1);
			}
			if (i > 0)
				await_count(&shared->tallies[i].polls, 1);
		}
		asked = shared->tallies[0].tries;
		await_count(&shared->tallies[0].tries, asked + 4);
		for (i = 1; i < number; i++) {
			ATF_CHECK_EQ(1, shared->tallies[i].tries);
			ATF_CHECK_EQ(0, shared->tallies[i].sleeps);
		}
		if (contents[which] == NULL)
			let_go(holder);
		else
			ATF_REQUIRE_EQ(0, unlink(LOCK));
		finish_all(pids, number);
		check_order("abcd");
		for (i = 1; i < number; i++)
			ATF_CHECK_EQ(2, shared->tallies[i].tries);
		check_end();
	}
}

static int
stop(void *argument)
{

	(void)argument;
	return shared->stop;
}

static volatile sig_atomic_t signalled;

static void
note_signal(int signo)
{

	(void)signo;
	signalled = 1;
}

enum way { LIMIT, FLAG, CALLBACK, SIGNAL, WAYS };

static int
give_up(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	enum way way = *(enum way *)argument;
	struct sigaction action;
	nfslock_t *lock;

	mine = &shared->tallies[1];
	time_passes = AS_IT_DOES;
	switch (way) {
	case LIMIT:
		options.limit = 2;
		break;
	case FLAG:
		options.cancel_flag = &shared->stop;
		break;
	case CALLBACK:
		options.cancelled = stop;
		break;
	default:
		memset(&action, 0, sizeof(action));
		action.sa_handler = note_signal;
		action.sa_flags = SA_RESTART;
		if (sigaction(SIGUSR1, &action, NULL) == -1)
			return 100;
		options.cancel_flag = &signalled;
		time_passes = NEVER;
	}
	return stay(nfslock_acquire(MAILBOX, &options, &lock));
}

TEST(gives_up, "who gives up leaves the line, and those behind him close up")
{
	pid_t holder, pids[3];
	enum way way;
	int i, kind;

	set_up();
	time_passes = NEVER;
	for (way = LIMIT; way < WAYS; way++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		for (i = 0; i < 3; i++) {
			pids[i] = i == 1 ? start(give_up, &way) :
			    start(stand_in_line, &i);
			await_queue(i + 1);
			await_count(&shared->tallies[i].polls, 1);
		}
		shared->stop = 1;
		if (way == SIGNAL)
			ATF_REQUIRE_EQ(0, kill(pids[1], SIGUSR1));
		await_count(&shared->released, 1);
		await_queue(2);
		ATF_CHECK_EQ(2, names_in_place('+'));
		ATF_CHECK_EQ(3, names_in_place('.'));
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[0]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		shared->leave = 1;
		CHECK_EXIT(way == LIMIT ? NFSLOCK_TIMEDOUT :
		    NFSLOCK_CANCELLED, pids[1]);
		check_order("ac");
		check_end();
	}
}

/* The living are the holder and two who wait, each behind another. */
TEST(killed_in_line, "who is killed in line is passed over, and tidied away")
{
	static const char *const order[] = { "bc", "ac", "ab" };
	pid_t holder, pids[3];
	int i, kind, living = 5, left, victim;
	nfslock_t *lock;

	set_up();
	time_passes = NEVER;
	for (victim = 0; victim < 3; victim++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, 3);
		kill_child(pids[victim]);
		/* Nobody is woken behind the last one. */
		await_queue(victim == 2 ? 3 : 2);
		if (victim != 2)
			await_count(&shared->tallies[victim + 1].polls, 2);
		left = names_in_place('.') + names_in_place('+');
		ATF_CHECK_EQ(victim == 2 ? 7 : 6, left);

		/* Today it may still be of use. */
		for (i = 0; i < 500; i++) {
			lock = take(D "/n");
			CHECK_STATUS(OK, nfslock_release(lock));
		}
		ATF_CHECK_EQ(left, names_in_place('.') + names_in_place('+'));
		tidy_up(D "/n", living);
		ATF_CHECK_EQ(3, names_in_place('.'));
		ATF_CHECK_EQ(2, names_in_place('+'));
		ATF_CHECK_EQ(2, queue_length());

		let_go(holder);
		for (i = 0; i < 3; i++)
			if (i != victim)
				CHECK_EXIT(NFSLOCK_OK, pids[i]);
		check_order(order[victim]);
		ATF_CHECK_EQ(remote, drop_leftovers());
		check_end();
	}
}

/* What a killed one left is in nobody's way before it is tidied away, too. */
TEST(killed_last, "the line goes on behind one that was killed")
{
	pid_t holder, pids[3];
	int id, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, 2);
		kill_child(pids[1]);
		id = 2;
		pids[2] = start(stand_in_line, &id);
		await_count(&shared->tallies[2].polls, 1);
		await_queue(2);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[0]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		check_order("ac");
		ATF_CHECK_EQ(0, names_in_place('+'));
		ATF_CHECK_EQ(remote, drop_leftovers());
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

/* Has all its parent's descriptors, until it is killed. */
static pid_t
leave_child(void)
{
	pid_t pid;

	if ((pid = fork()) == 0)
		for (;;)
			(void)pause();
	return pid;
}

static int
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

static int
leave_child_once(void *argument)
{

	(void)argument;
	if (shared->child == 0)
		shared->child = leave_child();
	return 0;
}

static int
stand_in_line_with_child(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;
	int status;

	(void)argument;
	mine = &shared->tallies[0];
	options.cancelled = leave_child_once;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : enter_and_release(0, lock);
}

TEST(child, "a child does not keep those from being woken who wait behind")
{
	pid_t holder, pids[2];
	int i, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		/* The holder's. */
		holder = start_holder(hold_with_child, NULL);
		line_up(pids, 2);
		let_go(holder);
		finish_all(pids, 2);
		check_order("ab");
		ATF_CHECK_EQ(0, kill(shared->child, 0));
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		check_end();

		/* And one which was made while its parent waited. */
		holder = start_holder(hold, NULL);
		for (i = 0; i < 2; i++) {
			pids[i] = start(i == 0 ? stand_in_line_with_child :
			    stand_in_line, &i);
			await_queue(i + 1);
			await_count(&shared->tallies[i].polls, 1);
		}
		let_go(holder);
		finish_all(pids, 2);
		check_order("ab");
		ATF_CHECK_EQ(0, kill(shared->child, 0));
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		check_end();
	}
}

static int
leave_child_and_stop(void *argument)
{

	(void)leave_child_once(argument);
	return shared->stop;
}

static int
give_up_with_child(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;

	(void)argument;
	mine = &shared->tallies[1];
	time_passes = AS_IT_DOES;
	options.cancelled = leave_child_and_stop;
	return nfslock_acquire(MAILBOX, &options, &lock);
}

TEST(child_stays, "nor does the child of one who gives up")
{
	pid_t holder, pids[3];
	int i, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		for (i = 0; i < 3; i++) {
			pids[i] = start(i == 1 ? give_up_with_child :
			    stand_in_line, &i);
			await_queue(i + 1);
			await_count(&shared->tallies[i].polls, 1);
		}
		shared->stop = 1;
		CHECK_EXIT(NFSLOCK_CANCELLED, pids[1]);
		await_queue(2);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[0]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		check_order("ac");
		ATF_CHECK_EQ(0, kill(shared->child, 0));
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		check_end();
	}
}

/* Waits in vain for some time. */
static void
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

TEST(child_lives, "the dead with a child that lives is not dead, nor the living"
    " without it")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold_with_child, NULL);
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		check_held(20, NFSLOCK_STALE_BREAK);
		let_go(holder);
		check_end();

		holder = start_holder(hold_with_child, NULL);
		kill_child(holder);
		check_held(20, NFSLOCK_STALE_BREAK);
		waiter = start(stand_in_line, &id);
		await_queue(1);
		await_count(&shared->tallies[id].polls, 1);
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		CHECK_EXIT(NFSLOCK_OK, waiter);
		check_order("a");
		check_end();
	}
}

TEST(uncontended, "who finds the lock free does not pay for the queue")
{
	int cycles = 300, i, kind;
	nfslock_t *lock;

	set_up();
	ON_EACH_KIND(kind) {
		(void)memset(mine, 0, sizeof(*mine));
		for (i = 0; i < cycles; i++) {
			lock = take(MAILBOX);
			ATF_CHECK_EQ(i, mine->questions);
			CHECK_STATUS(OK, nfslock_release(lock));
		}
		ATF_CHECK_EQ(cycles, mine->tries);
		ATF_CHECK_EQ(cycles, mine->questions);
		ATF_CHECK_EQ(0, mine->places);
		ATF_CHECK_EQ(0, mine->polls);
		ATF_CHECK_EQ(0, mine->sleeps);
		check_end();
	}
}

TEST(not_taken_over, "who asks to wait, or not to, takes over from nobody")
{
	struct nfslock_options options = options_of(20, 0);
	struct look look;
	nfslock_t *lock;
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		kill_child(start_holder(hold, NULL));
		check_held(1000, NFSLOCK_STALE_WAIT);
		look_at(LOCK, &look);
		CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
		check_untouched(LOCK, &look);
		ATF_CHECK_EQ(1, names_in_place('.'));

		/* And it was dead all the time. */
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

TEST(impostor, "whose presence is not what it should be is not dead")
{
	char path[PATHLEN], token[sizeof(TOKEN)];
	struct nfslock_options options = options_of(20, 0);
	nfslock_t *lock;
	int fd, kind;

	set_up();
	ON_EACH_KIND(kind) {
		kill_child(start_holder(hold, NULL));
		read_token(token);
		path_of(path, token, '.');

		/* This host has another name by now, or is a copy. */
		host_name = "another.example";
		check_held(20, NFSLOCK_STALE_BREAK);
		host_name = NULL;

		/* Somebody has it open. */
		ATF_REQUIRE((fd = open(path, O_RDWR)) != -1);
		check_held(20, NFSLOCK_STALE_BREAK);
		/* And there is something in it. */
		ATF_REQUIRE_EQ(1, write(fd, "", 1));
		check_held(1, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, close(fd));

		/* It is another user's. */
		if (geteuid() == 0) {
			ATF_REQUIRE_EQ(0, chown(path, NOBODY, (gid_t)-1));
			check_held(20, NFSLOCK_STALE_BREAK);
			ATF_REQUIRE_EQ(0, chown(path, 0, (gid_t)-1));
		}

		/* Whoever gave it this name could have given it another. */
		ATF_REQUIRE_EQ(0, link(path, "fifo"));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink("fifo"));

		/* It is none, or not here. */
		ATF_REQUIRE_EQ(0, rename(path, "fifo"));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, symlink("../fifo", path));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink(path));
		make_file(path, "", 0);
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink(path));
		make_directory(path, 0755);
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, rmdir(path));

		/* Any of that apart, it is dead. */
		ATF_REQUIRE_EQ(0, rename("fifo", path));
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

struct user {
	uid_t	uid;
	gid_t	gid;
	int	limit, stale;
	enum time_passes time_passes;
};

static bool
become(const struct user *user)
{

	return setgroups(0, NULL) == 0 && setgid(user->gid) == 0 &&
	    setuid(user->uid) == 0;
}

static int
hold_as(void *argument)
{

	return become(argument) ? hold(NULL) : 100;
}

static int
acquire_as(void *argument)
{
	const struct user *user = argument;
	struct nfslock_options options;
	nfslock_t *lock;
	int status;

	mine = &shared->tallies[0];
	if (!become(user))
		return 100;
	time_passes = user->time_passes;
	options = options_of(user->limit, user->stale);
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

static void
die_as(uid_t uid, gid_t gid)
{
	struct user user = { uid, gid, 0, 0, NEVER };

	kill_child(start_holder(hold_as, &user));
}

#define	AS(...)		start(acquire_as, &(struct user){ __VA_ARGS__ })

ROOT_TEST(another_users, "a dead user's lock is taken over by who may alone")
{
	struct look look;
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		die_as(NOBODY, NOBODY);
		CHECK_EXIT(NFSLOCK_OK, AS(0, 0, 20, 0, AS_IT_DOES));
		check_end();
		die_as(NOBODY, NOBODY);
		CHECK_EXIT(NFSLOCK_OK, AS(NOBODY, NOBODY, 20, 0, AS_IT_DOES));
		check_end();

		die_as(0, 0);
		look_at(LOCK, &look);
		CHECK_EXIT(NFSLOCK_TIMEDOUT,
		    AS(NOBODY, NOBODY, 1000, 0, AT_ONCE));
		check_untouched(LOCK, &look);
		check_directory(D, "m.lock", NULL);
		ATF_CHECK_EQ(1, names_in_place('.'));
		CHECK_EXIT(NFSLOCK_OK, AS(0, 0, 20, 0, AS_IT_DOES));
		check_end();
	}
}

/*
 * They may remove each other's locks, but not the presence of another, and
 * without that there is no heir.
 */
ROOT_TEST(groups_grow_old, "in a group's spool a dead user's lock grows old")
{
	struct look look;
	int kind;

	set_up();
	ATF_REQUIRE_EQ(0, chown(D, 0, MAIL_GROUP));
	ATF_REQUIRE_EQ(0, chmod(D, 02775));
	ON_EACH_KIND(kind) {
		die_as(SOMEBODY, MAIL_GROUP);
		look_at(LOCK, &look);
		CHECK_EXIT(NFSLOCK_TIMEDOUT,
		    AS(NOBODY, MAIL_GROUP, 250, 0, AT_ONCE));
		check_untouched(LOCK, &look);
		check_directory(D, "m.lock", NULL);
		CHECK_EXIT(NFSLOCK_OK,
		    AS(NOBODY, MAIL_GROUP, 15, STALE, AS_IT_DOES));
		leaves_nothing();
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

/* Another's dead one in line cannot be put out of it, and does no harm. */
ROOT_TEST(killed_in_line_by_root, "a dead user in line is passed over")
{
	struct user users[3] = {
		{ 0, 0, 1000, 0, NEVER },
		{ NOBODY, NOBODY, 1000, 0, NEVER },
		{ NOBODY, NOBODY, 1000, 0, NEVER }
	};
	pid_t holder, pids[3];
	int i, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		for (i = 0; i < 3; i++) {
			shared->tallies[0].polls = 0;
			pids[i] = start(acquire_as, &users[i]);
			await_queue(i + 1);
			await_count(&shared->tallies[0].polls, 1);
		}
		shared->tallies[0].polls = 0;
		kill_child(pids[0]);
		await_count(&shared->tallies[0].polls, 1);
		ATF_CHECK_EQ(3, queue_length());
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[1]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		ATF_CHECK_EQ(remote, drop_leftovers());
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

/* Who has squatted the place behind the holder. */
static char squatted[sizeof(TOKEN)];
static int his[512], how_many;

static void
squat(const char *behind, const char *target)
{
	char path[PATHLEN];

	path_of(path, behind, '+');
	ATF_REQUIRE_EQ(0, symlink(target, path));
}

static const char *
name_of(const char *token, char mark)
{
	static char path[PATHLEN];

	path_of(path, token, mark);
	return path + strlen(PLACE "/");
}

/* His n-th process is present for ever, unless left. */
static const char *
his_token(int n)
{
	static char token[2][64];

	(void)snprintf(token[n % 2], sizeof(token[0]), "Lhis%012d", n);
	return token[n % 2];
}

static int
his_fifo(int n)
{
	char path[PATHLEN];
	int fd;

	path_of(path, his_token(n), '.');
	ATF_REQUIRE_EQ(0, mkfifo(path, 0644));
	fd = open(path, O_RDWR | O_NONBLOCK);
	ATF_REQUIRE(fd != -1);
	his[how_many++] = fd;
	return fd;
}

static void
with_garbage(void)
{

	squat(squatted, "garbage");
}

static void
with_long_target(void)
{
	char target[4000];

	memset(target, 'x', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	squat(squatted, target);
}

static void
with_itself(void)
{

	squat(squatted, name_of(squatted, '+'));
}

static void
with_holder(void)
{

	squat(squatted, name_of(squatted, '.'));
}

static void
with_fifo(void)
{

	(void)his_fifo(0);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_cycle(void)
{

	with_fifo();
	(void)his_fifo(1);
	squat(his_token(0), name_of(his_token(1), '.'));
	squat(his_token(1), name_of(his_token(0), '.'));
}

static void
with_long_queue(void)
{
	int i;

	with_fifo();
	for (i = 1; i < 400; i++) {
		(void)his_fifo(i);
		squat(his_token(i - 1), name_of(his_token(i), '.'));
	}
}

static void
with_full_fifo(void)
{
	static const char bytes[4096];
	int fd = his_fifo(0);

	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_abandoned_fifo(void)
{

	with_fifo();
	ATF_REQUIRE_EQ(0, close(his[--how_many]));
}

static void
with_nobody(void)
{

	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_file(void)
{
	char path[PATHLEN];

	path_of(path, his_token(0), '.');
	make_file(path, "x", 1);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_directory(void)
{
	char path[PATHLEN];

	path_of(path, his_token(0), '.');
	make_directory(path, 0755);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
as_file(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	make_file(path, "", 0);
}

static void
as_directory(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	make_directory(path, 0755);
}

static void
as_fifo(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	ATF_REQUIRE_EQ(0, mkfifo(path, 0644));
}

/* What is in the holder's own presence wakes for nothing. */
static void
with_bytes(void)
{
	static const char bytes[4096];
	char path[PATHLEN];
	int fd;

	path_of(path, squatted, '.');
	ATF_REQUIRE((fd = open(path, O_RDWR | O_NONBLOCK)) != -1);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	his[how_many++] = fd;
}

static void
clear_place(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *directory;

	while (how_many > 0)
		ATF_REQUIRE_EQ(0, close(his[--how_many]));
	ATF_REQUIRE((directory = opendir(PLACE)) != NULL);
	while ((entry = readdir(directory)) != NULL) {
		(void)snprintf(path, sizeof(path), PLACE "/%s", entry->d_name);
		if (entry->d_name[0] != '.')
			ATF_REQUIRE_EQ(0, remove(path));
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
}

/* One who has no say over what the other user made. */
static int
be_harmed(void *argument)
{
	struct nfslock_options options = options_of(10, 0);
	nfslock_t *lock;
	int status;

	mine = &shared->tallies[0];
	most_calls = 5000;
	time_passes = *(enum time_passes *)argument;
	if (time_passes == AS_IT_DOES)
		options.limit = 60;
	if (!become_nobody())
		return 100;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

TEST(squatted, "whatever squats a place in line costs time, and not much")
{
	static void (*const squats[])(void) = {
		with_garbage, with_long_target, with_itself, with_holder,
		with_fifo, with_cycle, with_long_queue, with_full_fifo,
		with_abandoned_fifo, with_nobody, with_file, with_directory,
		as_file, as_directory, as_fifo, with_bytes
	};
	enum time_passes passes;
	pid_t holder, waiter;
	int kind, left, present;
	size_t i;

	set_up();
	for (i = 0; i < nitems_of(squats); i++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		read_token(squatted);
		squats[i]();
		present = names_in_place('.') - 1;
		left = names_in_place('+');

		/* No lock, no busy loop... */
		passes = AT_ONCE;
		CHECK_EXIT(NFSLOCK_TIMEDOUT, start(be_harmed, &passes));
		ATF_CHECK(names_in_place('.') <= present + 1);
		ATF_CHECK(names_in_place('+') <= left);

		/* ... and the lock when it is free. */
		passes = AS_IT_DOES;
		(void)memset(&shared->tallies[0], 0, sizeof(struct tally));
		waiter = start(be_harmed, &passes);
		await_count(&shared->tallies[0].waits, 1);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, waiter);
		ATF_CHECK(names_in_place('.') <= present);
		ATF_CHECK(names_in_place('+') <= left);
		clear_place();
		check_end();
	}
}

static int
count_under_lock(void *argument)
{
	struct nfslock_options options = options_of(60, 0);
	int id = *(int *)argument, i;
	nfslock_t *lock;

	mine = &shared->tallies[id];
	if (!become_nobody())
		return 100;
	for (i = 0; i < 30; i++) {
		if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
			return 1;
		if (mkdir(D "/mark", 0700) == -1)
			return 2;
		dawdle();
		if (rmdir(D "/mark") == -1)
			return 3;
		if (nfslock_release(lock) != NFSLOCK_OK)
			return 4;
	}
	return 0;
}

TEST(no_place, "without a place to meet the lock is polled, and excludes")
{
	enum { HOMELESS, ON_DISK, CLOSED, UNWRITABLE, CASES } which;
	pid_t pids[4];
	int i, kind, number = (int)nitems_of(pids);

	set_up();
	for (which = HOMELESS; which < CASES; which++)
	ON_EACH_KIND(kind) {
		homeless = which == HOMELESS;
		on_disk = which == ON_DISK;
		ATF_REQUIRE_EQ(0, chmod(PLACE, which == CLOSED ? 0600 :
		    which == UNWRITABLE ? 0555 : 01777));
		for (i = 0; i < number; i++)
			pids[i] = start(count_under_lock, &i);
		finish_all(pids, number);
		ATF_REQUIRE_EQ(0, chmod(PLACE, 01777));
		for (i = 0; i < number; i++)
			ATF_CHECK_EQ(0, shared->tallies[i].polls);
		check_end();
	}
}

/* Waits so many seconds for what does not come. */
static void
wait_in_vain(int limit)
{
	struct nfslock_options options = options_of(limit, 0);
	nfslock_t *lock;

	(void)memset(mine, 0, sizeof(*mine));
	time_passes = AT_ONCE;
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	time_passes = AS_IT_DOES;
}

static void
check_between(int least, int found, int most)
{

	ATF_CHECK_MSG(found >= least && found <= most,
	    "%d, not %d to %d", found, least, most);
}

TEST(nap, "who waits behind another tries now and then all the same")
{
	nfslock_t *lock;
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		lock = take(MAILBOX);
		wait_in_vain(30);
		if (remote)
			check_between(30 / 5, mine->tries, 30 / 5 + 2);
		else
			check_between(30, mine->tries, 30 + 2);
		check_between(30 * 4, mine->polls, 30 * 4 + 8);
		ATF_CHECK_EQ(0, mine->sleeps);
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

TEST(pauses, "who waits for another host pauses before each try")
{
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		make_file(LOCK, "", 0);
		wait_in_vain(30);
		/* From 10 to 20 ms each, or from 250 to 500. */
		if (remote)
			check_between(30 * 2, mine->tries, 30 * 4 + 10);
		else
			check_between(30 * 50, mine->tries, 30 * 100 + 10);
		ATF_CHECK_EQ(0, mine->polls);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		check_end();
	}
}

/* When the waiter is woken, in a time into which all periods fit. */
static long long phase;

static long long
time_in_period(void)
{
	struct timespec now;

	ATF_REQUIRE_EQ(0, clock_gettime(WAITING_CLOCK, &now));
	return (now.tv_sec * SECOND + now.tv_nsec) % (300 * SECOND);
}

static void
set_phase(void)
{

	skew += 300 * SECOND - time_in_period() + phase;
	time_passes = AT_ONCE;
	on_wake = NULL;
}

static int
wake_up(void *argument)
{
	struct nfslock_options options = options_of(10000, 0);
	long long breather = SECOND / 2, period = (remote ? 5 : 60) * SECOND;
	nfslock_t *lock;
	long long woken;

	(void)argument;
	mine = &shared->tallies[0];
	on_wake = set_phase;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
		return 100;
	woken = time_in_period();
	if (nfslock_release(lock) != NFSLOCK_OK)
		return 101;
	if (phase % period < breather)
		return woken % period >= breather && mine->sleeps > 0 ? 0 : 102;
	return mine->sleeps == 0 ? 0 : 103;
}

TEST(breather, "now and then other hosts get their turn first")
{
	static const long long phases[] = {
		0, SECOND / 4, SECOND, 4 * SECOND, 5 * SECOND, 60 * SECOND
	};
	pid_t holder, waiter;
	int kind;
	size_t i;

	set_up();
	time_passes = NEVER;
	for (i = 0; i < nitems_of(phases); i++)
	ON_EACH_KIND(kind) {
		phase = phases[i];
		holder = start_holder(hold, NULL);
		waiter = start(wake_up, NULL);
		await_queue(1);
		await_count(&shared->tallies[0].polls, 1);
		let_go(holder);
		CHECK_EXIT(0, waiter);
		check_end();
	}
}

/* Gives the others all the time they want. */
static void
await_empty_queue(void)
{
	long end = milliseconds() + FORGOTTEN;

	on_sleep = NULL;
	while (names_in_place('+') != 0 && milliseconds() < end)
		sleep_ms(1);
}

static int
hold_twice(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;
	int status;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	on_sleep = await_empty_queue;
	if ((status = enter_and_release(0, lock)) != NFSLOCK_OK)
		return status;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : enter_and_release(0, lock);
}

TEST(handed_over, "who lets go of the lock lets the next in line have it")
{
	pid_t holder, waiter;
	int i, id = 1, kind;

	set_up();
	time_passes = NEVER;
	for (i = 0; i < 5 * rounds(); i++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold_twice, NULL);
		waiter = start(stand_in_line, &id);
		await_queue(1);
		await_count(&shared->tallies[id].polls, 1);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, waiter);
		check_order("aba");
		check_end();
	}
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, order);
	ATF_TP_ADD_TC(tp, holder_dies);
	ATF_TP_ADD_TC(tp, dies_late);
	ATF_TP_ADD_TC(tp, dies_slowly);
	ATF_TP_ADD_TC(tp, let_go_anywhere);
	ATF_TP_ADD_TC(tp, come_anywhere);
	ATF_TP_ADD_TC(tp, no_wake_up_lost);
	ATF_TP_ADD_TC(tp, killed_anywhere);
	ATF_TP_ADD_TC(tp, one_asks);
	ATF_TP_ADD_TC(tp, gives_up);
	ATF_TP_ADD_TC(tp, killed_in_line);
	ATF_TP_ADD_TC(tp, killed_last);
	ATF_TP_ADD_TC(tp, child);
	ATF_TP_ADD_TC(tp, child_stays);
	ATF_TP_ADD_TC(tp, child_lives);
	ATF_TP_ADD_TC(tp, uncontended);
	ATF_TP_ADD_TC(tp, not_taken_over);
	ATF_TP_ADD_TC(tp, impostor);
	ATF_TP_ADD_TC(tp, another_users);
	ATF_TP_ADD_TC(tp, groups_grow_old);
	ATF_TP_ADD_TC(tp, killed_in_line_by_root);
	ATF_TP_ADD_TC(tp, squatted);
	ATF_TP_ADD_TC(tp, no_place);
	ATF_TP_ADD_TC(tp, nap);
	ATF_TP_ADD_TC(tp, pauses);
	ATF_TP_ADD_TC(tp, breather);
	ATF_TP_ADD_TC(tp, handed_over);

	return atf_no_error();
}
