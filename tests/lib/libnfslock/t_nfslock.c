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


/* The interface: what each function answers, and what it leaves alone. */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/resource.h>

#include <ctype.h>
#include <pthread.h>

#include "h_nfslock.h"

TEST(cycle, "acquire, verify, refresh, release; no descriptor leaks")
{
	int before = open_descriptors();
	nfslock_t *lock;
	int i;

	make_directory(D, 0755);
	for (i = 0; i < 20; i++) {
		lock = take(MAILBOX);
		ATF_CHECK(exists(LOCK));
		ATF_CHECK(!exists(MAILBOX));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_verify(lock));
		check_directory(D, "m.lock", NULL);
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();
	}
	ATF_CHECK_EQ(before, open_descriptors());
}

TEST(contents, "sixteen bytes, in which atoi() finds no pid, never the same")
{
	static char seen[100][LOCKSIZE + 1];
	struct stat st;
	nfslock_t *lock;
	size_t i, j;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(seen); i++) {
		lock = take(MAILBOX);
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		ATF_CHECK(S_ISREG(st.st_mode));
		ATF_CHECK_EQ(1, st.st_nlink);
		ATF_CHECK_EQ(LOCKSIZE, read_file(LOCK, seen[i],
		    sizeof(seen[i])));
		CHECK_STATUS(OK, nfslock_release(lock));
		ATF_CHECK(isalpha((unsigned char)seen[i][0]));
		ATF_CHECK_EQ(0, atoi(seen[i]));
		for (j = 0; j < LOCKSIZE; j++)
			ATF_CHECK_MSG(isalnum((unsigned char)seen[i][j]) ||
			    seen[i][j] == '-' || seen[i][j] == '_',
			    "byte %zu is %#x", j, (unsigned)seen[i][j]);
		for (j = 0; j < i; j++)
			ATF_CHECK(memcmp(seen[i], seen[j], LOCKSIZE) != 0);
	}
	leaves_nothing();
}

TEST(mode, "only its owner can write a lock, and the umask counts")
{
	static const mode_t masks[] = { 022, 027, 077, 0, 0777 };
	struct stat st;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(masks); i++) {
		(void)umask(masks[i]);
		lock = take(MAILBOX);
		/* ... and ATF has files of its own to make. */
		ATF_CHECK_EQ(masks[i], umask(022));
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		/* But the holder has to read it, to know it again. */
		ATF_CHECK_EQ((0644 & ~masks[i]) | 0400, st.st_mode & 07777);
		ATF_CHECK_EQ(geteuid(), st.st_uid);
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	/* The result is written to a file, too. */
	(void)umask(022);
	leaves_nothing();
}

TEST(null_options, "without options every default holds")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, NULL, &lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(null_handle, "no handle can be released, and nothing else")
{

	CHECK_STATUS(OK, nfslock_release(NULL));
	CHECK_ERRNO(EINVAL, nfslock_verify(NULL));
	CHECK_ERRNO(EINVAL, nfslock_refresh(NULL));
}

TEST(null_pointers, "no pointer where one is needed is EINVAL")
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	nfslock_t *lock;

	make_directory(D, 0755);
	CHECK_ERRNO(EINVAL, nfslock_acquire(NULL, NULL, &lock));
	ATF_CHECK(lock == NULL);
	CHECK_ERRNO(EINVAL, nfslock_acquire(MAILBOX, NULL, NULL));
	CHECK_ERRNO(EINVAL, nfslock_acquireat(AT_FDCWD, NULL, NULL, &lock));
	ATF_CHECK(lock == NULL);
	CHECK_ERRNO(EINVAL, nfslock_acquireat(AT_FDCWD, "m", NULL, NULL));
	CHECK_ERRNO(EINVAL, nfslock_holder(NULL, &holder));
	CHECK_ERRNO(EINVAL, nfslock_holder(MAILBOX, NULL));
	CHECK_ERRNO(EINVAL, nfslock_holderat(AT_FDCWD, NULL, &holder));
	CHECK_ERRNO(EINVAL, nfslock_holderat(AT_FDCWD, "m", NULL));
	ATF_CHECK(!exists("m.lock"));
	leaves_nothing();
}

