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
 * What a process may do while it holds a lock, without being taken for dead:
 * anything but end.  And that it is known to be dead then, at once.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* unshare() */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/mman.h>

#include <pthread.h>

#include "h_nfslock.h"
#include "h_apart.h"

/* By age it would take an hour. */
#define	NEVER		3600

/* What a process does while it holds the lock. */
struct deed {
	const char	*name;
	void		(*before)(void);	/* it acquires, or NULL */
	void		(*run)(void);		/* while it holds the lock */
	enum {
		LETS_GO,		/* it releases the lock in the end */
		ENDS,			/* it ends, and that is known */
		ENDS_UNSEEN		/* it ends, and that may not be */
	}		end;
};

/* Shared by all processes: some have no descriptor left, or other names. */
static struct {
	int	stage;		/* ACQUIRED, GO_ON, DONE */
	int	failed;		/* the line where the holder failed */
	pid_t	victim;		/* to be killed in the end, or 0 */
} *shared;

enum { ACQUIRED = 1, GO_ON, DONE };

/* Never back: who was stopped says late that it has the lock. */
static void
set_stage(int stage)
{
	int old = 0;

	while (old < stage && !__atomic_compare_exchange_n(&shared->stage,
	    &old, stage, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		continue;
}

static bool
await_stage(int stage)
{
	long end = milliseconds() + 60000;

	while (__atomic_load_n(&shared->stage, __ATOMIC_SEQ_CST) < stage) {
		if (milliseconds() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

/* In the holder: what is no fault of the library's. */
#define	EXPECT(condition)	do {					\
	if (!(condition)) {						\
		shared->failed = __LINE__;				\
		set_stage(DONE);					\
		_exit(1);						\
	}								\
} while (0)

/* The one that goes on until it is told to end. */
static void
go_on(void)
{

	set_stage(ACQUIRED);
	(void)await_stage(GO_ON);
	_exit(0);
}

static void
do_nothing(void)
{
}

static void
close_all(void)
{
	int fd;

	for (fd = 3; fd < 1024; fd++)
		(void)close(fd);
}

static void *
close_all_and_go_on(void *argument)
{

	(void)argument;
	sleep_ms(50);		/* until the first thread has ended */
	close_all();
	go_on();
	return NULL;
}

static void
end_first_thread(void)
{
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, close_all_and_go_on, NULL) == 0);
	pthread_exit(NULL);
}

static void
become_another_program(void)
{

	shared->victim = getpid();
	set_stage(ACQUIRED);
	(void)execlp("sleep", "sleep", "1000", NULL);
	EXPECT(false);
}

/* The parent ends, and what it began is its child's to end. */
static void
leave_it_to_a_child(void)
{
	pid_t pid;

	EXPECT((pid = fork()) != -1);
	if (pid != 0)
		_exit(0);
	go_on();
}

static void
become_a_daemon(void)
{

	EXPECT(daemon(0, 0) == 0);
	go_on();
}

/* A child that knows nothing of a lock: its copies are closed, or stay. */
static void
have_a_child(bool closes)
{
	pid_t pid;

	EXPECT((pid = fork()) != -1);
	if (pid == 0) {
		if (closes)
			close_all();
		(void)await_stage(DONE);
		_exit(0);
	}
}

static void
have_a_child_that_closes(void)
{

	have_a_child(true);
	sleep_ms(50);
}

static void
have_a_child_that_stays(void)
{

	have_a_child(false);
}

static void
move_away(void)
{

	EXPECT(setsid() != -1);
	(void)umask(077);
	EXPECT(chdir("/") == 0);
}

static void
stop(void)
{

	shared->victim = getpid();
	set_stage(ACQUIRED);
	(void)raise(SIGSTOP);
}

#ifdef __linux__

static void
change_root(void)
{

	EXPECT(chroot(D) == 0 && chdir("/") == 0);
}

static void
become_another_user(void)
{

	EXPECT(become_nobody());
	go_on();
}

static void
hide_memory(void)
{

	EXPECT(unshare(CLONE_NEWNS) == 0);
	EXPECT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	EXPECT(mount("tmpfs", MEMORY, "tmpfs", 0, "mode=1777") == 0);
}

static void
change_host_name(void)
{

	EXPECT(unshare(CLONE_NEWUTS) == 0);
	EXPECT(sethostname("another", 7) == 0);
}

/* The same name, but another's. */
static void
share_host_name(void)
{

	EXPECT(unshare(CLONE_NEWUTS) == 0);
}

static void
leave_namespaces(void)
{

	EXPECT(unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET) == 0);
#ifdef CLONE_NEWTIME
	(void)unshare(CLONE_NEWTIME);
#endif
}

/* Its own files are another's by what it sees: it can but end. */
static void
leave_users(void)
{

	EXPECT(unshare(CLONE_NEWUSER) == 0);
}

/* Who is born in a namespace is there; who makes it is not. */
static void
be_born_in(int namespace)
{
	pid_t pid;

	EXPECT(unshare(namespace) == 0);
	EXPECT((pid = fork()) != -1);
	if (pid != 0)
		_exit(finish(pid) == 0 ? 0 : 1);
}

static void
be_born_in_container(void)
{

	be_born_in(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS);
	EXPECT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	EXPECT(mount("proc", "/proc", "proc", 0, NULL) == 0);
	EXPECT(mount("tmpfs", MEMORY, "tmpfs", 0, "mode=1777") == 0);
}

/* A container that shares the memory with its host. */
static void
be_born_beside(void)
{

	be_born_in(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS);
	EXPECT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	EXPECT(mount("proc", "/proc", "proc", 0, NULL) == 0);
}

/* Where it has another id than /proc tells. */
static void
be_born_blind(void)
{

	be_born_in(CLONE_NEWPID);
}

#ifdef CLONE_NEWTIME
static void
be_born_at_another_time(void)
{

	be_born_in(CLONE_NEWTIME);
}
#endif

#endif /* __linux__ */

static int
hold(void *argument)
{
	struct nfslock_options options = options_of(NFSLOCK_LIMIT_NONE, NEVER);
	const struct deed *deed = argument;
	nfslock_t *lock;

	if (deed->before != NULL)
		deed->before();
	EXPECT(nfslock_acquire(MAILBOX, &options, &lock) == NFSLOCK_OK);
	deed->run();
	if (deed->end != LETS_GO)
		go_on();
	set_stage(ACQUIRED);
	EXPECT(await_stage(GO_ON));
	EXPECT(nfslock_verify(lock) == NFSLOCK_OK);
	EXPECT(nfslock_refresh(lock) == NFSLOCK_OK);
	EXPECT(nfslock_release(lock) == NFSLOCK_OK);
	return 0;
}

static void
check_deed(const struct deed *deed)
{
	struct nfslock_options options = options_of(2, NEVER);
	struct look look;
	nfslock_t *lock;
	pid_t pid;

	(void)printf("%s\n", deed->name);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	if (!exists(D))
		make_directory(D, 0755);
	pid = start(hold, (void *)(intptr_t)deed);
	ATF_REQUIRE(await_stage(ACQUIRED));
	ATF_REQUIRE_MSG(shared->failed == 0, "%s: line %d", deed->name,
	    shared->failed);
	look_at(LOCK, &look);

	/* It lives. */
	if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_TIMEDOUT)
		atf_tc_fail("%s: it was taken for dead", deed->name);
	check_untouched(LOCK, &look);

	/* It ends, or lets go, and nobody has to wait for long. */
	set_stage(GO_ON);
	if (shared->victim != 0)
		ATF_REQUIRE_EQ(0, kill(shared->victim, deed->end == LETS_GO ?
		    SIGCONT : SIGKILL));
	options.limit = 20;
	if (deed->end == ENDS_UNSEEN) {
		(void)finish(pid);
		options.limit = 1;
		if (nfslock_acquire(MAILBOX, &options, &lock) ==
		    NFSLOCK_OK)
			CHECK_STATUS(OK, nfslock_release(lock));
		else
			ATF_REQUIRE_EQ(0, unlink(LOCK));
	} else {
		if (nfslock_acquire(MAILBOX, &options, &lock) != NFSLOCK_OK)
			atf_tc_fail("%s: nobody saw it end", deed->name);
		CHECK_STATUS(OK, nfslock_release(lock));
		(void)finish(pid);
		if (deed->end != ENDS || deed->before == NULL)
			check_apart_is_empty();
	}
	set_stage(DONE);
	ATF_REQUIRE_MSG(shared->failed == 0, "%s: line %d", deed->name,
	    shared->failed);
	leaves_nothing();
	ATF_REQUIRE_EQ(0, munmap(shared, sizeof(*shared)));
}

