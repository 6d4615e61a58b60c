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


/* Directories and names: which can be locked in, and how the others fail. */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <limits.h>

#include "h_nfslock.h"

static int
acquire_as(const char *mailbox, int directory, nfslock_t **lock)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);

	options.directory = directory;
	return nfslock_acquire(mailbox, &options, lock);
}

TEST(missing, "a missing directory is ENOENT, and is not made")
{
	nfslock_t *lock;

	CHECK_ERRNO(ENOENT, nfslock_acquire("missing/m", NULL, &lock));
	CHECK_ERRNO(ENOENT, nfslock_acquire("missing/m.d/m", NULL, &lock));
	ATF_CHECK(!exists("missing"));
	ATF_REQUIRE_EQ(0, symlink("missing", "dangling"));
	CHECK_ERRNO(ENOENT, nfslock_acquire("dangling/m", NULL, &lock));
}

TEST(not_a_directory, "a file where the directory should be is ENOTDIR")
{
	nfslock_t *lock;

	make_file("file", "", 0);
	CHECK_ERRNO(ENOTDIR, nfslock_acquire("file/m", NULL, &lock));
	ATF_REQUIRE_EQ(0, mkfifo("fifo", 0600));
	CHECK_ERRNO(ENOTDIR, nfslock_acquire("fifo/m", NULL, &lock));
}

TEST(linked_directory, "a directory is found through a symbolic link")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, symlink(D, "link"));
	lock = take("link/m");
	ATF_CHECK(exists(LOCK));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(unsafe, "where anyone may remove others' files no lock is taken")
{
	static const mode_t modes[] = { 0777, 0773, 0757, 0703 };
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(modes); i++) {
		ATF_REQUIRE_EQ(0, chmod(D, modes[i]));
		CHECK_STATUS(UNSAFE, acquire_as(MAILBOX, NFSLOCK_DIR_AUTO,
		    &lock));
		ATF_CHECK(lock == NULL);
		CHECK_STATUS(UNSAFE, acquire_as(MAILBOX, NFSLOCK_DIR_COMMON,
		    &lock));
		ATF_CHECK(lock == NULL);
		ATF_CHECK(!exists(LOCK));
		/* Who says that it is private takes the blame. */
		CHECK_STATUS(OK, acquire_as(MAILBOX, NFSLOCK_DIR_PRIVATE,
		    &lock));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	ATF_REQUIRE_EQ(0, chmod(D, 0755));
	leaves_nothing();
}

TEST(safe, "sticky, group-writable and private directories will do")
{
	static const mode_t modes[] = {
	    01777, 01773, 03777, 02775, 0775, 0770, 0755, 0700, 0300, 01733
	};
	static const int kinds[] = {
	    NFSLOCK_DIR_AUTO, NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE
	};
	nfslock_t *lock;
	size_t i, j;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(modes); i++) {
		ATF_REQUIRE_EQ(0, chmod(D, modes[i]));
		for (j = 0; j < nitems_of(kinds); j++) {
			CHECK_STATUS(OK, acquire_as(MAILBOX, kinds[j],
			    &lock));
			CHECK_STATUS(OK, nfslock_verify(lock));
			CHECK_STATUS(OK, nfslock_refresh(lock));
			CHECK_STATUS(OK, nfslock_release(lock));
		}
	}
	ATF_REQUIRE_EQ(0, chmod(D, 0755));
	leaves_nothing();
}


/* As a user whom modes bind: 0 if the directory's mode says EACCES. */
static int
denied(void *argument)
{
	static const mode_t modes[] = { 0555, 0500, 0664, 0600, 0 };
	nfslock_t *lock;
	size_t i;

	(void)argument;
	if (!become_nobody())
		return 1;
	if (mkdir("mine/" D, 0700) == -1)
		return 2;
	for (i = 0; i < nitems_of(modes); i++) {
		if (chmod("mine/" D, modes[i]) == -1)
			return 3;
		if (acquire_as("mine/" MAILBOX, NFSLOCK_DIR_AUTO, &lock) !=
		    NFSLOCK_ERROR || errno != EACCES || lock != NULL)
			return 4;
		if (acquire_as("mine/" MAILBOX, NFSLOCK_DIR_PRIVATE, &lock) !=
		    NFSLOCK_ERROR || errno != EACCES || lock != NULL)
			return 5;
	}
	return chmod("mine/" D, 0700) == 0 ? 0 : 6;
}