TEST(failure_stores_null, "a handle is stored for OK alone")
{
	nfslock_t *lock, *other;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	other = lock;
	CHECK_STATUS(HELD, try_once(MAILBOX, &other));
	ATF_CHECK(other == NULL);
	other = lock;
	CHECK_ERRNO(ENOENT, try_once("missing/m", &other));
	ATF_CHECK(other == NULL);
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(options_size, "a structure of another version is refused, not misread")
{
	struct {
		struct nfslock_options	known;
		char			later[64];
	} options;
	static const size_t sizes[] = {
	    0, 1, sizeof(size_t), offsetof(struct nfslock_options, limit),
	    sizeof(options.known) - 1, sizeof(options.known) + 1,
	    sizeof(options), (size_t)-1
	};
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(sizes); i++) {
		memset(&options, 0, sizeof(options));
		options.known.size = sizes[i];
		CHECK_ERRNO(EINVAL, nfslock_acquire(MAILBOX, &options.known,
		    &lock));
		ATF_CHECK(lock == NULL);
	}
	leaves_nothing();
}

TEST(options_values, "values out of range are errors, the ends of it are not")
{
	static const struct {
		int	directory, stale_action, limit, stale;
	} wrong[] = {
		{ -1, 0, 0, 0 }, { 3, 0, 0, 0 },
		{ 0, -1, 0, 0 }, { 0, 2, 0, 0 },
		{ 0, 0, -2, 0 }, { 0, 0, 86401, 0 },
		{ 0, 0, 0, -1 }, { 0, 0, 0, 1 }, { 0, 0, 0, 86401 },
	}, right[] = {
		{ NFSLOCK_DIR_COMMON, NFSLOCK_STALE_WAIT, 1, 2 },
		{ NFSLOCK_DIR_PRIVATE, NFSLOCK_STALE_BREAK, 86400, 86400 },
	};
	struct nfslock_options options;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(wrong); i++) {
		options = options_of(wrong[i].limit, wrong[i].stale);
		options.directory = wrong[i].directory;
		options.stale_action = wrong[i].stale_action;
		CHECK_ERRNO(EINVAL, nfslock_acquire(MAILBOX, &options, &lock));
		ATF_CHECK(lock == NULL);
		leaves_nothing();
	}
	for (i = 0; i < nitems_of(right); i++) {
		options = options_of(right[i].limit, right[i].stale);
		options.directory = right[i].directory;
		options.stale_action = right[i].stale_action;
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	leaves_nothing();
}

TEST(messages, "every status has words of its own")
{
	const char *message;
	int i, j;

	for (i = -1; i <= 100; i++) {
		message = nfslock_message(i);
		ATF_REQUIRE(message != NULL);
		ATF_CHECK(message[0] != '\0');
		ATF_CHECK(message[strlen(message) - 1] != '.');
		ATF_CHECK(message[strlen(message) - 1] != '\n');
		for (j = NFSLOCK_OK; j < i && j <= NFSLOCK_ERROR; j++)
			ATF_CHECK_MSG(strcmp(message, nfslock_message(j)) != 0,
			    "%d and %d: %s", i, j, message);
	}
}

TEST(acquireat, "the directory's descriptor stays the caller's")
{
	struct nfslock_holder holder = { .size = sizeof(holder) };
	nfslock_t *lock;
	int before = open_descriptors();
	int fd;

	make_directory(D, 0755);
	ATF_REQUIRE((fd = open(D, O_RDONLY | O_DIRECTORY)) != -1);
	CHECK_STATUS(OK, nfslock_acquireat(fd, "m", NULL, &lock));
	ATF_CHECK(exists(LOCK));
	CHECK_STATUS(HELD, nfslock_holderat(fd, "m", &holder));
	ATF_CHECK_EQ(getpid(), holder.pid);
	ATF_REQUIRE_EQ(0, close(fd));
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
	ATF_CHECK_EQ(before, open_descriptors());

	CHECK_ERRNO(EBADF, nfslock_acquireat(-1, "m", NULL, &lock));
	CHECK_ERRNO(EBADF, nfslock_holderat(-1, "m", &holder));
	ATF_REQUIRE((fd = open("file", O_RDONLY | O_CREAT, 0600)) != -1);
	CHECK_ERRNO(ENOTDIR, nfslock_acquireat(fd, "m", NULL, &lock));
	ATF_REQUIRE_EQ(0, close(fd));
}

