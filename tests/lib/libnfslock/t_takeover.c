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
 * What becomes of the lock, and of those who wait for it, when a process of the
 * host dies: who is dead, who sees it, and who may take over from whom.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include "h_nfslock.h"
#include "h_host.h"
#include "h_queue.h"

#define	MAIL_GROUP	8	/* any that is neither root's nor nobody's */
#define	NOBODY		65534	/* who become_nobody() is */
#define	SOMEBODY	65533

/* When enough time has passed it stands still. */
static long long enough;

static void
live_on(void)
{

	if (skew < enough)
		return;
	time_passes = NEVER;
	on_look = on_poll = NULL;
	shared->stopped = 1;
}

static int
look_for_long(void *argument)
{

	enough = 30 * SECOND;
	time_passes = AT_ONCE;
	on_look = live_on;
	return stand_in_line(argument);
}

static int
poll_for_long(void *argument)
{

	enough = 100 * SECOND;
	time_passes = AT_ONCE;
	on_poll = live_on;
	return stand_in_line(argument);
}

/* It gets the lock, and that soon: from 10 to 20 ms a try, or 250 to 500. */
static void
check_soon(pid_t waiter, const struct tally *tally)
{
	int most = tally->tries + (remote ? 8 : 100);

	while (waitpid(waiter, NULL, WNOHANG) == 0) {
		if (tally->tries > most) {
			(void)kill(waiter, SIGKILL);
			atf_tc_fail("it still tries");
		}
		sleep_ms(1);
	}
	check_order("a");
	check_end();
}

/* It looks at the lock every five seconds at last, and tries more often. */
TEST(dies_late, "who has waited for long sees at once that the holder has died")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		waiter = start(look_for_long, &id);
		await_count(&shared->stopped, 1);
		kill_child(holder);
		check_soon(waiter, &shared->tallies[id]);
	}
}

/* A process closes its files before it is gone. */
static int
hold_and_die_slowly(void *argument)
{
	nfslock_t *lock;
	int fd;

	(void)argument;
	if (try_once(MAILBOX, &lock) != NFSLOCK_OK)
		return 100;
	await_let_go();
	for (fd = 0; fd < 64; fd++)
		(void)close(fd);
	for (;;)
		(void)pause();
}

TEST(dies_slowly, "even one that was silent, and dies slowly")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold_and_die_slowly, NULL);
		waiter = start(poll_for_long, &id);
		await_count(&shared->stopped, 1);
		shared->let_go = 1;
		await_count(&shared->tallies[id].tries,
		    shared->tallies[id].tries + 1);
		await_count(&shared->tallies[id].sleeps, 1);
		kill_child(holder);
		check_soon(waiter, &shared->tallies[id]);
	}
}

TEST(holder_dies, "the death of the holder wakes the first in line as well")
{
	pid_t holder, pids[4];
	int i, kind, number = (int)nitems_of(pids);

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, number);
		kill_child(holder);
		finish_all(pids, number);
		check_order("abcd");
		/* The first may look while the dead one is still dying. */
		for (i = 1; i < number; i++)
			ATF_CHECK_EQ(2, shared->tallies[i].tries);
		check_end();
	}
}

#define	DAY		86400

/* Leaves no trace of the dead: one release in 64 sees to it, a day later. */
static void
tidy_up(const char *mailbox, int expected)
{
	nfslock_t *lock;
	int i;

	clock_ahead = DAY;
	for (i = 0; i < 5000; i++) {
		if (names_in_place('.') + names_in_place('+') == expected)
			break;
		lock = take(mailbox);
		CHECK_STATUS(OK, nfslock_release(lock));
	}
	clock_ahead = 0;
}