TEST(no_permission, "a directory without write permission is EACCES")
{

	make_directory("mine", 0777);
	CHECK_EXIT(0, start(denied, NULL));
	check_directory("mine/" D, NULL);
}

/* 0 if a directory that can be written and searched, not read, will do. */
static int
unreadable(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (!become_nobody())
		return 1;
	if (mkdir("mine/" D, 0300) == -1)
		return 2;
	if (try_once("mine/" MAILBOX, &lock) != NFSLOCK_OK)
		return 3;
	if (nfslock_verify(lock) != NFSLOCK_OK ||
	    nfslock_refresh(lock) != NFSLOCK_OK ||
	    nfslock_release(lock) != NFSLOCK_OK)
		return 4;
	return chmod("mine/" D, 0700) == 0 ? 0 : 5;
}

TEST(unreadable_directory, "to lock in a directory is not to read it")
{

	make_directory("mine", 0777);
	CHECK_EXIT(0, start(unreadable, NULL));
	check_directory("mine/" D, NULL);
}

/* 0 if another user's lock that cannot be read is waited for. */
static int
unreadable_lock(void *argument)
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	struct nfslock_options options = options_of(1, 0);
	nfslock_t *lock;

	(void)argument;
	if (!become_nobody())
		return 1;
	if (try_once(MAILBOX, &lock) != NFSLOCK_HELD)
		return 2;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_TIMEDOUT)
		return 3;
	if (nfslock_holder(MAILBOX, &holder) != NFSLOCK_HELD)
		return 4;
	return holder.pid == 0 && holder.host[0] == '\0' ? 0 : 5;
}

ROOT_TEST(unreadable_foreign, "a lock that cannot be read is held all the same")
{
	struct look look;

	make_directory(D, 01777);
	make_file(LOCK, "1\n", 2);
	ATF_REQUIRE_EQ(0, chmod(LOCK, 0));
	look_at(LOCK, &look);
	CHECK_EXIT(0, start(unreadable_lock, NULL));
	check_untouched(LOCK, &look);
}

/* 0 if who may only look is told all but the age. */
static int
ask_only(void *argument)
{
	struct nfslock_holder holder = { .size = sizeof(holder) };

	(void)argument;
	if (!become_nobody())
		return 1;
	if (nfslock_holder(MAILBOX, &holder) != NFSLOCK_HELD)
		return 2;
	return holder.pid == getppid() && holder.age == -1 ? 0 : 3;
}

TEST(holder_for_all, "to ask who holds a lock one need not be able to lock")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, chmod(D, 0555));
	CHECK_EXIT(0, start(ask_only, NULL));
	ATF_REQUIRE_EQ(0, chmod(D, 0755));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static int
contend_as_nobody(void *argument)
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	struct nfslock_options options = options_of(4, STALE);
	nfslock_t *lock;

	(void)argument;
	if (!become_nobody())
		return 1;
	if (nfslock_holder(MAILBOX, &holder) != NFSLOCK_HELD ||
	    holder.pid != getppid())
		return 2;
	return nfslock_acquire(MAILBOX, &options, &lock);
}

/*
 * kill(2) says EPERM of another user's process, which is alive.  And of a
 * stale lock in a sticky directory only its owner can get rid.
 */
