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
 * Every function of nfslock.h, from several threads at once, for tools that
 * see what goes wrong in memory and between threads:
 *
 *	h_threads [-r] [-n cycles] [-x defect] directory
 *
 * With -r the directory's file system is taken for a remote one.  With -x it
 * does instead what nfslock.h forbids, so that a test can see that a tool tells.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifdef __NetBSD__
#include <sys/statvfs.h>
#else
#include <sys/statfs.h>
#endif

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

/*
 * A cancel flag is one word that another thread or a handler sets without
 * more ado.  That is a race by the book of every tool, and meant.
 */
#if defined(__SANITIZE_THREAD__)
void	AnnotateBenignRaceSized(const char *, int, const volatile void *,
	    size_t, const char *);
#define	MAY_RACE(flag)	AnnotateBenignRaceSized(__FILE__, __LINE__, &(flag), \
	    sizeof(flag), "cancel flag")
#elif defined(HELGRIND)
#include <valgrind/helgrind.h>
#define	MAY_RACE(flag)	VALGRIND_HG_DISABLE_CHECKING(&(flag), sizeof(flag))
#else
#define	MAY_RACE(flag)	((void)&(flag))
#endif

#define	nitems_of(a)	(sizeof(a) / sizeof((a)[0]))

#define	LOCKERS		4
#define	STALE		2	/* the smallest stale limit there is */

static int directory;		/* open on the directory */
static const char *path;	/* its path */
static int cycles = 10;
static bool remote;

/* This host's memory stays local, wherever the mailboxes are. */
static bool
is_remote(int fd)
{
	struct stat mailboxes, st;

	return remote && fstat(directory, &mailboxes) == 0 &&
	    fstat(fd, &st) == 0 && st.st_dev == mailboxes.st_dev;
}

#ifdef __NetBSD__
int
fstatvfs(int fd, struct statvfs *found)
{
	int answer = fstatvfs1(fd, found, ST_WAIT);

	if (answer == 0 && is_remote(fd))
		found->f_flag &= ~(unsigned long)ST_LOCAL;
	return answer;
}
#else
static int (*real_fstatfs)(int, struct statfs *);

int
fstatfs(int fd, struct statfs *found)
{
	int answer = real_fstatfs(fd, found);

	if (answer == 0 && is_remote(fd))
		found->f_type = 0x6969;		/* NFS */
	return answer;
}
#endif

#define	EXPECT(condition)	do {					\
	if (!(condition))						\
		errx(1, "line %d: %s", __LINE__, #condition);		\
} while (0)

#define	STATUS(expected, call)	status_is(__LINE__, #call,		\
	    NFSLOCK_ ## expected, (call))
#define	ERRNO(expected, call)	do {					\
	STATUS(ERROR, call);						\
	if (errno != (expected))					\
		err(1, "line %d: %s", __LINE__, #call);			\
} while (0)

static void
status_is(int line, const char *call, int expected, int status)
{

	if (status != expected)
		err(1, "line %d: %s: \"%s\" where \"%s\" was expected", line,
		    call, nfslock_message(status), nfslock_message(expected));
}

static void
sleep_ms(long ms)
{
	struct timespec time;

	time.tv_sec = ms / 1000;
	time.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&time, NULL);
}

static struct nfslock_options
options_of(int limit)
{
	struct nfslock_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.limit = limit;
	return options;
}

static nfslock_t *
take(const char *name, int limit)
{
	struct nfslock_options options = options_of(limit);
	nfslock_t *lock;

	STATUS(OK, nfslock_acquireat(directory, name, &options, &lock));
	EXPECT(lock != NULL);
	return lock;
}

/* The path of a mailbox, or of its lock. */
static void
path_of(char *to, size_t size, const char *name)
{

	EXPECT(snprintf(to, size, "%s/%s", path, name) < (int)size);
}