static void
check_deeds(const struct deed *deeds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		check_deed(&deeds[i]);
}

TEST(deeds, "whatever a process does, while it lives its lock is its own")
{
	static const struct deed deeds[] = {
		{ "waits", NULL, do_nothing, LETS_GO },
		{ "ends", NULL, do_nothing, ENDS },
		{ "closes all descriptors", NULL, close_all, ENDS },
		{ "ends its first thread", NULL, end_first_thread, ENDS },
		{ "becomes another program", NULL, become_another_program,
		    ENDS },
		{ "leaves it to a child", NULL, leave_it_to_a_child, ENDS },
		{ "becomes a daemon", NULL, become_a_daemon, ENDS },
		{ "has a child that closes", NULL, have_a_child_that_closes,
		    LETS_GO },
		{ "has a child that stays", NULL, have_a_child_that_stays,
		    LETS_GO },
		{ "moves away", NULL, move_away, LETS_GO },
		{ "is stopped", NULL, stop, LETS_GO },
	};

	require_apart();
	check_deeds(deeds, nitems_of(deeds));
}

#ifdef __linux__

ROOT_TEST(root_deeds, "whatever root does, while it lives its lock is its own")
{
	static const struct deed deeds[] = {
		{ "changes its root", NULL, change_root, LETS_GO },
		{ "becomes another user", NULL, become_another_user, ENDS },
		{ "hides the memory", NULL, hide_memory, LETS_GO },
		{ "changes the host's name", NULL, change_host_name, LETS_GO },
		{ "has a host's name alone", NULL, share_host_name, LETS_GO },
		{ "leaves its namespaces", NULL, leave_namespaces, LETS_GO },
		{ "leaves its users", NULL, leave_users, ENDS },
	};

	require_apart();
	check_deeds(deeds, nitems_of(deeds));
}

