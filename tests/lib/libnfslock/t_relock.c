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


/* One handle for many locks: kept by nfslock_unlock(). */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/mman.h>

#include "h_nfslock.h"

#define	PROCESSES	4
#define	CYCLES		300

static struct nfslock_options once;

static int
relock(nfslock_t *lock, const char *name)
{

	once = options_of(NFSLOCK_LIMIT_NONE, 0);
	return nfslock_relock(lock, name, &once);
}

/* A handle that has had the lock twice: what can be kept is there. */
static nfslock_t *
kept(void)
{
	nfslock_t *lock = take(MAILBOX);

	CHECK_STATUS(OK, nfslock_unlock(lock));
	CHECK_STATUS(OK, relock(lock, NULL));
	CHECK_STATUS(OK, nfslock_unlock(lock));
	ATF_CHECK(!exists(LOCK));
	return lock;
}

/* The names in D that begin so, removed; their number is the answer. */
static int
remove_names(const char *prefix)
{
	const struct dirent *entry;
	DIR *directory;
	int count = 0;

	ATF_REQUIRE((directory = opendir(D)) != NULL);
	while ((entry = readdir(directory)) != NULL)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			ATF_CHECK_EQ(0, unlinkat(dirfd(directory),
			    entry->d_name, 0));
			count++;
		}
	ATF_REQUIRE_EQ(0, closedir(directory));
	return count;
}

TEST(cycle, "unlock and relock, many times; nothing leaks")
{
	int before = open_descriptors(), i;
	nfslock_t *lock, *other;
	struct look first;
	struct stat st;

	make_directory(D, 0755);
	lock = kept();
	for (i = 0; i < 50; i++) {
		CHECK_STATUS(OK, relock(lock, NULL));
		CHECK_STATUS(HELD, try_once(MAILBOX, &other));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_verify(lock));
		/* What is made anew after one that has failed is another. */
		look_at(LOCK, &first);
		CHECK_STATUS(OK, nfslock_unlock(lock));
		CHECK_STATUS(OK, relock(lock, NULL));
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		ATF_CHECK_EQ(first.st.st_ino, st.st_ino);
		CHECK_STATUS(OK, nfslock_unlock(lock));
		ATF_CHECK(!exists(LOCK));
		other = take(MAILBOX);
		CHECK_STATUS(HELD, relock(lock, NULL));
		CHECK_STATUS(OK, nfslock_verify(other));
		CHECK_STATUS(OK, nfslock_release(other));
		leaves_nothing();
		CHECK_STATUS(OK, relock(lock, NULL));
		CHECK_STATUS(OK, nfslock_unlock(lock));
	}
	CHECK_STATUS(OK, relock(lock, NULL));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
	ATF_CHECK_EQ(before, open_descriptors());
}

TEST(released, "a handle that holds nothing is released, too")
{
	int before = open_descriptors();
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	CHECK_STATUS(OK, nfslock_unlock(lock));
	leaves_nothing();
	CHECK_STATUS(OK, nfslock_release(lock));
	CHECK_STATUS(OK, nfslock_release(kept()));
	leaves_nothing();
	ATF_CHECK_EQ(before, open_descriptors());
}