/* A thread's own mailbox, one that all want, and no two at once in it. */
static void *
lock_and_let_go(void *argument)
{
	struct nfslock_options options = options_of(120);
	struct nfslock_holder holder;
	char own[16], shared[256];
	nfslock_t *lock, *both;
	int i;

	(void)snprintf(own, sizeof(own), "own.%d", *(const int *)argument);
	path_of(shared, sizeof(shared), "shared");
	memset(&holder, 0, sizeof(holder));
	holder.size = sizeof(holder);
	for (i = 0; i < cycles; i++) {
		options.directory = i % 3;
		STATUS(OK, nfslock_acquireat(directory, own, &options, &lock));
		STATUS(HELD, nfslock_holderat(directory, own, &holder));
		EXPECT(holder.pid == getpid() && holder.program[0] != '\0');

		STATUS(OK, nfslock_acquire(shared, &options, &both));
		EXPECT(mkdirat(directory, "mark", 0700) == 0);
		STATUS(HELD, nfslock_holder(shared, &holder));
		STATUS(OK, nfslock_refresh(both));
		STATUS(OK, nfslock_verify(both));
		EXPECT(unlinkat(directory, "mark", AT_REMOVEDIR) == 0);
		STATUS(OK, nfslock_release(both));

		STATUS(OK, nfslock_verify(lock));
		STATUS(OK, nfslock_refresh(lock));
		STATUS(OK, nfslock_release(lock));
	}
	return NULL;
}

/* A handle is acquired in one thread, and used and released in another. */
static struct {
	pthread_mutex_t	mutex;
	pthread_cond_t	changed;
	nfslock_t	*lock;
} parcel = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL };

static void *
hand_over(void *argument)
{
	nfslock_t *lock;
	int i;

	(void)argument;
	for (i = 0; i < cycles; i++) {
		lock = take("parcel", 120);
		EXPECT(pthread_mutex_lock(&parcel.mutex) == 0);
		while (parcel.lock != NULL)
			EXPECT(pthread_cond_wait(&parcel.changed,
			    &parcel.mutex) == 0);
		parcel.lock = lock;
		EXPECT(pthread_cond_broadcast(&parcel.changed) == 0);
		EXPECT(pthread_mutex_unlock(&parcel.mutex) == 0);
	}
	return NULL;
}

static void *
receive(void *argument)
{
	nfslock_t *lock;
	int i;

	(void)argument;
	for (i = 0; i < cycles; i++) {
		EXPECT(pthread_mutex_lock(&parcel.mutex) == 0);
		while (parcel.lock == NULL)
			EXPECT(pthread_cond_wait(&parcel.changed,
			    &parcel.mutex) == 0);
		lock = parcel.lock;
		parcel.lock = NULL;
		EXPECT(pthread_cond_broadcast(&parcel.changed) == 0);
		EXPECT(pthread_mutex_unlock(&parcel.mutex) == 0);
		STATUS(OK, nfslock_refresh(lock));
		STATUS(OK, nfslock_release(lock));
	}
	return NULL;
}

/* Waiting for what main holds: until told to stop, in three ways. */
static volatile sig_atomic_t by_thread, by_signal;

static void
handle(int signo)
{

	(void)signo;
	by_signal = 1;
}

static int
third_time(void *times)
{

	return ++*(int *)times == 3;
}

static void *
wait_for_flag(void *flag)
{
	struct nfslock_options options = options_of(120);
	nfslock_t *lock;

	options.cancel_flag = flag;
	STATUS(CANCELLED,
	    nfslock_acquireat(directory, "busy", &options, &lock));
	EXPECT(lock == NULL);
	return NULL;
}

static void *
wait_for_callback(void *argument)
{
	struct nfslock_options options = options_of(120);
	nfslock_t *lock;
	int times = 0;

	(void)argument;
	options.cancelled = third_time;
	options.cancelled_arg = &times;
	STATUS(CANCELLED,
	    nfslock_acquireat(directory, "busy", &options, &lock));
	EXPECT(times == 3);
	return NULL;
}

