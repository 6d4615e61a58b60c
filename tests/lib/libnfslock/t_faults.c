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
 * A file server that is unknown and unreliable: the calls that the library
 * makes are answered by this program, which takes any file system for a
 * remote one, and fails what a test wants to see fail.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#ifdef __NetBSD__
#include <sys/statvfs.h>
#else
#include <sys/statfs.h>
#endif

#include <dlfcn.h>

#include "h_nfslock.h"

enum fate {
	WORK,			/* as it should */
	REFUSE,			/* is not done, and that is said */
	LOSE_REPLY,		/* is done, and an error is said */
	PRETEND,		/* is not done, and success is said */
	REFUSE_ALL,		/* none is done any more, and that is said */
	KILL			/* the process dies before it is done */
};

/* What becomes of the next call, and how many there were. */
static struct fault {
	enum fate	fate;
	int		error;
	int		calls;
} on_link, on_unlink, on_rename, on_write, on_close, on_touch, on_stat;

static bool remote;

/* The function whose place one of this program's takes. */
static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

/* Should the call be made?  If not, answer is what to answer. */
static bool
begins(struct fault *fault, int *answer)
{

	fault->calls++;
	*answer = -1;
	switch (fault->fate) {
	case REFUSE_ALL:
		errno = fault->error;
		return false;
	case REFUSE:
		fault->fate = WORK;
		errno = fault->error;
		return false;
	case PRETEND:
		fault->fate = WORK;
		*answer = 0;
		return false;
	case KILL:
		(void)kill(getpid(), SIGKILL);
		return false;
	default:
		return true;
	}
}

static int
ends(struct fault *fault, int answer)
{

	if (fault->fate != LOSE_REPLY)
		return answer;
	fault->fate = WORK;
	errno = fault->error;
	return -1;
}

/* What happens right before and after the next call of these. */
static void (*before_rename)(void), (*after_rename)(void);
static void (*after_link)(void), (*after_unlink)(void);
static void (*before_write)(void), (*before_close)(void);

static void
happen(void (**what)(void))
{
	void (*function)(void) = *what;
	int error = errno;

	*what = NULL;
	if (function != NULL)
		function();
	errno = error;
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	static int (*function)(int, const char *, int, const char *, int);
	int answer;

	if (function == NULL)
		*(void **)&function = real("linkat");
	if (!begins(&on_link, &answer))
		return answer;
	answer = function(from, old, to, new, flags);
	happen(&after_link);
	return ends(&on_link, answer);
}

int
unlinkat(int directory, const char *name, int flags)
{
	static int (*function)(int, const char *, int);
	int answer;

	if (function == NULL)
		*(void **)&function = real("unlinkat");
	if (!begins(&on_unlink, &answer))
		return answer;
	answer = function(directory, name, flags);
	happen(&after_unlink);
	return ends(&on_unlink, answer);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	static int (*function)(int, const char *, int, const char *);
	int answer;

	if (function == NULL)
		*(void **)&function = real("renameat");
	happen(&before_rename);
	if (!begins(&on_rename, &answer))
		return answer;
	answer = function(from, old, to, new);
	happen(&after_rename);
	return ends(&on_rename, answer);
}

ssize_t
write(int fd, const void *bytes, size_t size)
{
	static ssize_t (*function)(int, const void *, size_t);
	int answer;

	if (function == NULL)
		*(void **)&function = real("write");
	happen(&before_write);
	if (on_write.fate == PRETEND) {
		/* A part is written. */
		on_write.fate = WORK;
		return function(fd, bytes, size / 2);
	}
	return begins(&on_write, &answer) ? function(fd, bytes, size) : answer;
}

int
close(int fd)
{
	static int (*function)(int);

	if (function == NULL)
		*(void **)&function = real("close");
	/* That of a file that was written: there a full disk may be told. */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
		return function(fd);
	happen(&before_close);
	return ends(&on_close, function(fd));
}

int
futimens(int fd, const struct timespec times[2])
{
	static int (*function)(int, const struct timespec *);
	int answer;

	if (function == NULL)
		*(void **)&function = real("futimens");
	return begins(&on_touch, &answer) ? function(fd, times) : answer;
}

/* The server's clock was set: so far ahead, for what changed since then. */
static struct {
	struct timespec	when;
	time_t		by;
} step;

