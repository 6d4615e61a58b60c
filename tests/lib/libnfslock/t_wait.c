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


/* Waiting: it has an end, can be cancelled, and excludes everyone. */

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/time.h>

#include "h_nfslock.h"

/* Slower than this is not "at once", even on a busy machine. */
#define	AT_ONCE		2000

/* A child holds the lock until it is told to let go. */
static int
hold(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	(void)close(open("held", O_WRONLY | O_CREAT, 0600));
	if (!await("let-go"))
		return 101;
	return nfslock_release(lock);
}

static pid_t
start_holder(void)
{
	pid_t pid = start(hold, NULL);

	ATF_REQUIRE(await("held"));
	return pid;
}

/* The holder found its lock as it left it. */
static void
finish_holder(pid_t holder)
{

	make_file("let-go", "", 0);
	CHECK_EXIT(NFSLOCK_OK, holder);
	ATF_REQUIRE_EQ(0, unlink("let-go"));
	ATF_REQUIRE_EQ(0, unlink("held"));
}

TEST(held, "one try of a lock that is held answers at once")
{
	struct look look;
	nfslock_t *lock;
	pid_t holder;
	long begin;

	make_directory(D, 0755);
	holder = start_holder();
	look_at(LOCK, &look);
	begin = milliseconds();
	CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
	ATF_CHECK(lock == NULL);
	ATF_CHECK(milliseconds() - begin < AT_ONCE);
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
	finish_holder(holder);
	leaves_nothing();
}

/* mutt_dotlock once answered success after ten tries in vain. */
TEST(timed_out, "the time limit is kept, and its end is no success")
{
	struct nfslock_options options = options_of(1, 0);
	struct look look;
	nfslock_t *lock;
	pid_t holder;
	long begin, waited;

	make_directory(D, 0755);
	holder = start_holder();
	look_at(LOCK, &look);
	begin = milliseconds();
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	waited = milliseconds() - begin;
	ATF_CHECK(lock == NULL);
	ATF_CHECK_MSG(waited >= 1000 && waited < 1000 + AT_ONCE, "%ld ms",
	    waited);
	check_untouched(LOCK, &look);
	check_directory(D, "m.lock", NULL);
	finish_holder(holder);
	leaves_nothing();
}

static int
acquire_and_release(void *argument)
{
	struct nfslock_options options = options_of(20, 0);
	nfslock_t *lock;

	(void)argument;
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK ||
	    nfslock_verify(lock) != NFSLOCK_OK)
		return 100;
	return nfslock_release(lock);
}

/* NetBSD's mail.local once failed at the first contention. */
TEST(waits, "who waits gets the lock soon after it was let go")
{
	struct nfslock_options options = options_of(20, 0);
	pid_t holder, waiter;
	long begin;
	int i;

	make_directory(D, 0755);
	for (i = 0; i < 3; i++) {
		holder = start_holder();
		waiter = start(acquire_and_release, &options);
		sleep_ms(500);
		ATF_CHECK_EQ(0, waitpid(waiter, NULL, WNOHANG));
		begin = milliseconds();
		finish_holder(holder);
		CHECK_EXIT(NFSLOCK_OK, waiter);
		ATF_CHECK(milliseconds() - begin < AT_ONCE);
	}
	leaves_nothing();
}

/* Once more as a thread of its own would see it: the holder's own process. */
TEST(held_by_self, "a process that holds the lock waits for itself, and ends")
{
	struct nfslock_options options = options_of(1, 0);
	nfslock_t *lock, *other;

	make_directory(D, 0755);
	lock = take(MAILBOX);
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &other));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static volatile sig_atomic_t signals, cancel;

static void
count_signal(int signo)
{

	(void)signo;
	signals++;
}

static void
cancel_on_signal(int signo)
{

	(void)signo;
	cancel = 1;
}