/* Whatever a call may answer beside OK. */
static void *
fail(void *argument)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE);
	struct nfslock_holder holder;
	char name[16], file[32], mailbox[256];
	nfslock_t *lock;
	int fd, i, status;

	(void)snprintf(name, sizeof(name), "fails.%d",
	    *(const int *)argument);
	(void)snprintf(file, sizeof(file), "%s.lock", name);
	memset(&holder, 0, sizeof(holder));
	for (i = 0; i < cycles; i++) {
		options = options_of(NFSLOCK_LIMIT_NONE);
		STATUS(HELD,
		    nfslock_acquireat(directory, "busy", &options, &lock));
		ERRNO(EBADF, nfslock_acquireat(-1, name, &options, &lock));
		path_of(mailbox, sizeof(mailbox), "missing/m");
		ERRNO(ENOENT, nfslock_acquire(mailbox, &options, &lock));
		path_of(mailbox, sizeof(mailbox), "unsafe/m");
		STATUS(UNSAFE, nfslock_acquire(mailbox, &options, &lock));
		ERRNO(EINVAL, nfslock_acquire(NULL, &options, &lock));
		ERRNO(EINVAL, nfslock_acquire(mailbox, &options, NULL));
		ERRNO(EINVAL, nfslock_acquireat(directory, "", NULL, &lock));
		ERRNO(EINVAL, nfslock_verify(NULL));
		ERRNO(EINVAL, nfslock_refresh(NULL));
		STATUS(OK, nfslock_release(NULL));
		options.size--;
		ERRNO(EINVAL,
		    nfslock_acquireat(directory, name, &options, &lock));
		holder.size = sizeof(holder) - 1;
		ERRNO(EINVAL, nfslock_holderat(directory, name, &holder));
		holder.size = sizeof(holder);
		STATUS(OK, nfslock_holderat(directory, name, &holder));
		for (status = -1; status <= NFSLOCK_ERROR + 1; status++)
			EXPECT(nfslock_message(status)[0] != '\0');

		lock = take(name, NFSLOCK_LIMIT_NONE);
		EXPECT(unlinkat(directory, file, 0) == 0);
		STATUS(GONE, nfslock_verify(lock));
		STATUS(GONE, nfslock_refresh(lock));
		STATUS(GONE, nfslock_release(lock));

		lock = take(name, NFSLOCK_LIMIT_NONE);
		EXPECT(unlinkat(directory, file, 0) == 0);
		fd = openat(directory, file, O_WRONLY | O_CREAT | O_EXCL,
		    0644);
		EXPECT(fd != -1 && write(fd, "1\n", 2) == 2 && close(fd) == 0);
		STATUS(STOLEN, nfslock_verify(lock));
		STATUS(HELD, nfslock_holderat(directory, name, &holder));
		STATUS(STOLEN, nfslock_refresh(lock));
		STATUS(STOLEN, nfslock_release(lock));
		EXPECT(unlinkat(directory, file, 0) == 0);
	}
	options = options_of(1);
	STATUS(TIMEDOUT,
	    nfslock_acquireat(directory, "busy", &options, &lock));
	return NULL;
}

/* A peer's lock that is stale, and who breaks it. */
static void *
break_stale(void *argument)
{
	struct nfslock_options options = options_of(120);
	nfslock_t *lock;

	(void)argument;
	options.stale = STALE;
	STATUS(OK, nfslock_acquireat(directory, "stale", &options, &lock));
	STATUS(OK, nfslock_release(lock));
	return NULL;
}

/* Who was silent for longer than the lease lets go under the guard. */
static void *
release_late(void *argument)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE);
	nfslock_t *lock;

	(void)argument;
	options.stale = STALE;
	STATUS(OK, nfslock_acquireat(directory, "late", &options, &lock));
	sleep_ms(STALE * 1000);
	STATUS(OK, nfslock_release(lock));
	return NULL;
}

