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
 * What the tests of libnfslock share.  Every test locks D/m.lock in a
 * directory of its own, and ends with leaves_nothing().
 */

#ifndef _H_NFSLOCK_H_
#define _H_NFSLOCK_H_

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atf-c.h>

#include <nfslock.h>

#define	D		"d"
#define	MAILBOX		D "/m"
#define	LOCK		MAILBOX ".lock"
#define	LOCKSIZE	16
#define	STALE		2	/* the smallest stale limit there is */

#define	nitems_of(a)	(sizeof(a) / sizeof((a)[0]))

/* A test case without configuration: its name, and what it shows. */
#define	TEST(name, what)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", "%s", what);			\
	atf_tc_set_md_var(tc, "timeout", "300");			\
}									\
ATF_TC_BODY(name, tc)

/* The same, for root alone. */
#define	ROOT_TEST(name, what)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", "%s", what);			\
	atf_tc_set_md_var(tc, "timeout", "300");			\
	atf_tc_set_md_var(tc, "require.user", "root");			\
}									\
ATF_TC_BODY(name, tc)

/* Statuses by name, so that a failure can be read. */
#define	CHECK_STATUS(expected, call)	check_status(__LINE__, #call,	\
	    NFSLOCK_ ## expected, (call))
#define	CHECK_ERRNO(expected, call)	check_errno(__LINE__, #call,	\
	    expected, (call))

static inline void
check_status(int line, const char *call, int expected, int status)
{
	int error = errno;

	if (status != expected)
		atf_tc_fail("line %d: %s: \"%s\" where \"%s\" was expected"
		    " (errno %s)", line, call, nfslock_message(status),
		    nfslock_message(expected), strerror(error));
}

static inline void
check_errno(int line, const char *call, int expected, int status)
{
	int error = errno;

	check_status(line, call, NFSLOCK_ERROR, status);
	if (error != expected)
		atf_tc_fail("line %d: %s: errno %s where %s was expected",
		    line, call, strerror(error), strerror(expected));
}

/* How often to repeat what finds more the more often it is done. */
static inline int
rounds(void)
{
	const char *soak = getenv("NFSLOCK_SOAK");

	return soak != NULL && atoi(soak) > 0 ? atoi(soak) : 1;
}

static inline long
milliseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void
sleep_ms(long ms)
{
	long end = milliseconds() + ms;
	struct timespec rest;

	while ((ms = end - milliseconds()) > 0) {
		rest.tv_sec = ms / 1000;
		rest.tv_nsec = ms % 1000 * 1000000;
		(void)nanosleep(&rest, NULL);
	}
}

static inline void
make_directory(const char *path, mode_t mode)
{
	ATF_REQUIRE_EQ(0, mkdir(path, 0700));
	ATF_REQUIRE_EQ(0, chmod(path, mode));
}

static inline void
make_file(const char *path, const void *bytes, size_t size)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE_EQ((ssize_t)size, write(fd, bytes, size));
	ATF_REQUIRE_EQ(0, close(fd));
}

/* Reads a file whole; the size is the answer. */
static inline size_t
read_file(const char *path, char *bytes, size_t room)
{
	ssize_t size;
	int fd;

	fd = open(path, O_RDONLY);
	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	size = read(fd, bytes, room);
	ATF_REQUIRE(size >= 0);
	ATF_REQUIRE_EQ(0, close(fd));
	return (size_t)size;
}

static inline bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Everything about a file that a program which leaves it alone leaves. */
struct look {
	struct stat	st;
	char		bytes[256];
	size_t		size;
};

static inline void
look_at(const char *path, struct look *look)
{

	memset(look, 0, sizeof(*look));
	ATF_REQUIRE_EQ(0, lstat(path, &look->st));
	if (S_ISREG(look->st.st_mode))
		look->size = read_file(path, look->bytes,
		    sizeof(look->bytes));
}

static inline void
check_untouched(const char *path, const struct look *before)
{
	struct look after;

	if (!exists(path))
		atf_tc_fail("%s was removed", path);
	look_at(path, &after);
	ATF_CHECK_EQ(before->st.st_ino, after.st.st_ino);
	ATF_CHECK_EQ(before->st.st_mode, after.st.st_mode);
	ATF_CHECK_EQ(before->st.st_nlink, after.st.st_nlink);
	ATF_CHECK_EQ(before->st.st_mtim.tv_sec, after.st.st_mtim.tv_sec);
	ATF_CHECK_EQ(before->st.st_mtim.tv_nsec, after.st.st_mtim.tv_nsec);
	ATF_CHECK_EQ(before->st.st_ctim.tv_sec, after.st.st_ctim.tv_sec);
	ATF_CHECK_EQ(before->st.st_ctim.tv_nsec, after.st.st_ctim.tv_nsec);
	ATF_CHECK_EQ(before->size, after.size);
	ATF_CHECK(memcmp(before->bytes, after.bytes, after.size) == 0);
}

/* A directory holds the names given, up to NULL, and no others. */
static inline void
check_directory(const char *path, ...)
{
	const struct dirent *entry;
	const char *name;
	DIR *directory;
	va_list names;

	directory = opendir(path);
	ATF_REQUIRE_MSG(directory != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		va_start(names, path);
		while ((name = va_arg(names, const char *)) != NULL)
			if (strcmp(name, entry->d_name) == 0)
				break;
		va_end(names);
		if (name == NULL)
			atf_tc_fail("%s/%s was left behind", path,
			    entry->d_name);
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
}

#define	leaves_nothing()	check_directory(D, NULL)

static inline int
open_descriptors(void)
{
	int count, fd;

	for (count = 0, fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

/* One try, unless limit says otherwise. */
static inline struct nfslock_options
options_of(int limit, int stale)
{
	struct nfslock_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.limit = limit;
	options.stale = stale;
	return options;
}

static inline int
try_once(const char *mailbox, nfslock_t **lock)
{
	struct nfslock_options options =
	    options_of(NFSLOCK_LIMIT_NONE, NFSLOCK_STALE_DEFAULT);

	return nfslock_acquire(mailbox, &options, lock);
}

static inline nfslock_t *
take(const char *mailbox)
{
	nfslock_t *lock;

	CHECK_STATUS(OK, try_once(mailbox, &lock));
	ATF_REQUIRE(lock != NULL);
	return lock;
}

/*
 * Children: each runs one function and its exit status is the answer, for a
 * check of ATF's that fails in a child would end the wrong process.
 */
static inline pid_t
start(int (*run)(void *), void *argument)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		_exit(run(argument));
	return pid;
}

/* The exit status of a child, or -1 if a signal ended it. */
static inline int
finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		ATF_REQUIRE_EQ(EINTR, errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define	CHECK_EXIT(expected, pid) do {					\
	int status_ = finish(pid);					\
	ATF_CHECK_MSG(status_ == (expected), "exit status %d, not %d",	\
	    status_, (int)(expected));					\
} while (0)

/* Waits until a file is there, made by another process. */
static inline bool
await(const char *path)
{
	long end = milliseconds() + 20000;

	while (!exists(path)) {
		if (milliseconds() > end)
			return false;
		sleep_ms(5);
	}
	return true;
}

/* Root gives up every privilege, for good; others have none. */
static inline bool
become_nobody(void)
{

	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setgid(65534) == 0 &&
	    setuid(65534) == 0;
}

#endif /* !_H_NFSLOCK_H_ */