static void
signal_every(void (*handler)(int), int flags, long first, long interval)
{
	struct itimerval timer;
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = flags;
	ATF_REQUIRE_EQ(0, sigaction(SIGALRM, &action, NULL));
	memset(&timer, 0, sizeof(timer));
	timer.it_value.tv_usec = first * 1000;
	timer.it_interval.tv_usec = interval * 1000;
	ATF_REQUIRE_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
}

TEST(cancel_flag, "a flag that is set ends the wait")
{
	struct nfslock_options options = options_of(30, 0);
	nfslock_t *lock;
	pid_t holder;
	long begin;

	make_directory(D, 0755);
	holder = start_holder();
	options.cancel_flag = &cancel;
	cancel = 1;
	begin = milliseconds();
	CHECK_STATUS(CANCELLED, nfslock_acquire(MAILBOX, &options, &lock));
	ATF_CHECK(lock == NULL);
	ATF_CHECK(milliseconds() - begin < AT_ONCE);
	check_directory(D, "m.lock", NULL);
	finish_holder(holder);
	leaves_nothing();
}

static int calls;

static int
cancelled_at_third(void *argument)
{

	return argument == &calls && ++calls == 3;
}

TEST(cancel_callback, "a callback that says so ends the wait")
{
	struct nfslock_options options = options_of(30, 0);
	nfslock_t *lock;
	pid_t holder;

	make_directory(D, 0755);
	holder = start_holder();
	options.cancelled = cancelled_at_third;
	options.cancelled_arg = &calls;
	CHECK_STATUS(CANCELLED, nfslock_acquire(MAILBOX, &options, &lock));
	ATF_CHECK(lock == NULL);
	ATF_CHECK_EQ(3, calls);
	check_directory(D, "m.lock", NULL);
	finish_holder(holder);
	leaves_nothing();
}

TEST(cancel_signal, "a handler that sets the flag ends the wait at once")
{
	static const int flags[] = { 0, SA_RESTART };
	struct nfslock_options options = options_of(30, 0);
	nfslock_t *lock;
	pid_t holder;
	long begin;
	size_t i;

	make_directory(D, 0755);
	holder = start_holder();
	options.cancel_flag = &cancel;
	for (i = 0; i < nitems_of(flags); i++) {
		cancel = 0;
		signal_every(cancel_on_signal, flags[i], 300, 0);
		begin = milliseconds();
		CHECK_STATUS(CANCELLED,
		    nfslock_acquire(MAILBOX, &options, &lock));
		ATF_CHECK(milliseconds() - begin >= 250);
		ATF_CHECK(milliseconds() - begin < 300 + AT_ONCE);
	}
	check_directory(D, "m.lock", NULL);
	finish_holder(holder);
	leaves_nothing();
}

TEST(signals_ignored, "signals without a flag shorten and lengthen nothing")
{
	struct nfslock_options options = options_of(1, 0);
	nfslock_t *lock;
	pid_t holder;
	long begin, waited;

	make_directory(D, 0755);
	holder = start_holder();
	signal_every(count_signal, 0, 10, 10);
	begin = milliseconds();
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	waited = milliseconds() - begin;
	ATF_CHECK_MSG(waited >= 1000 && waited < 1000 + AT_ONCE, "%ld ms",
	    waited);
	ATF_CHECK_MSG(signals >= 20, "%d", (int)signals);
	signal_every(count_signal, 0, 0, 0);
	finish_holder(holder);
	leaves_nothing();
}