/* What those leave in D, which is not stale yet; a sweep is t_faults'. */
static int
drop_leftovers(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *directory;
	int found;

	ATF_REQUIRE((directory = opendir(D)) != NULL);
	for (found = 0; (entry = readdir(directory)) != NULL; ) {
		if (strncmp(entry->d_name, ".nfsl", 5) != 0)
			continue;
		(void)snprintf(path, sizeof(path), D "/%s", entry->d_name);
		ATF_REQUIRE_EQ(0, unlink(path));
		found++;
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
	return found;
}

static int
come_and_go_on(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	int status = NFSLOCK_OK;
	nfslock_t *lock;

	mine = &shared->tallies[*(int *)argument];
	while (status == NFSLOCK_OK && !shared->stop) {
		dawdle();
		status = nfslock_acquire(MAILBOX, &options, &lock);
		if (status == NFSLOCK_OK) {
			dawdle();
			status = nfslock_release(lock);
		}
	}
	return status;
}

static void
die(void)
{

	(void)kill(getpid(), SIGKILL);
}

/*
 * On a remote file system who dies while he lets go of a lock or breaks one is
 * waited for, until what he left is stale.
 */
static int
die_early(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;

	happens = die;
	if (!remote) {
		when = 1 + (int)random_below(60);
		return come_and_go_on(argument);
	}
	mine = &shared->tallies[*(int *)argument];
	options.stale_action = NFSLOCK_STALE_WAIT;
	when = 1 + (int)random_below(25);
	if (nfslock_acquire(MAILBOX, &options, &lock) == NFSLOCK_OK) {
		when = 0;
		(void)nfslock_release(lock);
		die();
	}
	return 0;
}

TEST(killed_anywhere, "at whatever moment one is killed, the others go on")
{
	struct nfslock_options options = options_of(20, 0);
	pid_t pids[3];
	int i, kind, number = (int)nitems_of(pids);
	nfslock_t *lock;

	set_up();
	ON_EACH_KIND(kind) {
		time_passes = NEVER;
		for (i = 0; i < number; i++)
			pids[i] = start(come_and_go_on, &i);
		for (i = 0; i < 300 * rounds(); i++)
			CHECK_EXIT(-1, start(die_early, &number));
		shared->stop = 1;
		finish_all(pids, number);
		ATF_CHECK(shared->tallies[number].polls > 10);

		time_passes = AS_IT_DOES;
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		ATF_CHECK(names_in_place('.') > 10);
		(void)drop_leftovers();
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

/* The living are the holder and two who wait, each behind another. */
TEST(killed_in_line, "who is killed in line is passed over, and tidied away")
{
	static const char *const order[] = { "bc", "ac", "ab" };
	pid_t holder, pids[3];
	int i, kind, living = 5, left, victim;
	nfslock_t *lock;

	set_up();
	time_passes = NEVER;
	for (victim = 0; victim < 3; victim++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, 3);
		kill_child(pids[victim]);
		/* Nobody is woken behind the last one. */
		await_queue(victim == 2 ? 3 : 2);
		if (victim != 2)
			await_count(&shared->tallies[victim + 1].polls, 2);
		left = names_in_place('.') + names_in_place('+');
		ATF_CHECK_EQ(victim == 2 ? 7 : 6, left);

		/* For a day it may still be of use. */
		clock_ahead = DAY - 600;
		for (i = 0; i < 500; i++) {
			lock = take(D "/n");
			CHECK_STATUS(OK, nfslock_release(lock));
		}
		ATF_CHECK_EQ(left, names_in_place('.') + names_in_place('+'));
		tidy_up(D "/n", living);
		ATF_CHECK_EQ(3, names_in_place('.'));
		ATF_CHECK_EQ(2, names_in_place('+'));
		ATF_CHECK_EQ(2, queue_length());

		let_go(holder);
		for (i = 0; i < 3; i++)
			if (i != victim)
				CHECK_EXIT(NFSLOCK_OK, pids[i]);
		check_order(order[victim]);
		ATF_CHECK_EQ(remote, drop_leftovers());
		check_end();
	}
}

/* What a killed one left is in nobody's way before it is tidied away, too. */
TEST(killed_last, "the line goes on behind one that was killed")
{
	pid_t holder, pids[3];
	int id, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		line_up(pids, 2);
		kill_child(pids[1]);
		id = 2;
		pids[2] = start(stand_in_line, &id);
		await_count(&shared->tallies[2].polls, 1);
		await_queue(2);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[0]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		check_order("ac");
		ATF_CHECK_EQ(0, names_in_place('+'));
		ATF_CHECK_EQ(remote, drop_leftovers());
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

TEST(child_lives, "the dead with a child that lives is not dead, nor the living"
    " without it")
{
	pid_t holder, waiter;
	int id = 0, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold_with_child, NULL);
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		check_held(20, NFSLOCK_STALE_BREAK);
		let_go(holder);
		check_end();

		holder = start_holder(hold_with_child, NULL);
		kill_child(holder);
		check_held(20, NFSLOCK_STALE_BREAK);
		waiter = start(stand_in_line, &id);
		await_queue(1);
		await_count(&shared->tallies[id].polls, 1);
		ATF_REQUIRE_EQ(0, kill(shared->child, SIGKILL));
		CHECK_EXIT(NFSLOCK_OK, waiter);
		check_order("a");
		check_end();
	}
}

TEST(not_taken_over, "who asks to wait, or not to, takes over from nobody")
{
	struct nfslock_options options = options_of(20, 0);
	struct look look;
	nfslock_t *lock;
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		kill_child(start_holder(hold, NULL));
		check_held(1000, NFSLOCK_STALE_WAIT);
		look_at(LOCK, &look);
		CHECK_STATUS(HELD, try_once(MAILBOX, &lock));
		check_untouched(LOCK, &look);
		ATF_CHECK_EQ(1, names_in_place('.'));

		/* And it was dead all the time. */
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

TEST(impostor, "whose presence is not what it should be is not dead")
{
	char path[PATHLEN], token[sizeof(TOKEN)];
	struct nfslock_options options = options_of(20, 0);
	nfslock_t *lock;
	int fd, kind;

	set_up();
	ON_EACH_KIND(kind) {
		kill_child(start_holder(hold, NULL));
		read_token(token);
		path_of(path, token, '.');

		/* This host has another name by now, or is a copy. */
		host_name = "another.example";
		check_held(20, NFSLOCK_STALE_BREAK);
		host_name = NULL;

		/* Somebody has it open. */
		ATF_REQUIRE((fd = open(path, O_RDWR)) != -1);
		check_held(20, NFSLOCK_STALE_BREAK);
		/* And there is something in it. */
		ATF_REQUIRE_EQ(1, write(fd, "", 1));
		check_held(1, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, close(fd));

		/* It is another user's. */
		if (geteuid() == 0) {
			ATF_REQUIRE_EQ(0, chown(path, NOBODY, (gid_t)-1));
			check_held(20, NFSLOCK_STALE_BREAK);
			ATF_REQUIRE_EQ(0, chown(path, 0, (gid_t)-1));
		}

		/* Whoever gave it this name could have given it another. */
		ATF_REQUIRE_EQ(0, link(path, "fifo"));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink("fifo"));

		/* It is none, or not here. */
		ATF_REQUIRE_EQ(0, rename(path, "fifo"));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, symlink("../fifo", path));
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink(path));
		make_file(path, "", 0);
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, unlink(path));
		make_directory(path, 0755);
		check_held(20, NFSLOCK_STALE_BREAK);
		ATF_REQUIRE_EQ(0, rmdir(path));

		/* Any of that apart, it is dead. */
		ATF_REQUIRE_EQ(0, rename("fifo", path));
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