TEST(acquireat_cwd, "AT_FDCWD is the working directory")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, chdir(D));
	CHECK_STATUS(OK, nfslock_acquireat(AT_FDCWD, "m", NULL, &lock));
	ATF_CHECK(exists("m.lock"));
	CHECK_STATUS(OK, nfslock_release(lock));
	check_directory(".", NULL);
}

TEST(chdir_later, "a relative path means the directory it meant at first")
{
	struct look other;
	nfslock_t *lock;

	make_directory(D, 0755);
	make_directory("e", 0755);
	make_directory("e/" D, 0755);
	make_file("e/" LOCK, "another's", 9);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, chdir("e"));
	look_at(LOCK, &other);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	check_untouched(LOCK, &other);
	ATF_REQUIRE_EQ(0, chdir(".."));
	leaves_nothing();
}

TEST(no_directory_part, "a bare name lies in the working directory")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, chdir(D));
	lock = take("m");
	ATF_REQUIRE_EQ(0, chdir(".."));
	ATF_CHECK(exists(LOCK));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(directory_renamed, "the handle follows its directory, not the path")
{
	struct look other;
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, rename(D, "e"));
	make_directory(D, 0755);
	make_file(LOCK, "another's", 9);
	look_at(LOCK, &other);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	check_untouched(LOCK, &other);
	check_directory("e", NULL);
}

TEST(directory_removed, "a directory that went away took the lock with it")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	ATF_REQUIRE_EQ(0, rmdir(D));
	CHECK_STATUS(GONE, nfslock_verify(lock));
	CHECK_STATUS(GONE, nfslock_refresh(lock));
	CHECK_STATUS(GONE, nfslock_release(lock));
}

TEST(mailbox_unopened, "whatever the mailbox is, it is not opened")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, mkfifo(D "/fifo", 0600));
	ATF_REQUIRE_EQ(0, mkdir(D "/directory", 0700));
	ATF_REQUIRE_EQ(0, symlink("../e/m", D "/link"));
	make_file(D "/unreadable", "", 0);
	ATF_REQUIRE_EQ(0, chmod(D "/unreadable", 0));
	lock = take(D "/fifo");
	CHECK_STATUS(OK, nfslock_release(lock));
	lock = take(D "/directory");
	CHECK_STATUS(OK, nfslock_release(lock));
	lock = take(D "/unreadable");
	CHECK_STATUS(OK, nfslock_release(lock));
	/* Beside the link, which is where readers of the link look. */
	lock = take(D "/link");
	ATF_CHECK(exists(D "/link.lock"));
	CHECK_STATUS(OK, nfslock_release(lock));
	check_directory(D, "fifo", "directory", "link", "unreadable", NULL);
}

static volatile sig_atomic_t alarms;

static void
count_alarm(int signo)
{

	(void)signo;
	alarms++;
}