ROOT_TEST(other_user, "in a sticky directory another's lock stays another's")
{
	nfslock_t *lock;
	pid_t pid;
	int i;

	make_directory(D, 01777);
	lock = take(MAILBOX);
	pid = start(contend_as_nobody, NULL);
	for (i = 0; i < 10; i++) {
		sleep_ms(300);
		CHECK_STATUS(OK, nfslock_refresh(lock));
	}
	CHECK_EXIT(NFSLOCK_TIMEDOUT, pid);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static int
break_as_nobody(void *argument)
{
	struct nfslock_options options = options_of(5, STALE);
	nfslock_t *lock;
	int status;

	(void)argument;
	if (!become_nobody())
		return 100;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return lock == NULL ? status : 101;
}

ROOT_TEST(stale_of_another_user, "what may not be removed is not broken")
{
	struct look look;

	make_directory(D, 01777);
	make_file(LOCK, "", 0);
	look_at(LOCK, &look);
	CHECK_EXIT(NFSLOCK_TIMEDOUT, start(break_as_nobody, NULL));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
}

#define	MAIL_GROUP	8	/* any that is neither root's nor nobody's */

/* As nobody, in the group or not: what acquiring in D answers. */
static int
acquire_in_group(void *argument)
{
	nfslock_t *lock;
	int status;

	if (setgroups(0, NULL) == -1 || setgid(*(gid_t *)argument) == -1 ||
	    setuid(65534) == -1)
		return 100;
	status = try_once(MAILBOX, &lock);
	if (status == NFSLOCK_ERROR)
		return errno == EACCES ? 101 : 102;
	return status == NFSLOCK_OK ? nfslock_release(lock) : status;
}

/* Debian's spool: without the right group no lock can be taken. */
ROOT_TEST(group_spool, "a spool that is group mail's is open to group mail")
{
	gid_t mail = MAIL_GROUP, nobody = 65534;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, chown(D, 0, MAIL_GROUP));
	ATF_REQUIRE_EQ(0, chmod(D, 02775));
	CHECK_EXIT(NFSLOCK_OK, start(acquire_in_group, &mail));
	CHECK_EXIT(101, start(acquire_in_group, &nobody));
	leaves_nothing();
}

TEST(invalid_names, "what cannot be a mailbox's name is EINVAL")
{
	static const char *const paths[] = {
	    "", "/", ".", "..", D "/", D "/.", D "/..", D "//", "./", "//",
	}, *const names[] = {
	    "", "/", ".", "..", "a/b", "/a", "a/", D "/m",
	};
	struct nfslock_holder holder = { .size = sizeof(holder) };
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(paths); i++) {
		CHECK_ERRNO(EINVAL, try_once(paths[i], &lock));
		ATF_CHECK(lock == NULL);
		CHECK_ERRNO(EINVAL, nfslock_holder(paths[i], &holder));
	}
	for (i = 0; i < nitems_of(names); i++) {
		CHECK_ERRNO(EINVAL, nfslock_acquireat(AT_FDCWD, names[i], NULL,
		    &lock));
		ATF_CHECK(lock == NULL);
		CHECK_ERRNO(EINVAL, nfslock_holderat(AT_FDCWD, names[i],
		    &holder));
	}
	leaves_nothing();
}

TEST(strange_names, "any other name will do, byte for byte")
{
	static const char *const names[] = {
	    "...", ".m", " ", "-", "m.lock", "\n", "\xff\xfe", "%s%n", "\\",
	};
	char mailbox[64], file[64];
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(names); i++) {
		(void)snprintf(mailbox, sizeof(mailbox), D "//%s", names[i]);
		(void)snprintf(file, sizeof(file), "%s.lock", names[i]);
		lock = take(mailbox);
		check_directory(D, file, NULL);
		(void)snprintf(file, sizeof(file), D "/%s.lock", names[i]);
		ATF_CHECK(exists(file));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	leaves_nothing();
}

/* What disks' file systems take; some NAME_MAX is more. */
#define	LONGEST		255

TEST(name_max, "a mailbox whose lock just has a name can be locked")
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	struct nfslock_options options;
	char path[LONGEST + 8], file[LONGEST + 8];
	nfslock_t *lock;

	make_directory(D, 0755);
	(void)snprintf(path, sizeof(path), D "/%0*d", LONGEST - 5, 0);
	(void)snprintf(file, sizeof(file), "%0*d.lock", LONGEST - 5, 0);
	lock = take(path);
	check_directory(D, file, NULL);
	CHECK_STATUS(HELD, nfslock_holder(path, &holder));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();

	/* Its guard has a name too. */
	(void)snprintf(file, sizeof(file), D "/%0*d.lock", LONGEST - 5, 0);
	make_file(file, "", 0);
	options = options_of(15, STALE);
	CHECK_STATUS(OK, nfslock_acquire(path, &options, &lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(name_too_long, "a mailbox whose lock has no name is ENAMETOOLONG")
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	static const int lengths[] = {
	    LONGEST - 4, LONGEST, LONGEST + 1, 1000, PATH_MAX, 100000
	};
	static char path[100016];
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(lengths); i++) {
		(void)snprintf(path, sizeof(path), D "/%0*d", lengths[i], 0);
		CHECK_ERRNO(ENAMETOOLONG, try_once(path, &lock));
		ATF_CHECK(lock == NULL);
		CHECK_ERRNO(ENAMETOOLONG, nfslock_holder(path, &holder));
		CHECK_ERRNO(ENAMETOOLONG, nfslock_acquireat(AT_FDCWD, path + 2,
		    NULL, &lock));
	}
	leaves_nothing();
}

