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
 * Anybody may make files where the processes of a host meet.  Whatever he puts
 * there costs those who wait time, and not much of it.
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

/* Who has squatted the place behind the holder. */
static char squatted[sizeof(TOKEN)];
static int his[512], how_many;

static void
squat(const char *behind, const char *target)
{
	char path[PATHLEN];

	path_of(path, behind, '+');
	ATF_REQUIRE_EQ(0, symlink(target, path));
}

static const char *
name_of(const char *token, char mark)
{
	static char path[PATHLEN];

	path_of(path, token, mark);
	return path + strlen(PLACE "/");
}

/* His n-th process is present for ever, unless left. */
static const char *
his_token(int n)
{
	static char token[2][64];

	(void)snprintf(token[n % 2], sizeof(token[0]), "Lhis%012d", n);
	return token[n % 2];
}

static int
his_fifo(int n)
{
	char path[PATHLEN];
	int fd;

	path_of(path, his_token(n), '.');
	ATF_REQUIRE_EQ(0, mkfifo(path, 0644));
	fd = open(path, O_RDWR | O_NONBLOCK);
	ATF_REQUIRE(fd != -1);
	his[how_many++] = fd;
	return fd;
}

static void
with_garbage(void)
{

	squat(squatted, "garbage");
}

static void
with_long_target(void)
{
	char target[4000];

	memset(target, 'x', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	squat(squatted, target);
}

static void
with_itself(void)
{

	squat(squatted, name_of(squatted, '+'));
}

static void
with_holder(void)
{

	squat(squatted, name_of(squatted, '.'));
}

static void
with_fifo(void)
{

	(void)his_fifo(0);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_cycle(void)
{

	with_fifo();
	(void)his_fifo(1);
	squat(his_token(0), name_of(his_token(1), '.'));
	squat(his_token(1), name_of(his_token(0), '.'));
}

static void
make_line(int length)
{
	int i;

	with_fifo();
	for (i = 1; i < length; i++) {
		(void)his_fifo(i);
		squat(his_token(i - 1), name_of(his_token(i), '.'));
	}
}

static void
with_long_line(void)
{

	make_line(400);
}

static void
with_full_fifo(void)
{
	static const char bytes[4096];
	int fd = his_fifo(0);

	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_abandoned_fifo(void)
{

	with_fifo();
	ATF_REQUIRE_EQ(0, close(his[--how_many]));
}

static void
with_nobody(void)
{

	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_file(void)
{
	char path[PATHLEN];

	path_of(path, his_token(0), '.');
	make_file(path, "x", 1);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
with_directory(void)
{
	char path[PATHLEN];

	path_of(path, his_token(0), '.');
	make_directory(path, 0755);
	squat(squatted, name_of(his_token(0), '.'));
}

static void
as_file(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	make_file(path, "", 0);
}

static void
as_directory(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	make_directory(path, 0755);
}

static void
as_fifo(void)
{
	char path[PATHLEN];

	path_of(path, squatted, '+');
	ATF_REQUIRE_EQ(0, mkfifo(path, 0644));
}

/* What is in the holder's own presence wakes for nothing. */
static void
with_bytes(void)
{
	static const char bytes[4096];
	char path[PATHLEN];
	int fd;

	path_of(path, squatted, '.');
	ATF_REQUIRE((fd = open(path, O_RDWR | O_NONBLOCK)) != -1);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	his[how_many++] = fd;
}

static void
clear_place(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *directory;

	while (how_many > 0)
		ATF_REQUIRE_EQ(0, close(his[--how_many]));
	ATF_REQUIRE((directory = opendir(PLACE)) != NULL);
	while ((entry = readdir(directory)) != NULL) {
		(void)snprintf(path, sizeof(path), PLACE "/%s", entry->d_name);
		if (entry->d_name[0] != '.')
			ATF_REQUIRE_EQ(0, remove(path));
	}
	ATF_REQUIRE_EQ(0, closedir(directory));
}

/* One who has no say over what the other user made. */
static int
be_harmed(void *argument)
{
	struct nfslock_options options = options_of(10, 0);
	nfslock_t *lock;
	int status;

	mine = &shared->tallies[0];
	most_calls = 5000;
	time_passes = *(enum time_passes *)argument;
	if (time_passes == AS_IT_DOES)
		options.limit = 60;
	if (!become_nobody())
		return 100;
	status = nfslock_acquire(MAILBOX, &options, &lock);
	return status != NFSLOCK_OK ? status : nfslock_release(lock);
}

TEST(squatted, "whatever squats a place in line costs time, and not much")
{
	static void (*const squats[])(void) = {
		with_garbage, with_long_target, with_itself, with_holder,
		with_fifo, with_cycle, with_long_line, with_full_fifo,
		with_abandoned_fifo, with_nobody, with_file, with_directory,
		as_file, as_directory, as_fifo, with_bytes
	};
	enum time_passes passes;
	pid_t holder, waiter;
	int kind, left, present;
	size_t i;

	set_up();
	for (i = 0; i < nitems_of(squats); i++)
	ON_EACH_KIND(kind) {
		holder = start_holder(hold, NULL);
		read_token(squatted);
		squats[i]();
		present = names_in_place('.') - 1;
		left = names_in_place('+');

		/* No lock, no busy loop... */
		passes = AT_ONCE;
		CHECK_EXIT(NFSLOCK_TIMEDOUT, start(be_harmed, &passes));
		ATF_CHECK(names_in_place('.') <= present + 1);
		ATF_CHECK(names_in_place('+') <= left);

		/* ... and the lock when it is free. */
		passes = AS_IT_DOES;
		(void)memset(&shared->tallies[0], 0, sizeof(struct tally));
		waiter = start(be_harmed, &passes);
		await_count(&shared->tallies[0].waits, 1);
		let_go(holder);
		CHECK_EXIT(NFSLOCK_OK, waiter);
		ATF_CHECK(names_in_place('.') <= present);
		ATF_CHECK(names_in_place('+') <= left);
		clear_place();
		check_end();
	}
}

/* A lock of another host's, whose line is in his hands. */
static void
lock_from_afar(void)
{

	(void)snprintf(squatted, sizeof(squatted), "%s", "LAfar00000000000");
	make_file(LOCK, squatted, LOCKSIZE);
}

static int
wait_until_stopped(void *argument)
{
	struct nfslock_options options = options_of(1000, 0);
	nfslock_t *lock;

	(void)argument;
	mine = &shared->tallies[0];
	options.cancel_flag = &shared->stop;
	return nfslock_acquire(MAILBOX, &options, &lock);
}

/* Who waits has tried so often to line up, and he is in line, or not. */
static void
check_line(int places, bool in_line)
{
	int left = names_in_place('+');
	pid_t waiter;

	waiter = start(wait_until_stopped, NULL);
	await_count(&shared->tallies[0].waits, 1);
	ATF_CHECK_EQ(places, shared->tallies[0].places);
	ATF_CHECK_EQ(left + in_line, names_in_place('+'));
	shared->stop = 1;
	CHECK_EXIT(NFSLOCK_CANCELLED, waiter);
	ATF_CHECK_EQ(left, names_in_place('+'));
	ATF_REQUIRE_EQ(0, unlink(LOCK));
	misses = 0;
	clear_place();
	check_end();
}

TEST(missed, "who is gone whenever one looks is given up, but not at once")
{
	int kind, times;

	set_up();
	for (times = 0; times < 8; times++)
	ON_EACH_KIND(kind) {
		lock_from_afar();
		misses = times;
		if (times <= 4)
			check_line(times + 1, true);
		else
			check_line(5, false);
	}
}

TEST(long_line, "a line is followed for so long, and no longer")
{
	static const int lengths[] = { 1, 255, 256, 400 };
	int kind;
	size_t which;

	set_up();
	for (which = 0; which < nitems_of(lengths); which++)
	ON_EACH_KIND(kind) {
		lock_from_afar();
		make_line(lengths[which]);
		if (lengths[which] < 256)
			check_line(lengths[which] + 1, true);
		else
			check_line(256, false);
	}
}

static void
ring(void)
{

	if (write(his[0], "", 1) != 1)
		_exit(101);
}

static int
be_rung(void *argument)
{
	struct nfslock_options options = options_of(*(int *)argument, 0);
	nfslock_t *lock;

	mine = &shared->tallies[0];
	most_calls = 100000;
	time_passes = AT_ONCE;
	on_poll = ring;
	if (!become_nobody())
		return 100;
	return nfslock_acquire(MAILBOX, &options, &lock);
}

/* From 10 to 20 ms each, or from 250 to 500; then one try before he rings. */
TEST(rung, "who is woken all the time pauses all the same")
{
	const struct tally *tally;
	int kind, limit = 30;

	set_up();
	tally = &shared->tallies[0];
	ON_EACH_KIND(kind) {
		(void)his_fifo(0);
		make_file(LOCK, his_token(0), LOCKSIZE);
		CHECK_EXIT(NFSLOCK_TIMEDOUT, start(be_rung, &limit));
		check_between(limit * (remote ? 2 : 40), tally->polls,
		    limit * (remote ? 4 : 100) + 10);
		ATF_CHECK(tally->sleeps >= tally->polls - 1);
		check_between(tally->polls, tally->tries,
		    2 * tally->polls + 2);
		ATF_REQUIRE_EQ(0, unlink(LOCK));
		clear_place();
		check_end();
	}
}

TEST(trap, "of what was left where processes meet some is tidied at a time")
{
	int i, kind, left, number, times;
	nfslock_t *lock;

	set_up();
	clock_ahead = 2 * 86400;
	ON_EACH_KIND(kind) {
		number = 1200;
		times = 0;
		for (i = 0; i < number; i++)
			squat(his_token(i), "nowhere");
		for (i = 0; number > 0 && i < 5000; i++) {
			lock = take(MAILBOX);
			CHECK_STATUS(OK, nfslock_release(lock));
			left = names_in_place('+');
			/* About 100 at a time: this is 10 sigma. */
			ATF_REQUIRE(left >= number - 200);
			times += left != number;
			number = left;
		}
		ATF_CHECK_EQ(0, number);
		ATF_CHECK(times >= 6);
		check_end();
	}
}

TEST(keeper, "who keeps his handle does not stay where the place is squatted")
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, 0);
	char path[PATHLEN], token[LOCKSIZE + 1];
	nfslock_t *lock;
	int kind;

	set_up();
	remote = false;
	options.directory = NFSLOCK_DIR_PRIVATE;
	for (kind = 0; kind < 2; kind++) {
		CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
		CHECK_STATUS(OK, nfslock_unlock(lock));
		ATF_CHECK_EQ(1, names_in_place('.'));
		CHECK_STATUS(OK, nfslock_relock(lock, NULL, &options));
		memset(token, 0, sizeof(token));
		(void)read_file(LOCK, token, LOCKSIZE);
		path_of(path, token, '+');
		if (kind == 0)
			squat(token, "garbage");
		else
			make_file(path, "", 0);
		CHECK_STATUS(OK, nfslock_unlock(lock));
		ATF_CHECK_EQ(0, names_in_place('.'));
		ATF_REQUIRE_EQ(0, unlink(path));
		CHECK_STATUS(OK, nfslock_relock(lock, NULL, &options));
		CHECK_STATUS(OK, nfslock_release(lock));
		check_end();
	}
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, squatted);
	ATF_TP_ADD_TC(tp, missed);
	ATF_TP_ADD_TC(tp, long_line);
	ATF_TP_ADD_TC(tp, rung);
	ATF_TP_ADD_TC(tp, trap);
	ATF_TP_ADD_TC(tp, keeper);

	return atf_no_error();
}