TEST(process_untouched, "signals, umask and working directory stay as set")
{
	struct sigaction set, found;
	char before[1024], after[1024];
	sigset_t mask, now;
	nfslock_t *lock, *other;
	int signo;

	make_directory(D, 0755);
	memset(&set, 0, sizeof(set));
	set.sa_handler = count_alarm;
	ATF_REQUIRE_EQ(0, sigaction(SIGALRM, &set, NULL));
	ATF_REQUIRE_EQ(0, sigemptyset(&mask));
	ATF_REQUIRE_EQ(0, sigaddset(&mask, SIGUSR2));
	ATF_REQUIRE_EQ(0, sigprocmask(SIG_SETMASK, &mask, NULL));
	(void)umask(031);
	ATF_REQUIRE(getcwd(before, sizeof(before)) != NULL);

	lock = take(MAILBOX);
	CHECK_STATUS(HELD, try_once(MAILBOX, &other));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));

	ATF_CHECK_EQ(031, umask(022));
	ATF_REQUIRE(getcwd(after, sizeof(after)) != NULL);
	ATF_CHECK_STREQ(before, after);
	ATF_REQUIRE_EQ(0, sigprocmask(SIG_BLOCK, NULL, &now));
	for (signo = 1; signo < 32; signo++)
		ATF_CHECK_EQ(signo == SIGUSR2, sigismember(&now, signo));
	ATF_REQUIRE_EQ(0, sigaction(SIGALRM, NULL, &found));
	ATF_CHECK(found.sa_handler == count_alarm);
	ATF_REQUIRE_EQ(0, sigaction(SIGPIPE, NULL, &found));
	ATF_CHECK(found.sa_handler == SIG_DFL);
	leaves_nothing();
}

TEST(close_on_exec, "no descriptor of a handle passes an exec")
{
	bool open_before[1024];
	nfslock_t *lock;
	int fd, flags;

	make_directory(D, 0755);
	for (fd = 0; fd < 1024; fd++)
		open_before[fd] = fcntl(fd, F_GETFD) != -1;
	lock = take(MAILBOX);
	for (fd = 0; fd < 1024; fd++) {
		if (open_before[fd] || (flags = fcntl(fd, F_GETFD)) == -1)
			continue;
		ATF_CHECK_MSG((flags & FD_CLOEXEC) != 0, "descriptor %d", fd);
	}
	CHECK_STATUS(OK, nfslock_release(lock));
}

/*
 * The descriptors of a handle are closed, and their numbers lead to another
 * directory.  No answer is right but one that is not OK; what counts is that
 * nothing in the other directory is touched.
 */
static int
closed_under(void *argument)
{
	bool open_before[1024];
	nfslock_t *lock;
	int fd;

	(void)argument;
	for (fd = 0; fd < 1024; fd++)
		open_before[fd] = fcntl(fd, F_GETFD) != -1;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 1;
	for (fd = 0; fd < 1024; fd++) {
		if (open_before[fd] || fcntl(fd, F_GETFD) == -1)
			continue;
		(void)close(fd);
		if (nfslock_verify(lock) == NFSLOCK_OK)
			return 2;
		if (open("e", O_RDONLY | O_DIRECTORY) != fd)
			return 3;
	}
	if (nfslock_verify(lock) == NFSLOCK_OK)
		return 4;
	if (nfslock_refresh(lock) == NFSLOCK_OK)
		return 5;
	return nfslock_release(lock) == NFSLOCK_OK ? 6 : 0;
}

TEST(closefrom, "a handle whose descriptors are another's now harms nobody")
{
	struct look other;

	make_directory(D, 0755);
	make_directory("e", 0755);
	make_file("e/m.lock", "another's", 9);
	look_at("e/m.lock", &other);
	CHECK_EXIT(0, start(closed_under, NULL));
	check_untouched("e/m.lock", &other);
	check_directory("e", "m.lock", NULL);
}

/* With room for so many descriptors more: OK, or told why not. */
static int
starved(void *argument)
{
	struct rlimit limit;
	nfslock_t *lock;
	int status, top;

	for (top = 1023; fcntl(top, F_GETFD) == -1; top--)
		continue;
	limit.rlim_cur = limit.rlim_max =
	    (rlim_t)top + 1 + (rlim_t)*(int *)argument;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 1;
	while (*(int *)argument == 0 && open("/dev/null", O_RDONLY) != -1)
		continue;
	status = try_once(MAILBOX, &lock);
	if (status == NFSLOCK_ERROR)
		return errno == EMFILE && lock == NULL ? 0 : 2;
	return status == NFSLOCK_OK && nfslock_verify(lock) == NFSLOCK_OK &&
	    nfslock_release(lock) == NFSLOCK_OK ? 100 : 3;
}

