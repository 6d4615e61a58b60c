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
 * Locks that were stolen or removed: noticed by every operation, and what
 * stands in their place is left alone.
 */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include "h_nfslock.h"

enum operation { VERIFY, REFRESH, RELEASE, OPERATIONS };

static int
operate(enum operation operation, nfslock_t *lock)
{

	switch (operation) {
	case VERIFY:
		return nfslock_verify(lock);
	case REFRESH:
		return nfslock_refresh(lock);
	default:
		return nfslock_release(lock);
	}
}

/*
 * Locks, has the lock replaced by what make puts there, and sees to it that
 * each operation says STOLEN and leaves that alone.
 */
static void
check_stolen(void (*make)(void))
{
	int before = open_descriptors();
	struct look thief;
	nfslock_t *lock;
	int operation;

	make_directory(D, 01777);
	for (operation = VERIFY; operation < OPERATIONS; operation++) {
		lock = take(MAILBOX);
		make();
		look_at(LOCK, &thief);
		CHECK_STATUS(STOLEN, operate(operation, lock));
		check_untouched(LOCK, &thief);
		check_directory(D, "m.lock", NULL);
		if (operation != RELEASE) {
			CHECK_STATUS(STOLEN, nfslock_release(lock));
			check_untouched(LOCK, &thief);
		}
		ATF_REQUIRE_EQ(0, remove(LOCK));
		leaves_nothing();
	}
	ATF_CHECK_EQ(before, open_descriptors());
}

static void
put_empty(void)
{

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	make_file(LOCK, "", 0);
}

TEST(stolen_by_empty, "a peer's empty lock is a thief's")
{

	check_stolen(put_empty);
}

static void
put_pid(void)
{

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	make_file(LOCK, "1\n", 2);
}

TEST(stolen_by_pid, "a peer's lock with a pid is a thief's")
{

	check_stolen(put_pid);
}

/*
 * Most file systems give the inode number that was freed last to the next
 * file, so that a thief's lock has ours.
 */
static void
put_same_inode(void)
{
	struct stat ours, thief;
	int i;

	ATF_REQUIRE_EQ(0, lstat(LOCK, &ours));
	for (i = 0; i < 100; i++) {
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		make_file(LOCK, "Lthief0123456789", LOCKSIZE);
		ATF_REQUIRE_EQ(0, chmod(LOCK, 0444));
		ATF_REQUIRE_EQ(0, lstat(LOCK, &thief));
		if (thief.st_ino == ours.st_ino)
			return;
	}
	(void)printf("no inode number was reused here\n");
}

TEST(stolen_same_inode, "a thief with the same inode number is a thief")
{

	check_stolen(put_same_inode);
}

static void
put_same_inode_and_time(void)
{
	struct timespec times[2];
	struct stat ours;

	ATF_REQUIRE_EQ(0, lstat(LOCK, &ours));
	put_same_inode();
	times[0] = ours.st_atim;
	times[1] = ours.st_mtim;
	ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, times, 0));
}

TEST(stolen_same_time, "the same inode number and time: still a thief")
{

	check_stolen(put_same_inode_and_time);
}

static void
put_same_bytes(void)
{
	char bytes[LOCKSIZE];

	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, bytes, sizeof(bytes)));
	ATF_REQUIRE_EQ(0, rename(LOCK, "ours"));
	make_file(LOCK, bytes, sizeof(bytes));
}

TEST(stolen_same_bytes, "a copy of our lock is not our lock")
{

	check_stolen(put_same_bytes);
}

static void
put_ours(void)
{
	nfslock_t *lock;

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	lock = take(MAILBOX);
	ATF_REQUIRE(lock != NULL);
}

static void
put_ours_in_child(void)
{

	/* The child ends without letting go. */
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		put_ours();
		_exit(0);
	}
	ATF_REQUIRE_EQ(0, finish(pid));
}

TEST(stolen_by_ours, "a lock of another handle's is a thief's")
{

	check_stolen(put_ours_in_child);
}

static void
put_symlink_to_ours(void)
{

	ATF_REQUIRE_EQ(0, rename(LOCK, "ours"));
	ATF_REQUIRE_EQ(0, symlink("../ours", LOCK));
}

