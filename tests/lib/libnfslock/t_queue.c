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
 * The queue of a host's processes: who gets the lock when, what wakes him, what
 * he asks the server for meanwhile, and what becomes of the others when
 * somebody gives up.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/time.h>

#include "h_nfslock.h"
#include "h_host.h"
#include "h_queue.h"

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
			/*
			 * A holder on a local file system may stay present
			 * when it lets go: who is behind it looks once more.
			 */
			ATF_CHECK_EQ(i == 0 && !remote ? 3 : 2,
			    shared->tallies[i].tries);
		check_end();
	}
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
	int i, kind, number = (int)nitems_of(pids), polls;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		for (i = 0; i < number; i++)
			pids[i] = start(come_and_go, &i);
		finish_all(pids, number);
		/* One of them may have been alone for most of its time. */
		for (i = polls = 0; i < number; i++)
			polls += shared->tallies[i].polls;
		ATF_CHECK(polls > CYCLES / 4);
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

static int
stand_in_line_as_nobody(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;
	int status;

	mine = &shared->tallies[*(int *)argument];
	if (!become_nobody())
		return 100;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

/*
 * Of the first in line: the holder's lock is read by those in line, and its
 * mode is what the umask leaves of it.
 */
TEST(any_umask, "whatever one's umask is, others can wait behind him, and not"
    " in his name")
{
	static const mode_t masks[] = { 0, 022, 027, 077 };
	char path[PATHLEN], first[PATHLEN], token[sizeof(TOKEN)];
	pid_t holder, pids[2];
	struct stat st;
	int i, kind;
	mode_t mask;
	size_t which;

	set_up();
	time_passes = NEVER;
	for (which = 0; which < nitems_of(masks); which++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		mask = umask(masks[which]);
		line_up(pids, 1);
		(void)umask(mask);
		read_token(token);
		path_of(path, token, '+');
		(void)memset(first, 0, sizeof(first));
		ATF_REQUIRE_EQ((ssize_t)strlen(PRESENCE),
		    readlink(path, first, sizeof(first)));
		path_of(path, first + strlen(PREFIX), '.');
		ATF_REQUIRE_EQ(0, lstat(path, &st));
		ATF_CHECK_EQ_MSG(S_IFIFO | 0644, st.st_mode, "%o: %o",
		    (unsigned)masks[which], (unsigned)st.st_mode);

		i = 1;
		pids[i] = start(stand_in_line_as_nobody, &i);
		await_queue(2);
		await_count(&shared->tallies[i].polls, 1);
		let_go(holder);
		finish_all(pids, 2);
		ATF_CHECK_EQ(2, shared->tallies[i].tries);
		ATF_REQUIRE_EQ(0, unlink("order"));
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

/* When one of another host, who neither waits in line nor is woken, tries. */
static long long next_try;

static void
try_from_afar(void)
{
	int fd;

	if (time_in_period() < next_try)
		return;
	next_try = 300 * SECOND;
	if ((fd = open(LOCK, O_WRONLY | O_CREAT | O_EXCL, 0644)) != -1)
		(void)close(fd);
}

static int
let_go_and_come_again(void *argument)
{
	nfslock_t *lock;
	int status;

	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	set_phase();
	next_try = phase + *(long long *)argument;
	on_sleep = try_from_afar;
	if (nfslock_release(lock) != NFSLOCK_OK)
		return 101;
	status = try_once(MAILBOX, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

static int
stand_in_line_slowly(void *argument)
{

	on_wake = see_others_come;
	return stand_in_line(argument);
}

/* Who polls does so twice a second: whenever that is, the lock is his. */
TEST(turn, "who hands the lock on lets other hosts have it now and then")
{
	static const long long phases[] = {
		0, 59 * SECOND, 60 * SECOND, 61 * SECOND
	};
	long long pauses[] = { 0, SECOND / 10, SECOND / 4, SECOND / 2 - 1 };
	int id = 0, kind, status;
	pid_t holder, waiter;
	size_t i, j;

	set_up();
	for (i = 0; i < nitems_of(phases); i++)
	for (j = 0; j < nitems_of(pauses); j++)
	ON_EACH_KIND(kind) {
		phase = phases[i];
		time_passes = NEVER;
		holder = start_holder(let_go_and_come_again, &pauses[j]);
		waiter = start(stand_in_line_slowly, &id);
		await_queue(1);
		await_count(&shared->tallies[id].polls, 1);
		shared->let_go = 1;
		status = finish(holder);
		if (phase % (60 * SECOND) == 0) {
			ATF_CHECK_EQ(NFSLOCK_HELD, status);
			ATF_CHECK_EQ(0, unlink(LOCK));
		} else if (j > 0) {
			ATF_CHECK_EQ(NFSLOCK_OK, status);
		} else if (status == NFSLOCK_HELD) {
			/* He came just then. */
			ATF_CHECK_EQ(0, unlink(LOCK));
		}
		shared->go_on = 1;
		CHECK_EXIT(NFSLOCK_OK, waiter);
		check_order("a");
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
	ATF_TP_ADD_TC(tp, let_go_anywhere);
	ATF_TP_ADD_TC(tp, come_anywhere);
	ATF_TP_ADD_TC(tp, no_wake_up_lost);
	ATF_TP_ADD_TC(tp, one_asks);
	ATF_TP_ADD_TC(tp, gives_up);
	ATF_TP_ADD_TC(tp, child);
	ATF_TP_ADD_TC(tp, child_stays);
	ATF_TP_ADD_TC(tp, uncontended);
	ATF_TP_ADD_TC(tp, no_place);
	ATF_TP_ADD_TC(tp, any_umask);
	ATF_TP_ADD_TC(tp, nap);
	ATF_TP_ADD_TC(tp, pauses);
	ATF_TP_ADD_TC(tp, breather);
	ATF_TP_ADD_TC(tp, turn);
	ATF_TP_ADD_TC(tp, handed_over);

	return atf_no_error();
}