static void
in_a_child(void)
{
	nfslock_t *lock = take("forked", NFSLOCK_LIMIT_NONE);
	int status;
	pid_t pid;

	EXPECT((pid = fork()) != -1);
	if (pid == 0) {
		STATUS(FORKED, nfslock_verify(lock));
		STATUS(FORKED, nfslock_refresh(lock));
		STATUS(FORKED, nfslock_release(lock));
		EXPECT(close(directory) == 0);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(status == 0);
	STATUS(OK, nfslock_release(lock));
}

static void *
refresh_often(void *lock)
{
	int i;

	for (i = 0; i < 1000; i++)
		(void)nfslock_refresh(lock);
	return NULL;
}

static void
be_defective(const char *defect)
{
	nfslock_t *lock = take("defect", NFSLOCK_LIMIT_NONE);
	pthread_t threads[2];
	size_t i;

	if (strcmp(defect, "leak") == 0) {
		lock = NULL;
		return;
	}
	if (strcmp(defect, "race") == 0) {
		for (i = 0; i < nitems_of(threads); i++)
			EXPECT(pthread_create(&threads[i], NULL,
			    refresh_often, lock) == 0);
		for (i = 0; i < nitems_of(threads); i++)
			EXPECT(pthread_join(threads[i], NULL) == 0);
	}
	(void)nfslock_release(lock);
	if (strcmp(defect, "use") == 0)
		(void)nfslock_verify(lock);
	if (strcmp(defect, "free") == 0)
		(void)nfslock_release(lock);
}

int
main(int argc, char *argv[])
{
	int numbers[LOCKERS];
	pthread_t threads[3 * LOCKERS + 8];
	const char *defect = NULL;
	struct sigaction action;
	size_t count = 0, i;
	pthread_t by_handler;
	nfslock_t *busy;
	int ch, fd;

	while ((ch = getopt(argc, argv, "n:rx:")) != -1) {
		switch (ch) {
		case 'n':
			cycles = atoi(optarg);
			break;
		case 'r':
			remote = true;
			break;
		case 'x':
			defect = optarg;
			break;
		default:
			return 64;
		}
	}
	if (argc - optind != 1)
		return 64;
	path = argv[optind];
#ifndef __NetBSD__
	*(void **)&real_fstatfs = dlsym(RTLD_NEXT, "fstatfs");
	EXPECT(real_fstatfs != NULL);
#endif
	EXPECT((directory = open(path, O_RDONLY | O_DIRECTORY)) != -1);
	if (defect != NULL) {
		be_defective(defect);
		return 0;
	}

	MAY_RACE(by_thread);
	MAY_RACE(by_signal);
	memset(&action, 0, sizeof(action));
	action.sa_handler = handle;
	EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
	EXPECT(mkdirat(directory, "unsafe", 0700) == 0);
	EXPECT(fchmodat(directory, "unsafe", 0777, 0) == 0);
	fd = openat(directory, "stale.lock", O_WRONLY | O_CREAT, 0644);
	EXPECT(fd != -1 && close(fd) == 0);
	busy = take("busy", NFSLOCK_LIMIT_NONE);

#define	START(function, argument)					\
	EXPECT(pthread_create(&threads[count++], NULL, function,	\
	    argument) == 0)

	for (i = 0; i < nitems_of(numbers); i++) {
		numbers[i] = (int)i;
		START(lock_and_let_go, &numbers[i]);
	}
	for (i = 0; i < 2; i++) {
		START(fail, &numbers[i]);
		START(break_stale, NULL);
	}
	START(release_late, NULL);
	START(hand_over, NULL);
	START(receive, NULL);
	START(wait_for_callback, NULL);
	START(wait_for_flag, (void *)(intptr_t)&by_thread);
	EXPECT(pthread_create(&by_handler, NULL, wait_for_flag,
	    (void *)(intptr_t)&by_signal) == 0);
	sleep_ms(300);
	by_thread = 1;
	EXPECT(pthread_kill(by_handler, SIGUSR1) == 0);
	EXPECT(pthread_join(by_handler, NULL) == 0);
	for (i = 0; i < count; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);

	STATUS(OK, nfslock_release(busy));
	in_a_child();
	EXPECT(unlinkat(directory, "unsafe", AT_REMOVEDIR) == 0);
	EXPECT(close(directory) == 0);
	return 0;
}