TEST(stolen_symlink, "a symbolic link to our lock is not our lock")
{

	check_stolen(put_symlink_to_ours);
}

static void
put_fifo(void)
{

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	ATF_REQUIRE_EQ(0, mkfifo(LOCK, 0644));
}

TEST(stolen_fifo, "a FIFO in our lock's place hangs nobody")
{

	check_stolen(put_fifo);
}

static void
put_directory(void)
{

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	ATF_REQUIRE_EQ(0, mkdir(LOCK, 0755));
}

TEST(stolen_directory, "a directory in our lock's place is not removed")
{

	check_stolen(put_directory);
}

/* nmh's refresh made a new one. */
TEST(gone, "a removed lock is noticed, and not brought back")
{
	int before = open_descriptors();
	nfslock_t *lock;
	int operation;

	make_directory(D, 0755);
	for (operation = VERIFY; operation < OPERATIONS; operation++) {
		lock = take(MAILBOX);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		CHECK_STATUS(GONE, operate(operation, lock));
		leaves_nothing();
		if (operation != RELEASE) {
			CHECK_STATUS(GONE, nfslock_release(lock));
			leaves_nothing();
		}
	}
	ATF_CHECK_EQ(before, open_descriptors());
}

TEST(renamed_away, "our lock under another name is not the lock")
{
	nfslock_t *lock;
	int operation;

	make_directory(D, 0755);
	for (operation = VERIFY; operation < OPERATIONS; operation++) {
		lock = take(MAILBOX);
		ATF_REQUIRE_EQ(0, rename(LOCK, D "/elsewhere"));
		CHECK_STATUS(GONE, operate(operation, lock));
		if (operation != RELEASE)
			CHECK_STATUS(GONE, nfslock_release(lock));
		check_directory(D, "elsewhere", NULL);
		ATF_CHECK(exists(D "/elsewhere"));
		ATF_REQUIRE_EQ(0, unlink(D "/elsewhere"));
	}
	leaves_nothing();
}

/* In a sticky directory anyone may give our lock a second name. */
TEST(extra_link, "a second name of our lock does not take it from us")
{
	nfslock_t *lock;

	make_directory(D, 01777);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, link(LOCK, "second"));
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
	ATF_CHECK(exists("second"));
}

/*
 * The same in a private directory, where less is looked at: a lock that was
 * taken over is noticed there as well.
 */
TEST(stolen_private, "theft in a private directory is noticed too")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	struct look thief;
	nfslock_t *lock;
	int operation;

	options.directory = NFSLOCK_DIR_PRIVATE;
	make_directory(D, 0700);
	for (operation = VERIFY; operation < OPERATIONS; operation++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		put_same_inode();
		look_at(LOCK, &thief);
		CHECK_STATUS(STOLEN, operate(operation, lock));
		check_untouched(LOCK, &thief);
		if (operation != RELEASE)
			CHECK_STATUS(STOLEN, nfslock_release(lock));
		ATF_REQUIRE_EQ(0, unlink(LOCK));

		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		CHECK_STATUS(GONE, operate(operation, lock));
		if (operation != RELEASE)
			CHECK_STATUS(GONE, nfslock_release(lock));
	}
	leaves_nothing();
}

/* A thief that differs from us in nothing but what he wrote. */
static void
put_other_bytes(void)
{
	struct timespec times[2];
	struct stat ours;
	int fd;

	ATF_REQUIRE_EQ(0, lstat(LOCK, &ours));
	ATF_REQUIRE((fd = open(LOCK, O_WRONLY)) != -1);
	ATF_REQUIRE_EQ(LOCKSIZE, write(fd, "Lthief0123456789", LOCKSIZE));
	ATF_REQUIRE_EQ(0, close(fd));
	times[0] = ours.st_atim;
	times[1] = ours.st_mtim;
	ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, times, 0));
}