TEST(signal_storm, "no operation fails with EINTR")
{
	nfslock_t *lock;
	long end;

	make_directory(D, 0755);
	signal_every(count_signal, 0, 1, 1);
	for (end = milliseconds() + 1000; milliseconds() < end; ) {
		lock = take(MAILBOX);
		CHECK_STATUS(OK, nfslock_refresh(lock));
		CHECK_STATUS(OK, nfslock_verify(lock));
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	signal_every(count_signal, 0, 0, 0);
	ATF_CHECK(signals > 50);
	leaves_nothing();
}

/* SIGTERM to a waiting lockspool once removed the holder's lock. */
TEST(killed_waiter, "a waiter that is killed takes nothing with it")
{
	static const int fatal[] = { SIGTERM, SIGINT, SIGKILL };
	struct look look;
	pid_t holder, waiter;
	size_t i;

	make_directory(D, 0755);
	holder = start_holder();
	look_at(LOCK, &look);
	for (i = 0; i < nitems_of(fatal); i++) {
		waiter = start(acquire_and_release, NULL);
		sleep_ms(200);
		ATF_REQUIRE_EQ(0, kill(waiter, fatal[i]));
		CHECK_EXIT(-1, waiter);
		check_untouched(LOCK, &look);
		check_directory(D, "m.lock", NULL);
	}
	finish_holder(holder);
	leaves_nothing();
}

#define	PROCESSES	8
#define	CYCLES		40

/* Adds one to the number in a file, as slowly as races need. */
static bool
count_in_file(const char *path)
{
	char digits[16];
	ssize_t size;
	int fd;

	if ((fd = open(path, O_RDWR)) == -1)
		return false;
	size = read(fd, digits, sizeof(digits) - 1);
	if (size < 0)
		return false;
	digits[size] = '\0';
	sleep_ms(1);
	size = snprintf(digits, sizeof(digits), "%d", atoi(digits) + 1);
	return pwrite(fd, digits, (size_t)size, 0) == size && close(fd) == 0;
}

static int
count_under_lock(void *argument)
{
	struct nfslock_options options = options_of(60, 0);
	nfslock_t *lock;
	int i;

	options.directory = *(int *)argument;
	for (i = 0; i < CYCLES * rounds(); i++) {
		if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
			return 1;
		if (!count_in_file("counter"))
			return 2;
		if (nfslock_verify(lock) != NFSLOCK_OK ||
		    nfslock_release(lock) != NFSLOCK_OK)
			return 3;
	}
	return 0;
}

/* And not as slowly as others: liblockfile needs minutes for as much. */
TEST(contention, "processes lose no update, and are done in seconds")
{
	static int kinds[] = { NFSLOCK_DIR_COMMON, NFSLOCK_DIR_PRIVATE };
	pid_t pids[PROCESSES];
	char digits[16];
	long begin;
	size_t i, j;

	make_directory(D, 0755);
	make_file("counter", "0", 1);
	begin = milliseconds();
	for (i = 0; i < nitems_of(kinds); i++) {
		for (j = 0; j < PROCESSES; j++)
			pids[j] = start(count_under_lock, &kinds[i]);
		for (j = 0; j < PROCESSES; j++)
			CHECK_EXIT(0, pids[j]);
	}
	ATF_CHECK_MSG(milliseconds() - begin < 30000 * rounds(), "%ld ms",
	    milliseconds() - begin);
	memset(digits, 0, sizeof(digits));
	(void)read_file("counter", digits, sizeof(digits) - 1);
	ATF_CHECK_EQ((int)nitems_of(kinds) * PROCESSES * CYCLES * rounds(),
	    atoi(digits));
	leaves_nothing();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, held);
	ATF_TP_ADD_TC(tp, timed_out);
	ATF_TP_ADD_TC(tp, waits);
	ATF_TP_ADD_TC(tp, held_by_self);
	ATF_TP_ADD_TC(tp, cancel_flag);
	ATF_TP_ADD_TC(tp, cancel_callback);
	ATF_TP_ADD_TC(tp, cancel_signal);
	ATF_TP_ADD_TC(tp, signals_ignored);
	ATF_TP_ADD_TC(tp, signal_storm);
	ATF_TP_ADD_TC(tp, killed_waiter);
	ATF_TP_ADD_TC(tp, contention);

	return atf_no_error();
}
