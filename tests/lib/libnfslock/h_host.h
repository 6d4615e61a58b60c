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
 * A host as the library sees it, in the hands of a test: how time passes for a
 * waiter, where the processes of the host meet, what a process asks the system
 * for.  These functions take the place of the system's in the test program.
 *
 * The place to meet is a directory of the test's own, which is shown to the
 * library as the host's memory.  So no test sees or harms what belongs to
 * another.  t_queue_place is about the real place.
 */

#ifndef _H_HOST_H_
#define _H_HOST_H_

#ifdef __NetBSD__
#include <sys/statvfs.h>
#else
#include <sys/statfs.h>
#endif

#include <dlfcn.h>
#include <poll.h>

#define	PLACE		"shm"
#define	PREFIX		"nfslock."
#define	TOKEN		"Lthis0is0a0token"	/* any, for a format */
#define	SCOPE		"0123456789abcdef"	/* any, too */
#define	PRESENCE	PREFIX TOKEN "." SCOPE

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
static long long clock_ahead;	/* this host's, by so many seconds */
static bool remote;		/* is D on an unknown file system? */
static bool homeless;		/* has this host no place to meet? */
static bool on_disk;		/* is it on a disk? */
static const char *host_name;	/* this host's name, if not its own */
static int misses;		/* so often who has a place leaves it now */
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

static inline void
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
static inline void *
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

static inline bool
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
	if (misses > 0) {
		misses--;
		errno = EEXIST;
		return -1;
	}
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
		now->tv_sec += (time_t)clock_ahead;
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

#endif /* !_H_HOST_H_ */