ROOT_TEST(elsewhere, "the dead of other namespaces are not looked for here")
{
	static const struct deed deeds[] = {
		{ "has a host of the same name", share_host_name, do_nothing,
		    ENDS_UNSEEN },
		{ "has a host of another name", change_host_name, do_nothing,
		    ENDS_UNSEEN },
		{ "has another memory", hide_memory, do_nothing,
		    ENDS_UNSEEN },
		{ "is born in a container", be_born_in_container, do_nothing,
		    ENDS_UNSEEN },
		{ "is born beside", be_born_beside, do_nothing,
		    ENDS_UNSEEN },
		{ "is born beside, closes all", be_born_beside, close_all,
		    ENDS_UNSEEN },
		{ "is born in a container, closes all", be_born_in_container,
		    close_all, ENDS_UNSEEN },
		{ "is born blind", be_born_blind, close_all, ENDS_UNSEEN },
#ifdef CLONE_NEWTIME
		{ "is born at another time", be_born_at_another_time,
		    close_all, ENDS_UNSEEN },
#endif
	};

	require_apart();
	check_deeds(deeds, nitems_of(deeds));
}

/* Dies where nobody sees it. */
static int
die_elsewhere(void *argument)
{
	nfslock_t *lock;

	(void)argument;
	hide_memory();
	return try_once(MAILBOX, &lock) == NFSLOCK_OK ? 0 : 1;
}

/* The name in memory that a lock of this directory has. */
static void
name_of_presence(char *to, size_t size)
{
	const struct dirent *entry;
	const char *scope = NULL;
	char token[LOCKSIZE];
	DIR *directory;
	nfslock_t *lock;

	ATF_REQUIRE_EQ(LOCKSIZE, read_file(LOCK, token, sizeof(token)));
	lock = take(D "/another");
	ATF_REQUIRE((directory = opendir(MEMORY)) != NULL);
	while (scope == NULL && (entry = readdir(directory)) != NULL)
		if (strncmp(entry->d_name, "nfslock.", 8) == 0)
			scope = entry->d_name + 8 + LOCKSIZE;
	ATF_REQUIRE(scope != NULL);
	(void)snprintf(to, size, MEMORY "/nfslock.%.*s%s", LOCKSIZE, token,
	    scope);
	ATF_REQUIRE_EQ(0, closedir(directory));
	CHECK_STATUS(OK, nfslock_release(lock));
}

static int
plant(void *name)
{

	return become_nobody() && mkfifo(name, 0644) == 0 ? 0 : 1;
}