/*
 * Makes and enters directories until the path of the last is length bytes
 * long.
 */
static void
make_deep(char *path, size_t length)
{
	char part[NAME_MAX + 1];
	size_t done, rest;

	ATF_REQUIRE(getcwd(path, length) != NULL);
	while ((done = strlen(path)) < length) {
		rest = length - done - 1;
		if (rest > 200)
			rest = 199;
		(void)snprintf(part, sizeof(part), "%0*d", (int)rest, 0);
		ATF_REQUIRE_EQ(0, mkdir(part, 0755));
		ATF_REQUIRE_EQ(0, chdir(part));
		path[done] = '/';
		memcpy(path + done + 1, part, rest + 1);
	}
	ATF_REQUIRE_EQ(length, strlen(path));
}

/*
 * Remove it, from its bottom: there is no path that others could remove it by.
 */
static void
remove_deep(char *path, const char *top)
{
	char *last;

	while (strlen(path) > strlen(top)) {
		ATF_REQUIRE((last = strrchr(path, '/')) != NULL);
		*last++ = '\0';
		ATF_REQUIRE_EQ(0, chdir(".."));
		ATF_REQUIRE_EQ(0, rmdir(last));
	}
}

TEST(path_max, "a mailbox with the longest of paths can be locked")
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	char path[PATH_MAX + 64], top[PATH_MAX];
	size_t i, length;
	nfslock_t *lock;

	ATF_REQUIRE(getcwd(top, sizeof(top)) != NULL);
	make_deep(path, PATH_MAX - 50);
	length = strlen(path);
	path[length++] = '/';
	/* ... until no system call takes the path of the mailbox itself */
	for (i = length; i < PATH_MAX - 1; i++) {
		path[i] = 'm';
		path[i + 1] = '\0';
		CHECK_STATUS(OK, try_once(path, &lock));
		CHECK_STATUS(HELD, nfslock_holder(path, &holder));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	check_directory(".", NULL);
	path[length - 1] = '\0';
	remove_deep(path, top);
}

TEST(path_too_long, "a directory that no path reaches is ENAMETOOLONG")
{
	char path[PATH_MAX + 256], top[PATH_MAX];
	nfslock_t *lock;
	int fd;

	ATF_REQUIRE(getcwd(top, sizeof(top)) != NULL);
	make_deep(path, PATH_MAX + 100);
	(void)strcat(path, "/m");
	CHECK_ERRNO(ENAMETOOLONG, try_once(path, &lock));
	path[strlen(path) - 2] = '\0';
	ATF_CHECK(lock == NULL);

	/* A descriptor does. */
	ATF_REQUIRE((fd = open(".", O_RDONLY | O_DIRECTORY)) != -1);
	ATF_REQUIRE_EQ(0, chdir(top));
	CHECK_STATUS(OK, nfslock_acquireat(fd, "m", NULL, &lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	ATF_REQUIRE_EQ(0, fchdir(fd));
	check_directory(".", NULL);
	ATF_REQUIRE_EQ(0, close(fd));
	remove_deep(path, top);
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, missing);
	ATF_TP_ADD_TC(tp, not_a_directory);
	ATF_TP_ADD_TC(tp, linked_directory);
	ATF_TP_ADD_TC(tp, unsafe);
	ATF_TP_ADD_TC(tp, safe);
	ATF_TP_ADD_TC(tp, no_permission);
	ATF_TP_ADD_TC(tp, unreadable_directory);
	ATF_TP_ADD_TC(tp, unreadable_foreign);
	ATF_TP_ADD_TC(tp, holder_for_all);
	ATF_TP_ADD_TC(tp, other_user);
	ATF_TP_ADD_TC(tp, stale_of_another_user);
	ATF_TP_ADD_TC(tp, group_spool);
	ATF_TP_ADD_TC(tp, invalid_names);
	ATF_TP_ADD_TC(tp, strange_names);
	ATF_TP_ADD_TC(tp, name_max);
	ATF_TP_ADD_TC(tp, name_too_long);
	ATF_TP_ADD_TC(tp, path_max);
	ATF_TP_ADD_TC(tp, path_too_long);

	return atf_no_error();
}
