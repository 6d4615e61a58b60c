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
 * Signals at every moment.  A process that uses the library is stopped at each
 * of its system calls, before and after; at one of these stops it gets a
 * signal.  What it is told, and what it leaves, is looked at in its end.
 */

#ifndef _GNU_SOURCE
#define	_GNU_SOURCE		/* RTLD_NEXT, unshare() */
#endif

#include <sys/cdefs.h>
#ifdef __RCSID
__RCSID("$NetBSD$");
#endif

#include <sys/mman.h>
#ifdef __linux__
#include <sys/ptrace.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <linux/ptrace.h>
#endif

#include <dlfcn.h>

#include "h_nfslock.h"
#include "h_apart.h"

/* What a process does. */
enum life {
	CYCLE,			/* locks and lets go, alone */
	AGAIN,			/* and twice more with the same handle */
	WAIT,			/* waits for another to let go */
	WAIT_IN_VAIN,		/* waits for another that does not */
	TAKE_OVER,		/* takes the lock of one that died */
	BREAK,			/* takes a lock that is stale */
	RELEASE_LATE		/* lets go after its lease */
};

/* What a signal does. */
enum signal_kind {
	SETS_FLAG,		/* its handler sets the cancel flag */
	DOES_NOTHING,		/* its handler does not */
	KILLS			/* it is SIGKILL */
};

struct plan {
	enum life		life;
	enum signal_kind	kind;
	bool			restart;	/* SA_RESTART */
	bool			remote;
	int			directory;	/* NFSLOCK_DIR_* */
	unsigned		often;		/* at one in so many stops,
						 * beginning with the one that
						 * was asked for; 0: there
						 * alone */
};

#ifdef __linux__

#define	ENDLESS		20000		/* stops */

/* What a worker answers. */
enum answer {
	RIGHT = 0,
	WRONG = 1,
	NOT_REACHED = 3		/* there was no such stop */
};

/* What the process that is stopped tells. */
struct told {
	int	acquired, verified, refreshed, released, error;
	bool	ended;
};

/* What became of locks whose holder was killed. */
struct counts {
	int	none;		/* there was none any more */
	int	at_once;	/* it was taken over */
	int	empty;		/* it was not written yet, and anybody's */
	int	by_age;		/* its holder's death was not seen */
	int	guarded;	/* it was being broken, and that must age */
	int	cancelled;	/* who was signalled gave up */
};

static struct told *told;
static struct counts *counts;
static volatile sig_atomic_t cancelled, sets_flag;
static bool remote;

int
fstatfs(int fd, struct statfs *found)
{
	static int (*function)(int, struct statfs *);
	int answer;

	if (function == NULL)
		*(void **)&function = dlsym(RTLD_NEXT, "fstatfs");
	answer = function(fd, found);
	if (answer == 0 && remote && is_of_mailboxes(fd))
		found->f_type = 0x6969;		/* NFS */
	return answer;
}

/* A worker is a process of its own, in which ATF's checks are out of place. */
#define	EXPECT(condition)	do {					\
	if (!(condition)) {						\
		(void)fprintf(stderr, "line %d: %s\n", __LINE__,	\
		    #condition);					\
		_exit(WRONG);						\
	}								\
} while (0)