TEST(wrong_order, "EINVAL without a lock, EBUSY with one")
{
	nfslock_t *lock;

	CHECK_ERRNO(EINVAL, nfslock_unlock(NULL));
	CHECK_ERRNO(EINVAL, nfslock_relock(NULL, NULL, NULL));
	make_directory(D, 0755);
	lock = take(MAILBOX);
	CHECK_ERRNO(EBUSY, relock(lock, NULL));
	CHECK_ERRNO(EBUSY, relock(lock, "other"));
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_unlock(lock));
	CHECK_ERRNO(EINVAL, nfslock_unlock(lock));
	CHECK_ERRNO(EINVAL, nfslock_verify(lock));
	CHECK_ERRNO(EINVAL, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_relock(lock, NULL, NULL));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(names, "another mailbox in the same directory, by its name there")
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/a" };
	nfslock_t *lock, *other;
	size_t i;

	make_directory(D, 0755);
	lock = kept();
	CHECK_STATUS(OK, relock(lock, "other"));
	ATF_CHECK(exists(D "/other.lock"));
	ATF_CHECK(!exists(LOCK));
	CHECK_STATUS(OK, nfslock_verify(lock));
	other = take(MAILBOX);
	CHECK_STATUS(OK, nfslock_unlock(lock));
	CHECK_STATUS(HELD, relock(lock, "m"));
	CHECK_STATUS(OK, nfslock_release(other));
	CHECK_STATUS(OK, relock(lock, NULL));
	ATF_CHECK(exists(LOCK));
	CHECK_STATUS(OK, nfslock_unlock(lock));
	for (i = 0; i < nitems_of(bad); i++)
		CHECK_ERRNO(EINVAL, relock(lock, bad[i]));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(options, "each time with its own options")
{
	struct nfslock_options options = options_of(1, 0);
	static const volatile sig_atomic_t cancelled = 1;
	nfslock_t *lock, *other;
	long start;

	make_directory(D, 0755);
	lock = kept();
	other = take(MAILBOX);
	start = milliseconds();
	CHECK_STATUS(TIMEDOUT, nfslock_relock(lock, NULL, &options));
	ATF_CHECK(milliseconds() - start >= 1000);
	options.cancel_flag = &cancelled;
	CHECK_STATUS(CANCELLED, nfslock_relock(lock, NULL, &options));
	CHECK_STATUS(OK, nfslock_verify(other));
	CHECK_STATUS(OK, nfslock_release(other));
	leaves_nothing();
	options = options_of(0, STALE - 1);
	CHECK_ERRNO(EINVAL, nfslock_relock(lock, NULL, &options));
	options.size--;
	CHECK_ERRNO(EINVAL, nfslock_relock(lock, NULL, &options));
	CHECK_STATUS(OK, relock(lock, NULL));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(stolen, "a theft is noticed, and nothing of the thief's is touched")
{
	struct look theirs;
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = kept();
	CHECK_STATUS(OK, relock(lock, NULL));
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	CHECK_STATUS(GONE, nfslock_verify(lock));
	make_file(LOCK, "thief", 5);
	look_at(LOCK, &theirs);
	CHECK_STATUS(STOLEN, nfslock_verify(lock));
	CHECK_STATUS(STOLEN, nfslock_refresh(lock));
	CHECK_STATUS(STOLEN, nfslock_unlock(lock));
	CHECK_STATUS(HELD, relock(lock, NULL));
	check_untouched(LOCK, &theirs);
	CHECK_STATUS(OK, nfslock_release(lock));
	check_untouched(LOCK, &theirs);
	check_directory(D, "m.lock", NULL);
}

TEST(copied, "a lock with the right contents in another file is not ours")
{
	char token[LOCKSIZE];
	struct look theirs;
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = kept();
	CHECK_STATUS(OK, relock(lock, NULL));
	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, token, sizeof(token)));
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	make_file(LOCK, token, sizeof(token));
	look_at(LOCK, &theirs);
	CHECK_STATUS(STOLEN, nfslock_verify(lock));
	CHECK_STATUS(STOLEN, nfslock_release(lock));
	check_untouched(LOCK, &theirs);
	check_directory(D, "m.lock", NULL);
}

TEST(swept, "without its temporary a handle goes on")
{
	nfslock_t *lock;
	int i;

	make_directory(D, 0755);
	lock = kept();
	for (i = 0; i < 3; i++) {
		ATF_CHECK_EQ(1, remove_names(".nfslk."));
		CHECK_STATUS(OK, relock(lock, NULL));
		ATF_CHECK_EQ(1, remove_names(".nfslk."));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_unlock(lock));
		leaves_nothing();
		CHECK_STATUS(OK, relock(lock, NULL));
		CHECK_STATUS(OK, nfslock_unlock(lock));
	}
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(other_directory, "nothing is locked where a closed descriptor leads to")
{
	nfslock_t *lock;
	int fd, least;

	make_directory(D, 0755);
	make_directory("other", 0755);
	least = dup(0);
	(void)close(least);
	lock = kept();
	/* As daemon(3)'s callers do. */
	for (fd = least; fd < least + 16; fd++)
		(void)close(fd);
	for (fd = least; fd < least + 16; fd++)
		ATF_REQUIRE_EQ(fd, open("other", O_RDONLY));
	CHECK_ERRNO(EBADF, relock(lock, NULL));
	check_directory("other", NULL);
	CHECK_STATUS(OK, nfslock_release(lock));
	check_directory("other", NULL);
	for (fd = least; fd < least + 16; fd++)
		ATF_CHECK_EQ(0, close(fd));
}

static int
use_in_child(void *argument)
{
	nfslock_t *lock = argument;

	if (nfslock_relock(lock, NULL, NULL) != NFSLOCK_FORKED)
		return 1;
	if (nfslock_release(lock) != NFSLOCK_FORKED)
		return 2;
	return 0;
}

static int
use_held_in_child(void *argument)
{
	nfslock_t *lock = argument;

	if (nfslock_verify(lock) != NFSLOCK_FORKED ||
	    nfslock_refresh(lock) != NFSLOCK_FORKED)
		return 3;
	return use_in_child(lock);
}