TEST(stolen_contents, "inode, owner, mode, size and time alike: still a thief")
{
	static const int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	struct look thief;
	nfslock_t *lock;
	int operation;
	size_t i;

	make_directory(D, 0700);
	for (i = 0; i < nitems_of(kinds); i++) {
		options.directory = kinds[i];
		for (operation = VERIFY; operation < OPERATIONS; operation++) {
			CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options,
			    &lock));
			put_other_bytes();
			look_at(LOCK, &thief);
			CHECK_STATUS(STOLEN, operate(operation, lock));
			check_untouched(LOCK, &thief);
			if (operation != RELEASE)
				CHECK_STATUS(STOLEN, nfslock_release(lock));
			check_untouched(LOCK, &thief);
			ATF_REQUIRE_EQ(0, unlink(LOCK));
		}
	}
	leaves_nothing();
}

static int
operate_as_nobody(enum operation operation, nfslock_t *lock)
{
	int error, status;

	ATF_REQUIRE_EQ(0, seteuid(65534));
	status = operate(operation, lock);
	error = errno;
	ATF_REQUIRE_EQ(0, seteuid(0));
	errno = error;
	return status;
}

/*
 * As another user, who cannot read the lock, nobody can tell whose it is: not
 * lost, and not to be removed.
 */
ROOT_TEST(other_rights, "a lock is not stolen because it may not be read now")
{
	static const int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	struct look ours;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 01777);
	for (i = 0; i < nitems_of(kinds); i++) {
		options.directory = kinds[i];
		(void)umask(077);
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		(void)umask(022);
		look_at(LOCK, &ours);
		CHECK_ERRNO(EACCES, operate_as_nobody(VERIFY, lock));
		CHECK_ERRNO(EACCES, operate_as_nobody(REFRESH, lock));
		check_untouched(LOCK, &ours);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();

		/* Nor is it removed by who cannot know it. */
		(void)umask(077);
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		(void)umask(022);
		look_at(LOCK, &ours);
		CHECK_ERRNO(EACCES, operate_as_nobody(RELEASE, lock));
		check_untouched(LOCK, &ours);
		ATF_REQUIRE_EQ(0, unlink(LOCK));

		/* Another file of that size is another's all the same. */
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		make_file(D "/thief", "0123456789abcdef", LOCKSIZE);
		ATF_REQUIRE_EQ(0, chmod(D "/thief", 0600));
		ATF_REQUIRE_EQ(0, rename(D "/thief", LOCK));
		CHECK_STATUS(STOLEN, operate_as_nobody(VERIFY, lock));
		CHECK_STATUS(STOLEN, operate_as_nobody(RELEASE, lock));
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
	leaves_nothing();
}

/* A peer that may touch a lock does not become its holder by that. */
TEST(touched, "a lock whose times another set is still ours")
{
	static const int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(kinds); i++) {
		options.directory = kinds[i];
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, times, 0));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();
	}
}

TEST(refresh_shows_life, "refresh moves the time by which peers judge")
{
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct stat st;
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, LOCK, times, 0));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
	ATF_CHECK(labs((long)(st.st_mtim.tv_sec - time(NULL))) <= 5);
	ATF_CHECK_EQ(LOCKSIZE, st.st_size);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, stolen_by_empty);
	ATF_TP_ADD_TC(tp, stolen_by_pid);
	ATF_TP_ADD_TC(tp, stolen_same_inode);
	ATF_TP_ADD_TC(tp, stolen_same_time);
	ATF_TP_ADD_TC(tp, stolen_same_bytes);
	ATF_TP_ADD_TC(tp, stolen_by_ours);
	ATF_TP_ADD_TC(tp, stolen_symlink);
	ATF_TP_ADD_TC(tp, stolen_fifo);
	ATF_TP_ADD_TC(tp, stolen_directory);
	ATF_TP_ADD_TC(tp, gone);
	ATF_TP_ADD_TC(tp, renamed_away);
	ATF_TP_ADD_TC(tp, extra_link);
	ATF_TP_ADD_TC(tp, stolen_private);
	ATF_TP_ADD_TC(tp, stolen_contents);
	ATF_TP_ADD_TC(tp, other_rights);
	ATF_TP_ADD_TC(tp, touched);
	ATF_TP_ADD_TC(tp, refresh_shows_life);

	return atf_no_error();
}