int
fstat(int fd, struct stat *found)
{
	static int (*function)(int, struct stat *);
	int answer;

	if (function == NULL)
#ifdef __NetBSD__
		*(void **)&function = real("__fstat50");
#else
		*(void **)&function = real("fstat");
#endif
	if (!begins(&on_stat, &answer))
		return answer;
	answer = function(fd, found);
	if (answer == 0 && (found->st_ctim.tv_sec > step.when.tv_sec ||
	    (found->st_ctim.tv_sec == step.when.tv_sec &&
	    found->st_ctim.tv_nsec > step.when.tv_nsec))) {
		found->st_ctim.tv_sec += step.by;
		found->st_mtim.tv_sec += step.by;
	}
	return answer;
}

#ifdef __NetBSD__
int
fstatvfs(int fd, struct statvfs *found)
{
	int answer = fstatvfs1(fd, found, ST_WAIT);

	if (answer == 0 && remote)
		found->f_flag &= ~(unsigned long)ST_LOCAL;
	return answer;
}
#else
int
fstatfs(int fd, struct statfs *found)
{
	static int (*function)(int, struct statfs *);
	int answer;

	if (function == NULL)
		*(void **)&function = real("fstatfs");
	answer = function(fd, found);
	if (answer == 0 && remote)
		found->f_type = 0x6969;		/* NFS */
	return answer;
}
#endif

static void
will(struct fault *fault, enum fate fate, int error)
{

	fault->fate = fate;
	fault->error = error;
	fault->calls = 0;
}

/*
 * From here on every file system is remote.  Where that is not believed the
 * test would show nothing.
 */