static int
unlock_in_child(void *argument)
{
	nfslock_t *lock = argument;

	if (nfslock_unlock(lock) != NFSLOCK_FORKED)
		return 4;
	if (nfslock_relock(lock, NULL, NULL) != NFSLOCK_FORKED)
		return 5;
	if (nfslock_verify(lock) != NFSLOCK_FORKED)
		return 6;
	return nfslock_release(lock) == NFSLOCK_FORKED ? 0 : 7;
}

TEST(forked, "in a child a handle touches nothing and says so")
{
	struct look ours;
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = kept();
	CHECK_EXIT(0, start(use_in_child, lock));
	CHECK_EXIT(0, start(unlock_in_child, lock));
	CHECK_STATUS(OK, relock(lock, NULL));
	/* It was not made again. */
	ATF_CHECK_EQ(1, remove_names(".nfslk."));
	CHECK_STATUS(OK, nfslock_unlock(lock));
	CHECK_STATUS(OK, relock(lock, NULL));
	look_at(LOCK, &ours);
	CHECK_EXIT(0, start(use_held_in_child, lock));
	CHECK_EXIT(0, start(unlock_in_child, lock));
	check_untouched(LOCK, &ours);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static int
die_with_lock(void *argument)
{

	if (relock(argument, NULL) != NFSLOCK_OK)
		return 1;
	return 0;
}

static int
die_with_own(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK ||
	    nfslock_unlock(lock) != NFSLOCK_OK)
		return 1;
	if (die_with_lock(lock) != 0 || nfslock_unlock(lock) != NFSLOCK_OK)
		return 2;
	return die_with_lock(lock);
}

TEST(dead, "what the dead held is taken over at once, and cleared away")
{
	struct nfslock_options options = options_of(60, 0);
	nfslock_t *lock;
	long begin;

	if (access("/dev/shm", W_OK) != 0 && access("/var/shm", W_OK) != 0)
		atf_tc_skip("no place for processes to meet");
	make_directory(D, 0755);
	CHECK_EXIT(0, start(die_with_own, NULL));
	ATF_CHECK(exists(LOCK));
	begin = milliseconds();
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	/* Not by age. */
	ATF_CHECK(milliseconds() - begin < 30 * 1000);
	check_directory(D, "m.lock", NULL);
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

/* What is counted without a lock of its own. */
static volatile int *counter;

static int
count(void *argument)
{
	struct nfslock_options options = options_of(120, 0);
	bool keeps = *(bool *)argument;
	nfslock_t *lock = NULL;
	int i, status, value;

	for (i = 0; i < CYCLES * rounds(); i++) {
		status = lock == NULL ?
		    nfslock_acquire(MAILBOX, &options, &lock) :
		    nfslock_relock(lock, NULL, &options);
		if (status != NFSLOCK_OK)
			return 1;
		value = *counter;
		if (i % 16 == 0)
			sleep_ms(1);
		*counter = value + 1;
		if (nfslock_verify(lock) != NFSLOCK_OK)
			return 2;
		status = keeps ? nfslock_unlock(lock) : nfslock_release(lock);
		if (status != NFSLOCK_OK)
			return 3;
		if (!keeps)
			lock = NULL;
		if (i % 32 == 0)
			sleep_ms(3);
	}
	return nfslock_release(lock) == NFSLOCK_OK ? 0 : 4;
}

TEST(exclusion, "processes that keep their handles, and others, take turns")
{
	bool keeps[PROCESSES];
	pid_t pids[PROCESSES];
	int i, plain;

	make_directory(D, 0755);
	counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANON, -1, 0);
	ATF_REQUIRE(counter != MAP_FAILED);
	for (plain = 0; plain <= 2; plain++) {
		*counter = 0;
		for (i = 0; i < PROCESSES; i++) {
			keeps[i] = i >= plain;
			pids[i] = start(count, &keeps[i]);
		}
		for (i = 0; i < PROCESSES; i++)
			CHECK_EXIT(0, pids[i]);
		ATF_CHECK_EQ(PROCESSES * CYCLES * rounds(), *counter);
		leaves_nothing();
	}
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, cycle);
	ATF_TP_ADD_TC(tp, released);
	ATF_TP_ADD_TC(tp, wrong_order);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, options);
	ATF_TP_ADD_TC(tp, stolen);
	ATF_TP_ADD_TC(tp, copied);
	ATF_TP_ADD_TC(tp, swept);
	ATF_TP_ADD_TC(tp, other_directory);
	ATF_TP_ADD_TC(tp, forked);
	ATF_TP_ADD_TC(tp, dead);
	ATF_TP_ADD_TC(tp, exclusion);

	return atf_no_error();
}