ROOT_TEST(planted, "no other user can tell that a process was here and died")
{
	struct nfslock_options options = options_of(2, NEVER);
	nfslock_t *lock;
	char name[256];

	require_apart();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	make_directory(D, 0755);
	CHECK_EXIT(0, start(die_elsewhere, NULL));
	name_of_presence(name, sizeof(name));

	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));
	CHECK_EXIT(0, start(plant, name));
	CHECK_STATUS(TIMEDOUT, nfslock_acquire(MAILBOX, &options, &lock));

	/* With its owner's it would be so. */
	ATF_REQUIRE_EQ(0, unlink(name));
	ATF_REQUIRE_EQ(0, mkfifo(name, 0644));
	CHECK_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	CHECK_STATUS(OK, nfslock_release(lock));
	leaves_nothing();
}

static void
set_last_pid(pid_t pid)
{
	char digits[16];
	int fd, size;

	size = snprintf(digits, sizeof(digits), "%ld", (long)pid);
	fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
	EXPECT(fd != -1 && write(fd, digits, (size_t)size) == size);
	EXPECT(close(fd) == 0);
}

/* A process that holds the lock, and ends with it. */
static pid_t
leave_dead_lock(void)
{
	nfslock_t *lock;
	pid_t pid;

	EXPECT((pid = fork()) != -1);
	if (pid == 0)
		_exit(try_once(MAILBOX, &lock) == NFSLOCK_OK ? 0 : 1);
	EXPECT(finish(pid) == 0);
	return pid;
}

/* The first process of a namespace, in which it says who has which id. */
static int
use_ids_again(void *argument)
{
	struct nfslock_options options = options_of(20, NEVER);
	nfslock_t *lock;
	pid_t dead, pid;
	int i;

	(void)argument;
	EXPECT(mount("proc", "/proc", "proc", 0, NULL) == 0);

	/* The dead one's id is somebody else's. */
	dead = leave_dead_lock();
	sleep_ms(50);		/* the clock of this has ticks of 10 ms */
	set_last_pid(dead - 1);
	EXPECT((pid = fork()) != -1);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	EXPECT(pid == dead);
	EXPECT(nfslock_acquire(MAILBOX, &options, &lock) == NFSLOCK_OK);
	EXPECT(nfslock_release(lock) == NFSLOCK_OK);
	EXPECT(kill(pid, SIGKILL) == 0 && finish(pid) == -1);

	/* The living one's id was a dead one's, even within a tick. */
	options.limit = 1;
	for (i = 0; i < 2; i++) {
		dead = leave_dead_lock();
		EXPECT(unlink(LOCK) == 0);
		if (i == 0)
			sleep_ms(50);
		set_last_pid(dead - 1);
		shared->stage = 0;
		EXPECT((pid = fork()) != -1);
		if (pid == 0) {
			EXPECT(try_once(MAILBOX, &lock) == NFSLOCK_OK);
			close_all();
			go_on();
		}
		EXPECT(pid == dead);
		EXPECT(await_stage(ACQUIRED));
		EXPECT(nfslock_acquire(MAILBOX, &options, &lock) ==
		    NFSLOCK_TIMEDOUT);
		set_stage(GO_ON);
		EXPECT(finish(pid) == 0);
		options.limit = 20;
		EXPECT(nfslock_acquire(MAILBOX, &options, &lock) ==
		    NFSLOCK_OK);
		EXPECT(nfslock_release(lock) == NFSLOCK_OK);
		options.limit = 1;
	}
	return 0;
}

ROOT_TEST(ids_again, "an id of a process that is used again fools nobody")
{

	require_apart();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	make_directory(D, 0755);
	if (unshare(CLONE_NEWPID) == -1)
		atf_tc_skip("no namespace of processes: %s", strerror(errno));
	CHECK_EXIT(0, start(use_ids_again, NULL));
	ATF_CHECK_EQ_MSG(0, shared->failed, "line %d", shared->failed);
	leaves_nothing();
}

#endif /* __linux__ */

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, deeds);
#ifdef __linux__
	ATF_TP_ADD_TC(tp, root_deeds);
	ATF_TP_ADD_TC(tp, elsewhere);
	ATF_TP_ADD_TC(tp, planted);
	ATF_TP_ADD_TC(tp, ids_again);
#endif

	return atf_no_error();
}