struct user {
	uid_t	uid;
	gid_t	gid;
	int	limit, stale;
	enum time_passes time_passes;
};

static bool
become(const struct user *user)
{

	return setgroups(0, NULL) == 0 && setgid(user->gid) == 0 &&
	    setuid(user->uid) == 0;
}

static int
hold_as(void *argument)
{

	return become(argument) ? hold(NULL) : 100;
}

static int
acquire_as(void *argument)
{
	const struct user *user = argument;
	struct nfslock_options options;
	nfslock_t *lock;
	int status;

	mine = &shared->tallies[0];
	if (!become(user))
		return 100;
	time_passes = user->time_passes;
	options = options_of(user->limit, user->stale);
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

static void
die_as(uid_t uid, gid_t gid)
{
	struct user user = { uid, gid, 0, 0, NEVER };

	kill_child(start_holder(hold_as, &user));
}

#define	AS(...)		start(acquire_as, &(struct user){ __VA_ARGS__ })

ROOT_TEST(another_users, "a dead user's lock is taken over by who may alone")
{
	struct look look;
	int kind;

	set_up();
	ON_EACH_KIND(kind) {
		die_as(NOBODY, NOBODY);
		CHECK_EXIT(NFSLOCK_OK, AS(0, 0, 20, 0, AS_IT_DOES));
		check_end();
		die_as(NOBODY, NOBODY);
		CHECK_EXIT(NFSLOCK_OK, AS(NOBODY, NOBODY, 20, 0, AS_IT_DOES));
		check_end();

		die_as(0, 0);
		look_at(LOCK, &look);
		CHECK_EXIT(NFSLOCK_TIMEDOUT,
		    AS(NOBODY, NOBODY, 1000, 0, AT_ONCE));
		check_untouched(LOCK, &look);
		check_directory(D, "m.lock", NULL);
		ATF_CHECK_EQ(1, names_in_place('.'));
		CHECK_EXIT(NFSLOCK_OK, AS(0, 0, 20, 0, AS_IT_DOES));
		check_end();
	}
}

/*
 * They may remove each other's locks, but not the presence of another, and
 * without that there is no heir.
 */
ROOT_TEST(groups_grow_old, "in a group's spool a dead user's lock grows old")
{
	struct look look;
	int kind;

	set_up();
	ATF_REQUIRE_EQ(0, chown(D, 0, MAIL_GROUP));
	ATF_REQUIRE_EQ(0, chmod(D, 02775));
	ON_EACH_KIND(kind) {
		die_as(SOMEBODY, MAIL_GROUP);
		look_at(LOCK, &look);
		CHECK_EXIT(NFSLOCK_TIMEDOUT,
		    AS(NOBODY, MAIL_GROUP, 250, 0, AT_ONCE));
		check_untouched(LOCK, &look);
		check_directory(D, "m.lock", NULL);
		CHECK_EXIT(NFSLOCK_OK,
		    AS(NOBODY, MAIL_GROUP, 15, STALE, AS_IT_DOES));
		leaves_nothing();
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

/* Another's dead one in line cannot be put out of it, and does no harm. */
ROOT_TEST(killed_in_line_by_root, "a dead user in line is passed over")
{
	struct user users[3] = {
		{ 0, 0, 1000, 0, NEVER },
		{ NOBODY, NOBODY, 1000, 0, NEVER },
		{ NOBODY, NOBODY, 1000, 0, NEVER }
	};
	pid_t holder, pids[3];
	int i, kind;

	set_up();
	time_passes = NEVER;
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		for (i = 0; i < 3; i++) {
			shared->tallies[0].polls = 0;
			pids[i] = start(acquire_as, &users[i]);
			await_queue(i + 1);
			await_count(&shared->tallies[0].polls, 1);
		}
		shared->tallies[0].polls = 0;
		kill_child(pids[0]);
		await_count(&shared->tallies[0].polls, 1);
		ATF_CHECK_EQ(3, queue_length());
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, pids[1]);
		CHECK_EXIT(NFSLOCK_OK, pids[2]);
		ATF_CHECK_EQ(remote, drop_leftovers());
		tidy_up(MAILBOX, 0);
		check_end();
	}
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, holder_dies);
	ATF_TP_ADD_TC(tp, dies_late);
	ATF_TP_ADD_TC(tp, dies_slowly);
	ATF_TP_ADD_TC(tp, killed_anywhere);
	ATF_TP_ADD_TC(tp, killed_in_line);
	ATF_TP_ADD_TC(tp, killed_last);
	ATF_TP_ADD_TC(tp, child_lives);
	ATF_TP_ADD_TC(tp, not_taken_over);
	ATF_TP_ADD_TC(tp, impostor);
	ATF_TP_ADD_TC(tp, another_users);
	ATF_TP_ADD_TC(tp, groups_grow_old);
	ATF_TP_ADD_TC(tp, killed_in_line_by_root);

	return atf_no_error();
}