static void
be_remote(void)
{
	nfslock_t *lock;

	make_directory(D, 0755);
	remote = true;
	will(&on_link, WORK, 0);
	lock = take(MAILBOX);
	ATF_REQUIRE_MSG(on_link.calls == 1, "linkat() was called %d times",
	    on_link.calls);
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(cycle, "on an unknown file system the lock is made by link()")
{
	int before = open_descriptors();
	struct stat st;
	nfslock_t *lock;
	int i;

	be_remote();
	for (i = 0; i < 20; i++) {
		lock = take(MAILBOX);
		check_directory(D, "m.lock", NULL);
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		ATF_CHECK_EQ(1, st.st_nlink);
		ATF_CHECK_EQ(LOCKSIZE, st.st_size);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();
	}
	ATF_CHECK_EQ(before, open_descriptors());
}

/* Postfix and maildrop orphan their own lock when that happens. */
TEST(link_lost_reply, "a lock that was taken is ours, whatever link() said")
{
	static const int errors[] = { EEXIST, EIO, ETIMEDOUT, EPERM };
	nfslock_t *lock;
	size_t i;

	be_remote();
	for (i = 0; i < nitems_of(errors); i++) {
		will(&on_link, LOSE_REPLY, errors[i]);
		lock = take(MAILBOX);
		check_directory(D, "m.lock", NULL);
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();
	}
}

/* procmail, Dovecot and Exim believe it: two holders. */
TEST(link_false_success, "another's lock is another's, whatever link() said")
{
	struct nfslock_options options = options_of(1, 0);
	struct look look;
	nfslock_t *lock;

	be_remote();
	make_file(LOCK, "1\n", 2);
	look_at(LOCK, &look);
	will(&on_link, PRETEND, 0);
	CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
	will(&on_link, PRETEND, 0);
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
}

TEST(link_fails, "an error of link() is told, and nothing is left")
{
	static const int errors[] = { EACCES, EDQUOT, EMLINK, ENOSPC, EROFS };
	nfslock_t *lock;
	size_t i;

	be_remote();
	for (i = 0; i < nitems_of(errors); i++) {
		will(&on_link, REFUSE, errors[i]);
		CHECK_ERRNO(errors[i], try_once(MAILBOX, &lock));
		ATF_CHECK(lock == NULL);
		leaves_nothing();
	}
}

/* Fails to write a lock, on a local disk and on a remote one. */
static void
check_full(struct fault *fault, enum fate fate, int error)
{
	nfslock_t *lock;
	int i;

	for (i = 0; i < 2; i++) {
		remote = i == 1;
		will(fault, fate, error);
		CHECK_ERRNO(error, try_once(MAILBOX, &lock));
		ATF_CHECK(lock == NULL);
		ATF_CHECK_EQ(WORK, fault->fate);
		leaves_nothing();
	}
}

TEST(write_fails, "a lock that cannot be written is not left behind empty")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	check_full(&on_write, REFUSE, ENOSPC);
	check_full(&on_write, REFUSE, EDQUOT);
	check_full(&on_write, REFUSE, EIO);

	/* And one that is written in two parts is whole. */
	remote = false;
	will(&on_write, PRETEND, 0);
	lock = take(MAILBOX);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(close_fails, "a lock whose contents were lost at close() is none")
{

	make_directory(D, 0755);
	check_full(&on_close, LOSE_REPLY, EDQUOT);
	check_full(&on_close, LOSE_REPLY, EIO);
}

TEST(interrupted, "what a signal interrupts is done again")
{
	nfslock_t *lock;

	be_remote();
	will(&on_write, REFUSE, EINTR);
	will(&on_link, REFUSE, EINTR);
	lock = take(MAILBOX);
	ATF_CHECK_EQ(WORK, on_write.fate);
	ATF_CHECK_EQ(WORK, on_link.fate);
	will(&on_touch, REFUSE, EINTR);
	CHECK_STATUS(OK, nfslock_refresh(lock));
	ATF_CHECK_EQ(WORK, on_touch.fate);
	will(&on_unlink, REFUSE, EINTR);
	CHECK_STATUS(OK, nfslock_release(lock));
	ATF_CHECK_EQ(WORK, on_unlink.fate);
	leaves_nothing();

	/* All but close(2): who knows what has become of the descriptor. */
	will(&on_close, LOSE_REPLY, EINTR);
	if (try_once(MAILBOX, &lock) == NFSLOCK_OK)
		CHECK_STATUS(OK, nfslock_release(lock));
	else
		ATF_CHECK(errno != EINTR);
	leaves_nothing();
}

TEST(unlink_lost_reply, "a repeated REMOVE finds nothing, and that is right")
{
	nfslock_t *lock;

	be_remote();
	lock = take(MAILBOX);
	will(&on_unlink, LOSE_REPLY, ENOENT);
	CHECK_STATUS(OK, nfslock_release(lock));
	ATF_CHECK_EQ(WORK, on_unlink.fate);
	leaves_nothing();
}

TEST(unlink_fails, "a lock that cannot be removed is told, errno kept")
{
	static const int errors[] = { EACCES, EIO, EROFS };
	nfslock_t *lock;
	size_t i;

	make_directory(D, 0755);
	for (i = 0; i < nitems_of(errors); i++) {
		lock = take(MAILBOX);
		will(&on_unlink, REFUSE, errors[i]);
		CHECK_ERRNO(errors[i], nfslock_release(lock));
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		leaves_nothing();
	}
}

TEST(touch_fails, "a sign of life that was not given is told")
{
	nfslock_t *lock;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	will(&on_touch, REFUSE, EIO);
	CHECK_ERRNO(EIO, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(theft, "a thief is noticed and left alone")
{
	struct look thief;
	nfslock_t *lock;

	be_remote();
	lock = take(MAILBOX);
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	CHECK_STATUS(GONE, nfslock_verify(lock));
	CHECK_STATUS(GONE, nfslock_refresh(lock));
	make_file(LOCK, "Lthief0123456789", LOCKSIZE);
	look_at(LOCK, &thief);
	CHECK_STATUS(STOLEN, nfslock_verify(lock));
	CHECK_STATUS(STOLEN, nfslock_refresh(lock));
	CHECK_STATUS(STOLEN, nfslock_release(lock));
	check_untouched(LOCK, &thief);
	check_directory(D, "m.lock", NULL);
}

/*
 * With a clock that was set ahead every lock looks old.  It is observed for
 * some time before that is believed.
 */
TEST(clock_step, "a server's clock that is set kills no live lock")
{
	struct nfslock_options options = options_of(3, 10);
	struct look look;
	nfslock_t *lock, *other;
	int i;

	for (i = 0; i < 2; i++) {
		if (i == 0)
			make_directory(D, 0755);
		remote = i == 1;
		lock = take(MAILBOX);
		look_at(LOCK, &look);
		step.when = look.st.st_ctim;
		step.by = 86400;
		sleep_ms(50);
		CHECK_STATUS(TIMEDOUT,
		    nfslock_acquire(MAILBOX, &options, &other));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		step.by = 0;
		leaves_nothing();
	}
}

static struct look second, third;

static void
put_second(void)
{

	ATF_REQUIRE_EQ(0, unlink(LOCK));
	make_file(LOCK, "Lsecond012345678", LOCKSIZE);
	look_at(LOCK, &second);
}

static void
put_third(void)
{

	make_file(LOCK, "Lthird0123456789", LOCKSIZE);
	look_at(LOCK, &third);
}

/*
 * A signal interrupts the call after it has taken effect, as over NFS it may.
 * To do the same once more would hit whoever came next.
 */
TEST(link_interrupted, "a link() that was done and interrupted is not repeated")
{
	nfslock_t *lock;

	be_remote();
	will(&on_link, LOSE_REPLY, EINTR);
	lock = take(MAILBOX);
	ATF_CHECK_EQ(WORK, on_link.fate);
	ATF_CHECK_EQ(1, on_link.calls);
	check_directory(D, "m.lock", NULL);
	CHECK_STATUS(OK, nfslock_verify(lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

TEST(unlink_interrupted, "an unlink() that was done and interrupted was done")
{
	static const int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	nfslock_t *lock;
	size_t i;

	be_remote();
	for (i = 0; i < 2 * nitems_of(kinds); i++) {
		remote = i >= nitems_of(kinds);
		options.directory = kinds[i % nitems_of(kinds)];
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		will(&on_unlink, LOSE_REPLY, EINTR);
		CHECK_STATUS(OK, nfslock_release(lock));
		leaves_nothing();

		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		will(&on_unlink, LOSE_REPLY, EINTR);
		after_unlink = put_third;
		CHECK_STATUS(OK, nfslock_release(lock));
		ATF_CHECK(after_unlink == NULL);
		check_untouched(LOCK, &third);
		check_directory(D, "m.lock", NULL);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
}

TEST(rename_interrupted, "a rename() that was done and interrupted was done")
{
	struct nfslock_options options = options_of(4, STALE);
	nfslock_t *lock;
	int i;

	make_directory(D, 0755);
	for (i = 0; i < 2; i++) {
		remote = i == 1;
		make_file(LOCK, "", 0);
		will(&on_rename, LOSE_REPLY, EINTR);
		after_rename = put_third;
		CHECK_STATUS(TIMEDOUT,
		    nfslock_acquire(MAILBOX, &options, &lock));
		ATF_CHECK(after_rename == NULL);
		check_untouched(LOCK, &third);
		check_directory(D, "m.lock", NULL);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}

	/* One that was not done is tried again. */
	options = options_of(15, STALE);
	make_file(LOCK, "", 0);
	will(&on_rename, REFUSE, EINTR);
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static int
third_time(void *times)
{

	return ++*(int *)times == 3;
}

/* Signals without end, as from a timer that is too fast. */
TEST(interrupted_always, "who is always interrupted can stop, and ends")
{
	struct nfslock_options options = options_of(1, 0), cancelled;
	struct fault *const faults[] = { &on_link, &on_write };
	int times;
	nfslock_t *lock;
	size_t i;

	(void)alarm(60);		/* it might not end */
	be_remote();
	for (i = 0; i < nitems_of(faults); i++) {
		times = 0;
		cancelled = options_of(86400, 0);
		cancelled.cancelled = third_time;
		cancelled.cancelled_arg = &times;
		will(faults[i], REFUSE_ALL, EINTR);
		CHECK_STATUS(CANCELLED,
		    nfslock_acquire(MAILBOX, &cancelled, &lock));
		ATF_CHECK_EQ(3, times);
		CHECK_ERRNO(EINTR, nfslock_acquire(MAILBOX, &options, &lock));
		will(faults[i], WORK, 0);
		leaves_nothing();
	}

	remote = false;
	lock = take(MAILBOX);
	will(&on_touch, REFUSE_ALL, EINTR);
	CHECK_ERRNO(EINTR, nfslock_refresh(lock));
	CHECK_STATUS(OK, nfslock_verify(lock));
	will(&on_unlink, REFUSE_ALL, EINTR);
	CHECK_ERRNO(EINTR, nfslock_release(lock));
	ATF_CHECK(exists(LOCK));
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	leaves_nothing();
}

/* Somebody removed the lock while it was being written, and made his own. */
static void
put_peer(void)
{

	ATF_REQUIRE_EQ(0, rename("peer", LOCK));
}

static void
put_peer_and_fail_stat(void)
{

	put_peer();
	will(&on_stat, REFUSE, EIO);
}

TEST(create_fails_late, "who fails to write a lock removes no other's")
{
	struct stat peer, st;
	nfslock_t *lock;
	int i;

	make_directory(D, 0755);
	for (i = 0; i < 3; i++) {
		make_file("peer", "Lpeer01234567890", LOCKSIZE);
		ATF_REQUIRE_EQ(0, lstat("peer", &peer));
		if (i == 0) {
			before_write = put_peer;
			will(&on_write, REFUSE, EIO);
		} else if (i == 1) {
			before_write = put_peer_and_fail_stat;
		} else {
			before_close = put_peer;
			will(&on_close, LOSE_REPLY, EIO);
		}
		CHECK_ERRNO(EIO, try_once(MAILBOX, &lock));
		ATF_CHECK(lock == NULL);
		ATF_CHECK(before_write == NULL && before_close == NULL);
		ATF_CHECK_EQ(WORK, on_stat.fate);
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		ATF_CHECK_EQ(peer.st_ino, st.st_ino);
		ATF_CHECK_EQ(1, st.st_nlink);
		check_directory(D, "m.lock", NULL);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
	}
}

/*
 * The lock that is stale gives way to another at the last moment, so that
 * what was put aside is that other's.
 */
TEST(wrong_break, "a lock that was broken by mistake is put back")
{
	struct nfslock_options options = options_of(4, STALE);
	struct stat st;
	nfslock_t *lock;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	before_rename = put_second;
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	ATF_CHECK(before_rename == NULL);
	ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
	ATF_CHECK_EQ(second.st.st_ino, st.st_ino);
	ATF_CHECK_EQ(1, st.st_nlink);
	check_directory(D, "m.lock", NULL);
}

TEST(wrong_break_third, "and not if a third one's stands there by then")
{
	struct nfslock_options options = options_of(4, STALE);
	nfslock_t *lock;

	make_directory(D, 0755);
	make_file(LOCK, "", 0);
	before_rename = put_second;
	after_rename = put_third;
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	ATF_CHECK(after_rename == NULL);
	check_untouched(LOCK, &third);
	check_directory(D, "m.lock", NULL);
}

#define	MAIL_GROUP	8	/* any that is neither root's nor nobody's */

static void
put_roots(void)
{

	(void)rename(D "/roots", LOCK);
}

static void
put_nobodys(void)
{

	(void)rename(D "/nobodys", LOCK);
}

/* In group mail as nobody: breaks root's lock, and it is the wrong one. */
static int
break_roots(void *argument)
{
	struct nfslock_options options = options_of(4, STALE);
	nfslock_t *lock;

	if (setgroups(0, NULL) == -1 || setgid(MAIL_GROUP) == -1 ||
	    setuid(65534) == -1)
		return 100;
	before_rename = put_roots;
	/* A third one comes, before the first or the second way to undo. */
	if (*(int *)argument == 1)
		after_rename = put_nobodys;
	if (*(int *)argument == 2)
		after_link = put_nobodys;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_TIMEDOUT)
		return 101;
	return before_rename == NULL && after_rename == NULL &&
	    after_link == NULL ? 0 : 102;
}

/* Linux lets nobody link what he cannot write, so that undoing is a rename. */
ROOT_TEST(wrong_break_protected, "another user's lock is put back, too")
{
	char hardlinks = '0';
	struct stat st, wanted;
	int i;

	if (exists("/proc/sys/fs/protected_hardlinks"))
		(void)read_file("/proc/sys/fs/protected_hardlinks",
		    &hardlinks, 1);
	if (hardlinks != '1')
		atf_tc_skip("links to others' files are permitted here");
	make_directory(D, 0755);
	ATF_REQUIRE_EQ(0, chown(D, 0, MAIL_GROUP));
	ATF_REQUIRE_EQ(0, chmod(D, 02775));
	for (i = 0; i < 3; i++) {
		make_file(LOCK, "", 0);
		make_file(D "/roots", "Lroots0123456789", LOCKSIZE);
		make_file(D "/nobodys", "Lthird0123456789", LOCKSIZE);
		ATF_REQUIRE_EQ(0, chown(D "/nobodys", 65534, MAIL_GROUP));
		ATF_REQUIRE_EQ(0, lstat(i == 0 ? D "/roots" : D "/nobodys",
		    &wanted));
		CHECK_EXIT(0, start(break_roots, &i));
		ATF_REQUIRE_EQ(0, lstat(LOCK, &st));
		ATF_CHECK_EQ(wanted.st_ino, st.st_ino);
		ATF_CHECK_EQ(1, st.st_nlink);
		check_directory(D, "m.lock", "nobodys", NULL);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		(void)unlink(D "/nobodys");
	}
	leaves_nothing();
}

static int
be_killed(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	will(&on_link, KILL, 0);
	return try_once(MAILBOX, &lock);
}

static size_t
names_in_directory(void)
{
	const struct dirent *entry;
	DIR *directory;
	size_t count;

	ATF_REQUIRE((directory = opendir(D)) != NULL);
	for (count = 0; (entry = readdir(directory)) != NULL; )
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	ATF_REQUIRE_EQ(0, closedir(directory));
	return count;
}

TEST(killed, "what a process left that was killed is cleaned by those after")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, STALE);
	nfslock_t *lock;
	int i;

	be_remote();
	CHECK_EXIT(-1, start(be_killed, NULL));
	ATF_REQUIRE_EQ(1, names_in_directory());
	ATF_CHECK(!exists(LOCK));

	/* Who works at it just now is not disturbed. */
	for (i = 0; i < 500; i++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	ATF_CHECK_EQ(1, names_in_directory());

	sleep_ms(STALE * 1000 + 500);
	for (i = 0; i < 5000 && names_in_directory() != 0; i++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	leaves_nothing();
}

static int
count_to(void *argument)
{
	struct nfslock_options options = options_of(60, STALE);
	char mark[] = "mark";
	nfslock_t *lock;
	int i;

	for (i = 0; i < *(int *)argument; i++) {
		if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
			return 1;
		if (mkdir(mark, 0700) == -1)
			return 2;
		sleep_ms(2);
		if (nfslock_verify(lock) != NFSLOCK_OK)
			return 3;
		if (rmdir(mark) == -1)
			return 4;
		if (nfslock_release(lock) != NFSLOCK_OK)
			return 5;
	}
	return 0;
}

#define	PROCESSES	6

TEST(contention, "processes exclude each other, and are done in seconds")
{
	pid_t pids[PROCESSES];
	int cycles = 5 * rounds();
	size_t i;

	be_remote();
	for (i = 0; i < PROCESSES; i++)
		pids[i] = start(count_to, &cycles);
	for (i = 0; i < PROCESSES; i++)
		CHECK_EXIT(0, pids[i]);
	leaves_nothing();
}

TEST(breakers, "many breakers of one stale lock make one holder at a time")
{
	pid_t pids[PROCESSES];
	int cycles = 1;
	size_t i;

	be_remote();
	make_file(LOCK, "", 0);
	for (i = 0; i < PROCESSES; i++)
		pids[i] = start(count_to, &cycles);
	for (i = 0; i < PROCESSES; i++)
		CHECK_EXIT(0, pids[i]);
	leaves_nothing();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, cycle);
	ATF_TP_ADD_TC(tp, link_lost_reply);
	ATF_TP_ADD_TC(tp, link_false_success);
	ATF_TP_ADD_TC(tp, link_fails);
	ATF_TP_ADD_TC(tp, write_fails);
	ATF_TP_ADD_TC(tp, close_fails);
	ATF_TP_ADD_TC(tp, interrupted);
	ATF_TP_ADD_TC(tp, link_interrupted);
	ATF_TP_ADD_TC(tp, unlink_interrupted);
	ATF_TP_ADD_TC(tp, rename_interrupted);
	ATF_TP_ADD_TC(tp, interrupted_always);
	ATF_TP_ADD_TC(tp, create_fails_late);
	ATF_TP_ADD_TC(tp, unlink_lost_reply);
	ATF_TP_ADD_TC(tp, unlink_fails);
	ATF_TP_ADD_TC(tp, touch_fails);
	ATF_TP_ADD_TC(tp, theft);
	ATF_TP_ADD_TC(tp, clock_step);
	ATF_TP_ADD_TC(tp, wrong_break);
	ATF_TP_ADD_TC(tp, wrong_break_third);
	ATF_TP_ADD_TC(tp, wrong_break_protected);
	ATF_TP_ADD_TC(tp, killed);
	ATF_TP_ADD_TC(tp, contention);
	ATF_TP_ADD_TC(tp, breakers);

	return atf_no_error();
}