#define	EXPECT_STATUS(expected, status)					\
	expect_status(__LINE__, #status, NFSLOCK_ ## expected, (status))

static void
expect_status(int line, const char *call, int expected, int status)
{

	if (status != expected) {
		(void)fprintf(stderr,
		    "line %d: %s: \"%s\" where \"%s\" was expected (%s)\n",
		    line, call, nfslock_message(status),
		    nfslock_message(expected), strerror(errno));
		_exit(WRONG);
	}
}

static void
handle(int signo)
{

	(void)signo;
	cancelled = sets_flag;
}

static struct nfslock_options
options_for(const struct plan *plan)
{
	struct nfslock_options options;

	options = options_of(plan->life == WAIT_IN_VAIN ? 1 : 60,
	    plan->life == BREAK || plan->life == RELEASE_LATE ? STALE : 0);
	options.directory = plan->directory;
	options.cancel_flag = &cancelled;
	return options;
}

/* The life of the process that is stopped. */
static void
live(const struct plan *plan)
{
	struct nfslock_options options = options_for(plan);
	int again = plan->life == AGAIN ? 2 : 0, released;
	nfslock_t *lock;

	told->acquired = nfslock_acquire(MAILBOX, &options, &lock);
	told->error = errno;
	while (told->acquired == NFSLOCK_OK) {
		told->verified += nfslock_verify(lock);
		told->refreshed += nfslock_refresh(lock);
		if (plan->life == RELEASE_LATE)
			sleep_ms(STALE * 1000 / 2 + 100);
		if (again-- == 0)
			break;
		if ((told->released = nfslock_unlock(lock)) != NFSLOCK_OK)
			break;
		told->acquired = nfslock_relock(lock, NULL, &options);
		told->error = errno;
	}
	if (lock != NULL) {
		released = nfslock_release(lock);
		if (told->released == NFSLOCK_OK)
			told->released = released;
	}
	told->ended = true;
}

static pid_t
start_life(const struct plan *plan)
{
	struct sigaction action;
	int status;
	pid_t pid;

	EXPECT((pid = fork()) != -1);
	if (pid == 0) {
		memset(&action, 0, sizeof(action));
		action.sa_handler = handle;
		action.sa_flags = plan->restart ? SA_RESTART : 0;
		sets_flag = plan->kind == SETS_FLAG;
		if (sigaction(SIGUSR1, &action, NULL) == -1 ||
		    ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 ||
		    raise(SIGSTOP) != 0)
			_exit(1);
		live(plan);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	EXPECT(ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	return pid;
}

/* Is it about to wait for another process? */
static bool
goes_to_sleep(pid_t pid)
{
	struct __ptrace_syscall_info call;

	EXPECT(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(call),
	    &call) > 0);
	if (call.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
#ifdef SYS_poll
	if (call.entry.nr == SYS_poll)
		return true;
#endif
	return call.entry.nr == SYS_ppoll ||
	    call.entry.nr == SYS_nanosleep ||
	    call.entry.nr == SYS_clock_nanosleep;
}

/* The other one, of the lives that wait: a process that holds the lock. */
static struct {
	pid_t		pid;
	int		until;		/* closed to make it let go */
	struct look	lock;
} other;

static void
look_for_other(struct look *look)
{
	int fd;

	memset(look, 0, sizeof(*look));
	EXPECT(lstat(LOCK, &look->st) == 0);
	EXPECT((fd = open(LOCK, O_RDONLY)) != -1);
	EXPECT(read(fd, look->bytes, sizeof(look->bytes)) == LOCKSIZE);
	EXPECT(close(fd) == 0);
}

static void
start_other(bool dies)
{
	nfslock_t *lock;
	int told_by[2], until[2];
	char byte;

	EXPECT(pipe(told_by) == 0 && pipe(until) == 0);
	EXPECT((other.pid = fork()) != -1);
	if (other.pid == 0) {
		(void)close(until[1]);
		(void)close(told_by[0]);
		EXPECT_STATUS(OK, try_once(MAILBOX, &lock));
		(void)close(told_by[1]);
		if (dies)
			_exit(0);
		EXPECT(read(until[0], &byte, 1) == 0);
		EXPECT_STATUS(OK, nfslock_release(lock));
		_exit(0);
	}
	(void)close(until[0]);
	(void)close(told_by[1]);
	EXPECT(read(told_by[0], &byte, 1) == 0);
	(void)close(told_by[0]);
	other.until = until[1];
	if (dies)
		EXPECT(waitpid(other.pid, NULL, 0) == other.pid);
	look_for_other(&other.lock);
}

/* Nobody has touched it; and it lets go. */
static void
end_other(void)
{
	struct look look;
	int status;

	look_for_other(&look);
	EXPECT(look.st.st_ino == other.lock.st.st_ino);
	EXPECT(look.st.st_nlink == other.lock.st.st_nlink);
	EXPECT(look.st.st_mtim.tv_sec == other.lock.st.st_mtim.tv_sec);
	EXPECT(look.st.st_mtim.tv_nsec == other.lock.st.st_mtim.tv_nsec);
	EXPECT(memcmp(look.bytes, other.lock.bytes, LOCKSIZE) == 0);
	EXPECT(close(other.until) == 0);
	EXPECT(waitpid(other.pid, &status, 0) == other.pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	other.pid = 0;
}

/* Runs a life, with a signal at a stop.  False: it has no such stop. */
static bool
trace(const struct plan *plan, pid_t pid, int when)
{
	int pass = 0, sleeps = 0, status, stop = 0, times = 0;
	unsigned chance = (unsigned)when;

	for (;;) {
		EXPECT(ptrace(PTRACE_SYSCALL, pid, NULL,
		    (void *)(intptr_t)pass) == 0 || errno == ESRCH);
		EXPECT(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			break;
		pass = WSTOPSIG(status);
		if (pass != (SIGTRAP | 0x80))
			continue;
		pass = 0;
		EXPECT(stop < ENDLESS);
		chance = chance * 1103515245 + 12345;
		if (stop == when || (stop > when && plan->often != 0 &&
		    chance / 65536 % plan->often == 0)) {
			EXPECT(kill(pid, plan->kind == KILLS ? SIGKILL :
			    SIGUSR1) == 0);
			times++;
		}
		stop++;
		/* The first sleep may be one between two tries. */
		if (plan->life == WAIT && other.pid != 0 &&
		    (plan->kind != KILLS || times == 0) &&
		    goes_to_sleep(pid) && ++sleeps == 2)
			end_other();
	}
	EXPECT(plan->kind == KILLS && times != 0 ? WIFSIGNALED(status) :
	    WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return times != 0;
}

static int
digit_value(char digit)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz_-";
	const char *found = strchr(digits, digit);

	return digit != '\0' && found != NULL ? (int)(found - digits) : -1;
}

/* Whose token is it?  It has four digits of the host, and of the process. */
static pid_t
owner_of(const char *token)
{
	pid_t pid = 0;
	int i;

	for (i = 5; i < 9; i++)
		pid = pid * 64 + digit_value(token[i]);
	return pid;
}

/*
 * Is there anything in this host's memory for a token: the FIFO, not a place
 * in a queue?  Without a token: is there anything of that process?
 */
static bool
is_in_memory(const char *token, pid_t pid)
{
	static const char prefix[] = "nfslock.";
	const struct dirent *entry;
	bool found = false;
	char target[256];
	const char *name;
	DIR *directory;
	ssize_t size;

	EXPECT((directory = opendir(MEMORY)) != NULL);
	while (!found && (entry = readdir(directory)) != NULL) {
		name = entry->d_name;
		if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
		    strlen(name) < sizeof(prefix) + LOCKSIZE)
			continue;
		size = readlinkat(dirfd(directory), name, target,
		    sizeof(target));
		if (size > (ssize_t)(sizeof(prefix) + LOCKSIZE))
			name = target;	/* a place, and who has it */
		name += sizeof(prefix) - 1;
		found = token != NULL ? name != target + sizeof(prefix) - 1 &&
		    memcmp(name, token, LOCKSIZE) == 0 :
		    owner_of(name) == pid;
	}
	EXPECT(closedir(directory) == 0);
	return found;
}

/* The directory holds nothing, but for leftovers of one that was killed. */
static void
expect_directory(bool killed)
{
	const struct dirent *entry;
	DIR *directory;

	EXPECT((directory = opendir(D)) != NULL);
	while ((entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    (killed && strncmp(entry->d_name, ".nfsl", 5) == 0))
			continue;
		(void)fprintf(stderr, "%s was left behind\n", entry->d_name);
		_exit(WRONG);
	}
	EXPECT(closedir(directory) == 0);
}

/* After a process that lived to its end. */
static void
judge(const struct plan *plan, pid_t pid, bool signalled)
{

	EXPECT(told->ended);
	errno = told->error;
	if (told->acquired == NFSLOCK_CANCELLED) {
		EXPECT(signalled && plan->kind == SETS_FLAG);
		counts->cancelled++;
	} else if (plan->life == WAIT_IN_VAIN) {
		EXPECT_STATUS(TIMEDOUT, told->acquired);
	} else {
		EXPECT_STATUS(OK, told->acquired);
		EXPECT_STATUS(OK, told->verified);
		EXPECT_STATUS(OK, told->refreshed);
		EXPECT_STATUS(OK, told->released);
	}
	EXPECT(!apart || !is_in_memory(NULL, pid));
	if (other.pid != 0 && plan->life != TAKE_OVER)
		end_other();
	if (told->acquired == NFSLOCK_CANCELLED && exists(LOCK)) {
		/* Somebody else's, as it was. */
		EXPECT(plan->life == TAKE_OVER || plan->life == BREAK);
		EXPECT(unlink(LOCK) == 0);
	}
	expect_directory(false);
}

/*
 * Is there a guard that says nothing about who is dead: one that is empty, or
 * whose owner's requests the server may still have?
 */
static bool
guard_must_age(const struct plan *plan)
{
	const struct dirent *entry;
	bool found = false;
	DIR *directory;
	struct stat st;

	EXPECT((directory = opendir(D)) != NULL);
	while ((entry = readdir(directory)) != NULL)
		if (strncmp(entry->d_name, ".nfslg.", 7) == 0 &&
		    fstatat(dirfd(directory), entry->d_name, &st, 0) == 0)
			found = plan->remote || st.st_size == 0;
	EXPECT(closedir(directory) == 0);
	return found;
}

/* After a process that was killed: is its lock in anybody's way? */
static void
succeed(const struct plan *plan)
{
	struct nfslock_options options = options_for(plan);
	char token[LOCKSIZE + 1];
	nfslock_t *lock;
	ssize_t size;
	int fd;

	if (other.pid != 0 && plan->life != TAKE_OVER)
		end_other();
	options.limit = 20;
	if (guard_must_age(plan)) {
		options.stale = STALE;
		counts->guarded++;
	}
	if ((fd = open(LOCK, O_RDONLY)) == -1) {
		EXPECT(errno == ENOENT);
		counts->none++;
	} else {
		size = read(fd, token, sizeof(token));
		EXPECT(close(fd) == 0);
		if (size == LOCKSIZE && is_in_memory(token, 0)) {
			counts->at_once++;
		} else {
			options.stale = STALE;
			if (size == 0)
				counts->empty++;
			else
				counts->by_age++;
		}
	}
	EXPECT_STATUS(OK, nfslock_acquire(MAILBOX, &options, &lock));
	EXPECT_STATUS(OK, nfslock_verify(lock));
	EXPECT_STATUS(OK, nfslock_release(lock));
	EXPECT(!apart || !is_in_memory(NULL, getpid()));
	expect_directory(true);
}

/* One life, with a signal at that stop, in a directory of its own. */
static int
work(const struct plan *plan, int when)
{
	char name[32];
	bool reached;
	pid_t pid;
	int fd;

	(void)alarm(120);
	(void)snprintf(name, sizeof(name), "w.%d", when);
	EXPECT(mkdir(name, 0755) == 0 && chdir(name) == 0);
	EXPECT(mkdir(D, 0755) == 0);
	remote = plan->remote;
	(void)meet_apart();
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(told != MAP_FAILED);

	/* Before the other one, of which it is to know nothing. */
	pid = start_life(plan);
	if (plan->life == WAIT || plan->life == WAIT_IN_VAIN)
		start_other(false);
	else if (plan->life == TAKE_OVER)
		start_other(true);
	else if (plan->life == BREAK) {
		fd = open(LOCK, O_WRONLY | O_CREAT | O_EXCL, 0644);
		EXPECT(fd != -1 && close(fd) == 0);
	}
	reached = trace(plan, pid, when);
	if (plan->kind == KILLS && reached)
		succeed(plan);
	else
		judge(plan, pid, reached);
	EXPECT(rmdir(D) == 0 || plan->kind == KILLS);
	return reached ? RIGHT : NOT_REACHED;
}

/*
 * All the stops of a life, or every step-th where that takes long; so many
 * workers at once.
 */
static void
signal_everywhere(const struct plan *plan, size_t workers, int step)
{
	pid_t pids[32];
	size_t i, running = 0;
	int status, when = 0;
	bool more = true;
	pid_t pid;

	if (rounds() > 1)
		step = 1;
	ATF_REQUIRE(workers <= nitems_of(pids));
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(counts != MAP_FAILED);
	while (more || running != 0) {
		if (more && running < workers) {
			(void)fflush(NULL);
			ATF_REQUIRE((pid = fork()) != -1);
			if (pid == 0)
				_exit(work(plan, when));
			pids[running++] = pid;
			when += step;
			continue;
		}
		ATF_REQUIRE((pid = waitpid(-1, &status, 0)) != -1);
		for (i = 0; i < running; i++)
			if (pids[i] == pid)
				break;
		ATF_REQUIRE(i < running);
		pids[i] = pids[--running];
		if (!WIFEXITED(status) || WEXITSTATUS(status) == WRONG) {
			(void)printf("life %d, kind %d, restart %d, remote %d,"
			    " directory %d: failed before stop %d\n",
			    plan->life, plan->kind, plan->restart,
			    plan->remote, plan->directory, when);
			atf_tc_fail_nonfatal("see the output");
			more = false;
		} else if (WEXITSTATUS(status) == NOT_REACHED)
			more = false;
	}
	(void)printf("life %d, kind %d, restart %d, remote %d, directory %d:"
	    " %d stops, %d cancelled; killed: %d without a lock, %d taken"
	    " over, %d empty, %d by age, %d guarded\n", plan->life,
	    plan->kind, plan->restart, plan->remote, plan->directory,
	    when / step, counts->cancelled, counts->none, counts->at_once,
	    counts->empty, counts->by_age, counts->guarded);
	/* A life that makes next to no system calls was none. */
	ATF_CHECK(when > 20);
	if (plan->kind == SETS_FLAG && (plan->life == WAIT ||
	    plan->life == WAIT_IN_VAIN))
		ATF_CHECK(counts->cancelled > 20);
	if (plan->kind == KILLS && plan->life <= AGAIN)
		ATF_CHECK(counts->none > 0 && counts->at_once > 0);
	/* A server may still have a dead one's request to remove the lock. */
	if (!plan->remote && plan->life != TAKE_OVER && plan->life != BREAK)
		ATF_CHECK_EQ(0, counts->by_age);
	ATF_REQUIRE_EQ(0, munmap(counts, sizeof(*counts)));
	ATF_REQUIRE_EQ(0, system("rm -rf w.*"));
}

/* On local and remote file systems, in common and private directories. */
static void
signal_life(enum life life, enum signal_kind kind, size_t workers, int step)
{
	struct plan plan;
	int i;

	/* The dead stay in this host's memory for a day. */
	if (kind == KILLS && geteuid() != 0)
		atf_tc_skip("only root can do that without a trace");
	memset(&plan, 0, sizeof(plan));
	plan.life = life;
	plan.kind = kind;
	for (i = 0; i < 4; i++) {
		plan.restart = i == 1 || i == 2;
		plan.remote = i >= 2;
		plan.directory = i % 2 == 0 ? NFSLOCK_DIR_COMMON :
		    NFSLOCK_DIR_PRIVATE;
		signal_everywhere(&plan, workers, step);
	}
}

/* A storm of them. */
static void
signal_at_random(enum life life)
{
	struct plan plan;
	int i;

	memset(&plan, 0, sizeof(plan));
	plan.life = life;
	for (i = 0; i < 8; i++) {
		plan.kind = i % 2 == 0 ? SETS_FLAG : DOES_NOTHING;
		plan.restart = i / 2 % 2 == 0;
		plan.remote = i / 4 % 2 == 0;
		plan.often = 3;
		signal_everywhere(&plan, 16, 2);
	}
}

#define	SIGNALS(name, what, ...)					\
TEST(name, what)							\
{									\
	signal_life(__VA_ARGS__);					\
}
#define	RANDOM_SIGNALS(name, what, life)				\
TEST(name, what)							\
{									\
	signal_at_random(life);						\
}

#else /* !__linux__ */

#define	SIGNALS(name, what, ...)					\
TEST(name, what)							\
{									\
	atf_tc_skip("this ptrace(2) does not stop at system calls");	\
}
#define	RANDOM_SIGNALS(name, what, life)	SIGNALS(name, what, life)

#endif

SIGNALS(cycle_flag, "a handler that cancels: alone",
    CYCLE, SETS_FLAG, 2, 1)
SIGNALS(cycle_nothing, "a handler that does nothing: alone",
    CYCLE, DOES_NOTHING, 2, 1)
SIGNALS(cycle_kill, "a kill: alone",
    CYCLE, KILLS, 8, 1)
SIGNALS(again_flag, "a handler that cancels: alone, again and again",
    AGAIN, SETS_FLAG, 2, 1)
SIGNALS(again_nothing, "a handler that does nothing: alone, again and again",
    AGAIN, DOES_NOTHING, 2, 1)
SIGNALS(again_kill, "a kill: alone, again and again",
    AGAIN, KILLS, 8, 1)
SIGNALS(wait_flag, "a handler that cancels: behind another",
    WAIT, SETS_FLAG, 16, 1)
SIGNALS(wait_nothing, "a handler that does nothing: behind another",
    WAIT, DOES_NOTHING, 16, 1)
SIGNALS(wait_kill, "a kill: behind another",
    WAIT, KILLS, 16, 1)
SIGNALS(vain_flag, "a handler that cancels: in vain",
    WAIT_IN_VAIN, SETS_FLAG, 24, 1)
SIGNALS(vain_nothing, "a handler that does nothing: in vain",
    WAIT_IN_VAIN, DOES_NOTHING, 24, 1)
SIGNALS(vain_kill, "a kill: in vain",
    WAIT_IN_VAIN, KILLS, 24, 1)
SIGNALS(take_over_flag, "a handler that cancels: taking over",
    TAKE_OVER, SETS_FLAG, 2, 1)
SIGNALS(take_over_nothing, "a handler that does nothing: taking over",
    TAKE_OVER, DOES_NOTHING, 2, 1)
SIGNALS(take_over_kill, "a kill: taking over",
    TAKE_OVER, KILLS, 16, 1)
SIGNALS(break_flag, "a handler that cancels: breaking",
    BREAK, SETS_FLAG, 24, 17)
SIGNALS(break_nothing, "a handler that does nothing: breaking",
    BREAK, DOES_NOTHING, 24, 17)
SIGNALS(break_kill, "a kill: breaking",
    BREAK, KILLS, 24, 17)
SIGNALS(late_flag, "a handler that cancels: letting go late",
    RELEASE_LATE, SETS_FLAG, 24, 3)
SIGNALS(late_nothing, "a handler that does nothing: letting go late",
    RELEASE_LATE, DOES_NOTHING, 24, 3)
SIGNALS(late_kill, "a kill: letting go late",
    RELEASE_LATE, KILLS, 24, 3)
RANDOM_SIGNALS(cycle_random, "a storm of signals: alone", CYCLE)
RANDOM_SIGNALS(again_random, "a storm of signals: alone, again and again",
    AGAIN)
RANDOM_SIGNALS(wait_random, "a storm of signals: behind another", WAIT)
RANDOM_SIGNALS(take_over_random, "a storm of signals: taking over", TAKE_OVER)

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, cycle_flag);
	ATF_TP_ADD_TC(tp, cycle_nothing);
	ATF_TP_ADD_TC(tp, cycle_kill);
	ATF_TP_ADD_TC(tp, cycle_random);
	ATF_TP_ADD_TC(tp, again_flag);
	ATF_TP_ADD_TC(tp, again_nothing);
	ATF_TP_ADD_TC(tp, again_kill);
	ATF_TP_ADD_TC(tp, again_random);
	ATF_TP_ADD_TC(tp, wait_random);
	ATF_TP_ADD_TC(tp, take_over_random);
	ATF_TP_ADD_TC(tp, wait_flag);
	ATF_TP_ADD_TC(tp, wait_nothing);
	ATF_TP_ADD_TC(tp, wait_kill);
	ATF_TP_ADD_TC(tp, vain_flag);
	ATF_TP_ADD_TC(tp, vain_nothing);
	ATF_TP_ADD_TC(tp, vain_kill);
	ATF_TP_ADD_TC(tp, take_over_flag);
	ATF_TP_ADD_TC(tp, take_over_nothing);
	ATF_TP_ADD_TC(tp, take_over_kill);
	ATF_TP_ADD_TC(tp, break_flag);
	ATF_TP_ADD_TC(tp, break_nothing);
	ATF_TP_ADD_TC(tp, break_kill);
	ATF_TP_ADD_TC(tp, late_flag);
	ATF_TP_ADD_TC(tp, late_nothing);
	ATF_TP_ADD_TC(tp, late_kill);

	return atf_no_error();
}