TEST(no_descriptors, "running out of descriptors leaves nothing behind")
{
	int room, status;

	make_directory(D, 0755);
	for (room = 0; room < 6; room++) {
		status = finish(start(starved, &room));
		ATF_CHECK_MSG(status == 0 || status == 100,
		    "room for %d: %d", room, status);
		ATF_CHECK(room != 0 || status == 0);
		leaves_nothing();
	}
	ATF_CHECK_EQ(100, status);
}

/* Opens whatever may still be opened. */
static void
use_up_descriptors(void)
{
	struct rlimit limit;
	int top;

	for (top = 1023; fcntl(top, F_GETFD) == -1; top--)
		continue;
	limit.rlim_cur = limit.rlim_max = (rlim_t)top + 1;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		while (open("/dev/null", O_RDONLY) != -1)
			continue;
}

static int
release_starved(void *argument)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	nfslock_t *lock;

	options.directory = *(int *)argument;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
		return 1;
	if (nfslock_refresh(lock) != NFSLOCK_OK)
		return 2;
	use_up_descriptors();
	if (nfslock_refresh(lock) != NFSLOCK_ERROR || errno != EMFILE)
		return 3;
	if (nfslock_verify(lock) != NFSLOCK_OK)
		return 4;
	return nfslock_release(lock) == NFSLOCK_OK ? 0 : 5;
}

static int
robbed_starved(void *argument)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	nfslock_t *lock;

	options.directory = *(int *)argument;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
		return 1;
	use_up_descriptors();
	if (rename("thief", LOCK) == -1)
		return 2;
	if (nfslock_verify(lock) != NFSLOCK_ERROR || errno != EMFILE)
		return 3;
	if (nfslock_release(lock) != NFSLOCK_ERROR || errno != EMFILE)
		return 4;
	return 0;
}

TEST(release_starved, "without a descriptor a lock is let go, but no thief's")
{
	int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	struct look thief;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(kinds); i++) {
		CHECK_EXIT(0, start(release_starved, &kinds[i]));
		leaves_nothing();

		make_file("thief", "Lthief0123456789", LOCKSIZE);
		CHECK_EXIT(0, start(robbed_starved, &kinds[i]));
		look_at(LOCK, &thief);
		ATF_CHECK(memcmp("Lthief", thief.bytes, 6) == 0);
		check_directory(D, "m.lock", NULL);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
	leaves_nothing();
}

static int descriptors_before;

static int
use_in_child(void *argument)
{
	nfslock_t *lock = argument;

	if (nfslock_verify(lock) != NFSLOCK_FORKED)
		return 1;
	if (nfslock_refresh(lock) != NFSLOCK_FORKED)
		return 2;
	if (nfslock_release(lock) != NFSLOCK_FORKED)
		return 3;
	if (open_descriptors() != descriptors_before)
		return 4;
	/* The child is another like any other: held is held. */
	if (try_once(MAILBOX, &lock) != NFSLOCK_HELD)
		return 5;
	return 0;
}

