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
 * lockmbox: run a command while the lock on a mailbox is held.
 *
 *	cc -std=c99 -o lockmbox lockmbox.c -lnfslock
 *	lockmbox /var/mail/fred cp /var/mail/fred /tmp/fred.copy
 *
 * Exits with what the command exited with, or with 75 (EX_TEMPFAIL) if the
 * lock could not be had, or was not held to the end, 69 (EX_UNAVAILABLE) if
 * there is no such command, 70 (EX_SOFTWARE) if a signal killed it, 71
 * (EX_OSERR) if it could not be started, and 64 (EX_USAGE) if none was named.
 */

#define	_POSIX_C_SOURCE	200809L

#include <sys/types.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <nfslock.h>

#define	REFRESH	20	/* seconds: half a minute is the most allowed */

static volatile sig_atomic_t stop;

static void
on_signal(int signo)
{

	if (signo != SIGCHLD)
		stop = signo;
}

static void
complain(const char *mailbox, int status)
{

	fprintf(stderr, "lockmbox: %s: %s\n", mailbox,
	    status == NFSLOCK_ERROR ? strerror(errno) :
	    nfslock_message(status));
}

static void
tell_holder(const char *mailbox)
{
	struct nfslock_holder holder = { .size = sizeof(holder) };

	if (nfslock_holder(mailbox, &holder) != NFSLOCK_HELD)
		return;
	fprintf(stderr, "lockmbox: %s: held", mailbox);
	if (holder.pid != 0)
		fprintf(stderr, " by process %ld (%s)", (long)holder.pid,
		    holder.program);
	if (holder.host[0] != '\0')
		fprintf(stderr, " on host %s", holder.host);
	if (holder.age != -1)
		fprintf(stderr, ", last sign of life %ld s ago", holder.age);
	fprintf(stderr, "\n");
}

/*
 * Have a child stand by until nobody has the descriptor any more that this
 * returns: the command is to have it.  If we are killed, the lock must not be
 * taken over from us while the command works on; a child that executes nothing
 * prevents that.
 */
static int
stand_by(void)
{
	char byte;
	int ends[2];

	if (pipe(ends) == -1)
		return -1;
	switch (fork()) {
	case -1:
		(void)close(ends[0]);
		(void)close(ends[1]);
		return -1;
	case 0:
		(void)close(ends[1]);
		while (read(ends[0], &byte, 1) == -1 && errno == EINTR)
			continue;
		_exit(EX_OK);
	default:
		(void)close(ends[0]);
		return ends[1];
	}
}

/*
 * Wait for the command and give a sign of life meanwhile.  Whoever took the
 * lock from us must not meet the command, so that it is told to stop.
 */
static int
wait_for(pid_t child, nfslock_t *lock, const char *mailbox,
    const sigset_t *unblocked)
{
	const struct timespec refresh = { .tv_sec = REFRESH };
	int answer, errors, lost, status;
	pid_t pid;

	errors = lost = 0;
	while ((pid = waitpid(child, &status, WNOHANG)) == 0) {
		if (pselect(0, NULL, NULL, NULL, &refresh, unblocked) == -1 &&
		    errno != EINTR)
			break;
		if (stop != 0)
			(void)kill(child, stop);
		stop = 0;
		if (lost)
			continue;
		/* One error may pass; after two the time is up. */
		answer = nfslock_refresh(lock);
		errors = answer == NFSLOCK_ERROR ? errors + 1 : 0;
		if (answer != NFSLOCK_OK && errors != 1) {
			complain(mailbox, answer);
			(void)kill(child, SIGTERM);
			lost = 1;
		}
	}
	if (pid != child)
		return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

int
main(int argc, char *argv[])
{
	static const int signals[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };
	struct nfslock_options options = {
		.size = sizeof(options),
		.cancel_flag = &stop
	};
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked, unblocked;
	nfslock_t *lock;
	const char *mailbox;
	pid_t child;
	size_t i;
	int exitstatus, status, writing;

	if (argc < 3) {
		fprintf(stderr, "usage: lockmbox mailbox command [arg ...]\n");
		return EX_USAGE;
	}
	mailbox = argv[1];

	/* Signals cancel the waiting, and later wake wait_for(). */
	sigemptyset(&action.sa_mask);
	sigemptyset(&blocked);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&blocked, signals[i]);
		(void)sigaction(signals[i], &action, NULL);
	}

	if ((status = nfslock_acquire(mailbox, &options, &lock)) !=
	    NFSLOCK_OK) {
		complain(mailbox, status);
		tell_holder(mailbox);
		return EX_TEMPFAIL;
	}

	(void)sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	child = -1;
	if ((writing = stand_by()) != -1)
		child = fork();
	switch (child) {
	case -1:
		complain(mailbox, NFSLOCK_ERROR);
		exitstatus = EX_OSERR;
		break;
	case 0:
		(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
		(void)execvp(argv[2], &argv[2]);
		fprintf(stderr, "lockmbox: %s: %s\n", argv[2],
		    strerror(errno));
		_exit(EX_UNAVAILABLE);
	default:
		(void)close(writing);
		exitstatus = wait_for(child, lock, mailbox, &unblocked);
		break;
	}

	/* The command's work is sound only if the lock was ours till here. */
	if ((status = nfslock_release(lock)) != NFSLOCK_OK) {
		complain(mailbox, status);
		return EX_TEMPFAIL;
	}
	return exitstatus;
}