TEST(forked, "in a child a handle touches nothing and says so")
{
	struct look ours;
	nfslock_t *lock;

	make_directory(D, 0755);
	descriptors_before = open_descriptors();
	lock = take(MAILBOX);
	look_at(LOCK, &ours);
	CHECK_EXIT(0, start(use_in_child, lock));
	check_untouched(LOCK, &ours);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(two_handles, "locks on two mailboxes at once are two locks")
{
	nfslock_t *a, *b, *c;

	make_directory(D, 0755);
	a = take(D "/a");
	b = take(D "/b");
	CHECK_STATUS(HELD, try_once(D "/a", &c));
	CHECK_STATUS(OK, nfslock_release(a));
	CHECK_STATUS(OK, nfslock_verify(b));
	a = take(D "/a");
	CHECK_STATUS(OK, nfslock_release(b));
	CHECK_STATUS(OK, nfslock_release(a));
	leaves_nothing();
}

#define	THREADS		4
#define	CYCLES		50

static int counter;		/* guarded by the dotlock, and not atomic */

static void *
count_under_lock(void *argument)
{
	struct nfslock_options options = options_of(60, 0);
	nfslock_t *lock;
	int i, value;

	(void)argument;
	for (i = 0; i < CYCLES * rounds(); i++) {
		if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
			return &counter;
		value = *(volatile int *)&counter;
		sleep_ms(1);
		*(volatile int *)&counter = value + 1;
		if (nfslock_verify(lock) != NFSLOCK_OK ||
		    nfslock_release(lock) != NFSLOCK_OK)
			return &counter;
	}
	return NULL;
}

TEST(threads, "threads exclude each other, and share nothing else")
{
	int before = open_descriptors();
	pthread_t threads[THREADS];
	void *failed;
	int i;

	make_directory(D, 0755);
	for (i = 0; i < THREADS; i++)
		ATF_REQUIRE_EQ(0, pthread_create(&threads[i], NULL,
		    count_under_lock, NULL));
	for (i = 0; i < THREADS; i++) {
		ATF_REQUIRE_EQ(0, pthread_join(threads[i], &failed));
		ATF_CHECK(failed == NULL);
	}
	ATF_CHECK_EQ(THREADS * CYCLES * rounds(), counter);
	ATF_CHECK_EQ(before, open_descriptors());
	leaves_nothing();
}

TEST(holder_none, "no lock, no holder")
{
	struct nfslock_holder holder;

	make_directory(D, 0755);
	memset(&holder, 0xa5, sizeof(holder));
	holder.size = sizeof(holder);
	CHECK_STATUS(OK, nfslock_holder(MAILBOX, &holder));
	CHECK_ERRNO(ENOENT, nfslock_holder("missing/m", &holder));
	leaves_nothing();
}

TEST(holder_here, "pid, host, program, time and age on the holder's host")
{
	struct nfslock_holder holder;
	char host[256];
	nfslock_t *lock;

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, gethostname(host, sizeof(host)));
	lock = take(MAILBOX);
	memset(&holder, 0xa5, sizeof(holder));
	holder.size = sizeof(holder);
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	ATF_CHECK_EQ(getpid(), holder.pid);
	ATF_CHECK_STREQ(host, holder.host);
	ATF_CHECK_STREQ("t_nfslock", holder.program);
	ATF_CHECK(labs((long)(holder.since - time(NULL))) <= 5);
	ATF_CHECK_MSG(holder.age >= 0 && holder.age <= 1, "%ld", holder.age);

	sleep_ms(2100);
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	ATF_CHECK_MSG(holder.age >= 2 && holder.age <= 9, "%ld", holder.age);
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	ATF_CHECK_MSG(holder.age >= 0 && holder.age <= 1, "%ld", holder.age);
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static int
die_holding(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	return try_once(MAILBOX, &lock);
}

TEST(holder_dead, "a process that is not there any more is not named")
{
	struct nfslock_holder holder;
	char host[256];

	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, gethostname(host, sizeof(host)));
	CHECK_EXIT(NFSLOCK_OK, start(die_holding, NULL));
	memset(&holder, 0xa5, sizeof(holder));
	holder.size = sizeof(holder);
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	ATF_CHECK_EQ(0, holder.pid);
	ATF_CHECK_STREQ("", holder.program);
	ATF_CHECK_STREQ(host, holder.host);
	ATF_CHECK(labs((long)(holder.since - time(NULL))) <= 5);
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	leaves_nothing();
}

TEST(holder_elsewhere, "of another host's holder the host id and age alone")
{
	struct nfslock_holder holder;
	char bytes[LOCKSIZE], id[5];
	nfslock_t *lock;
	struct look look;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, bytes, sizeof(bytes)));
	CHECK_STATUS(OK, nfslock_release(lock));
	bytes[1] = bytes[1] == 'x' ? 'y' : 'x';
	memcpy(id, bytes + 1, 4);
	id[4] = '\0';
	make_file(LOCK, bytes, sizeof(bytes));
	look_at(LOCK, &look);

	memset(&holder, 0xa5, sizeof(holder));
	holder.size = sizeof(holder);
	CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
	ATF_CHECK_EQ(0, holder.pid);
	ATF_CHECK_STREQ(id, holder.host);
	ATF_CHECK_STREQ("", holder.program);
	ATF_CHECK(holder.age >= -1 && holder.age <= 2);
	check_untouched(LOCK, &look);
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	leaves_nothing();
}

TEST(holder_foreign, "another program's lock has a holder nobody knows")
{
	static const char *const contents[] = {
	    "", "0", "1\n", "1234:host\n", "L", "Labcdefghijklmno\n",
	    "L\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17",
	};
	struct nfslock_holder holder;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(contents); i++) {
		make_file(LOCK, contents[i], strlen(contents[i]));
		memset(&holder, 0xa5, sizeof(holder));
		holder.size = sizeof(holder);
		CHECK_STATUS(HELD, nfslock_holder(MAILBOX, &holder));
		ATF_CHECK_EQ(0, holder.pid);
		ATF_CHECK_STREQ("", holder.host);
		ATF_CHECK_STREQ("", holder.program);
		CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
	leaves_nothing();
}

TEST(holder_size, "into a structure of another version nothing is written")
{
	static const size_t sizes[] = {
	    0, offsetof(struct nfslock_holder, since),
	    sizeof(struct nfslock_holder) - 1,
	    sizeof(struct nfslock_holder) + 1, (size_t)-1
	};
	struct nfslock_holder holder, before;
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	for (i = 0; i < nitems_of(sizes); i++) {
		memset(&holder, 0xa5, sizeof(holder));
		holder.size = sizes[i];
		before = holder;
		CHECK_ERRNO(EINVAL, nfslock_holder(MAILBOX, &holder));
		ATF_CHECK(memcmp(&before, &holder, sizeof(holder)) == 0);
	}
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, cycle);
	ATF_TP_ADD_TC(tp, contents);
	ATF_TP_ADD_TC(tp, mode);
	ATF_TP_ADD_TC(tp, null_options);
	ATF_TP_ADD_TC(tp, null_handle);
	ATF_TP_ADD_TC(tp, null_pointers);
	ATF_TP_ADD_TC(tp, failure_stores_null);
	ATF_TP_ADD_TC(tp, options_size);
	ATF_TP_ADD_TC(tp, options_values);
	ATF_TP_ADD_TC(tp, messages);
	ATF_TP_ADD_TC(tp, acquireat);
	ATF_TP_ADD_TC(tp, acquireat_cwd);
	ATF_TP_ADD_TC(tp, chdir_later);
	ATF_TP_ADD_TC(tp, no_directory_part);
	ATF_TP_ADD_TC(tp, directory_renamed);
	ATF_TP_ADD_TC(tp, directory_removed);
	ATF_TP_ADD_TC(tp, mailbox_unopened);
	ATF_TP_ADD_TC(tp, process_untouched);
	ATF_TP_ADD_TC(tp, close_on_exec);
	ATF_TP_ADD_TC(tp, closefrom);
	ATF_TP_ADD_TC(tp, no_descriptors);
	ATF_TP_ADD_TC(tp, release_starved);
	ATF_TP_ADD_TC(tp, forked);
	ATF_TP_ADD_TC(tp, two_handles);
	ATF_TP_ADD_TC(tp, threads);
	ATF_TP_ADD_TC(tp, holder_none);
	ATF_TP_ADD_TC(tp, holder_here);
	ATF_TP_ADD_TC(tp, holder_dead);
	ATF_TP_ADD_TC(tp, holder_elsewhere);
	ATF_TP_ADD_TC(tp, holder_foreign);
	ATF_TP_ADD_TC(tp, holder_size);

	return atf_no_error();
}
