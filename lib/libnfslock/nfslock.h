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
 * NFS-safe dotlocks on mailboxes.
 *
 * The lock on mailbox M is the file M.lock beside it.  It excludes every
 * other program that honours dotlocks, on every host that mounts the
 * directory.  nfslock(3) tells the protocol and its guarantees.
 *
 * Thread-safety: the library has no global state.  Any number of threads may
 * use it at once, each handle in one thread at a time.  None of them may be
 * cancelled by pthread_cancel() in it.
 *
 * Fork: a handle belongs to the process, told by its id, that acquired it.  In
 * a child every operation on it answers NFSLOCK_FORKED and touches no file.
 * While a child lives that did not execute another program, the lock is not
 * taken over from a dead parent.
 *
 * Signals: no handler is installed, and no mask is changed.  A call fails with
 * EINTR only if one and the same system call was interrupted at least 64
 * times.  A waiting call looks at its cancel flag and callback after every
 * signal that interrupts the thread, and every 250 ms; but not while it waits
 * over NFS, up to 15 seconds, for an interrupted request of its own.  No
 * function is async-signal-safe.
 *
 * Credentials: a handle wants those with which it was made.
 */

#ifndef _NFSLOCK_H_
#define _NFSLOCK_H_

#include <sys/types.h>

#include <signal.h>
#include <stddef.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A lock that is held, or was and may be again.  Opaque; made by acquiring,
 * freed by releasing.
 */
typedef struct nfslock nfslock_t;

/*
 * What a call answers.  errno tells something with NFSLOCK_ERROR alone.
 */
enum nfslock_status {
	NFSLOCK_OK = 0,		/* done */
	NFSLOCK_HELD = 1,	/* held by another, and one try was asked for */
	NFSLOCK_TIMEDOUT = 2,	/* others hold the lock, or are breaking it */
	NFSLOCK_CANCELLED = 3,	/* the caller's flag or callback said so */
	NFSLOCK_STOLEN = 4,	/* another's lock stands where ours stood */
	NFSLOCK_GONE = 5,	/* our lock was removed, and none stands there */
	NFSLOCK_UNSAFE = 6,	/* anyone may remove others' files there */
	NFSLOCK_FORKED = 7,	/* the handle is another process's */
	NFSLOCK_ERROR = 8	/* the system said no: see errno */
};

/* Values for struct nfslock_options.directory. */
#define	NFSLOCK_DIR_AUTO	0	/* find out by looking at its mode */
#define	NFSLOCK_DIR_COMMON	1	/* others may create files in it */
#define	NFSLOCK_DIR_PRIVATE	2	/* only the mailbox's owner may */

/* Values for struct nfslock_options.stale_action. */
#define	NFSLOCK_STALE_BREAK	0	/* remove a stale lock, then take it */
#define	NFSLOCK_STALE_WAIT	1	/* wait for it as for a live one */

/* Values for struct nfslock_options.limit, beside seconds. */
#define	NFSLOCK_LIMIT_DEFAULT	0	/* 420 seconds */
#define	NFSLOCK_LIMIT_NONE	(-1)	/* try once, never wait */

/* Values for struct nfslock_options.stale, beside seconds. */
#define	NFSLOCK_STALE_DEFAULT	0	/* 300 seconds */

/*
 * How to acquire.  Zero the structure, set size, and change what matters:
 * zero is the default everywhere.  Members may be added at the end; size
 * tells which the caller knows.
 */
struct nfslock_options {
	size_t	size;		/* sizeof(struct nfslock_options) */
	int	directory;	/* NFSLOCK_DIR_* */
	int	stale_action;	/* NFSLOCK_STALE_BREAK or _WAIT */
	int	limit;		/* seconds to wait for the lock, up to 86400 */
	int	stale;		/* seconds without a sign of life after which
				 * a lock is stale, 2 to 86400; the same for
				 * all who lock in that directory */
	const volatile sig_atomic_t *cancel_flag;
				/* NULL, or: stop waiting when not 0 */
	int	(*cancelled)(void *);
				/* NULL, or: called between two looks at the
				 * lock; stop waiting when it returns not 0;
				 * must return: no longjmp(), no exception */
	void	*cancelled_arg;	/* its argument */
};

/*
 * Who holds a lock.  A member that cannot be known is 0, -1 or "".
 */
struct nfslock_holder {
	size_t	size;		/* in: sizeof(struct nfslock_holder) */
	pid_t	pid;		/* of the holder, if it is seen to run on this
				 * host now, else 0 */
	time_t	since;		/* when its file was made, or if that is not
				 * recorded its last sign of life (file
				 * server's clock) */
	long	age;		/* seconds since its last sign of life, by the
				 * file server's clock; -1 if not known */
	char	host[256];	/* this host's name if it is this host, else
				 * the holder's host id, else "" */
	char	program[32];	/* what the process pid runs now, else "" */
};

/*
 * Acquire the lock on a mailbox, waiting for it as options say (NULL: every
 * default).  The mailbox need not exist; it is not opened.  nfslock_acquireat
 * takes a name without slash in the directory that dirfd is open on; dirfd
 * stays the caller's, and may be closed at once.
 *
 * NFSLOCK_OK stores a handle that nfslock_release() frees, and that keeps three
 * descriptors, one of them on the directory.  Anything else stores NULL, and
 * what was made in the directory is removed, as far as the server permits it;
 * a lock that was taken unnoticed long ago is taken back as a late release does.
 * A lock that may not be removed is waited for as a live one.
 * Answers OK, HELD, TIMEDOUT, CANCELLED, UNSAFE, ERROR.
 */
int	nfslock_acquire(const char *mailbox,
	    const struct nfslock_options *options, nfslock_t **lock);
int	nfslock_acquireat(int dirfd, const char *name,
	    const struct nfslock_options *options, nfslock_t **lock);

/*
 * Look whether the lock is still this handle's.  Do it right before what
 * must not be done without the lock.
 * Answers OK, STOLEN, GONE, FORKED, ERROR (could not look; EACCES: the lock
 * cannot be read with the present credentials).
 */
int	nfslock_verify(nfslock_t *lock);

/*
 * Give a sign of life, and look like nfslock_verify().  Who holds a lock for
 * longer than 30 seconds (or half of a stale limit below 60) calls this every
 * 30 seconds (or every half of it) or more often; whoever waits for it may
 * break it otherwise.  Never touches another's lock.
 * Answers OK, STOLEN, GONE, FORKED, ERROR.
 */
int	nfslock_refresh(nfslock_t *lock);

/*
 * Release the lock if it is still this handle's, and free the handle, whatever
 * the answer is.  STOLEN and GONE: what was done under the lock since the last
 * nfslock_verify() may have met another's work; nothing was removed.
 * A handle that was not refreshed in time may take 15 seconds to release if
 * the server is slow, and up to two minutes while others are breaking the lock;
 * this cannot be cancelled.  TIMEDOUT: even that did not do, and the lock was
 * left to them.
 * NULL is allowed and answers OK.
 * Answers OK, STOLEN, GONE, TIMEDOUT, FORKED, ERROR.
 */
int	nfslock_release(nfslock_t *lock);

/*
 * For programs that lock often.  nfslock_unlock releases the lock as
 * nfslock_release() does, and keeps the handle; whatever the answer is, it has
 * no lock any more.  nfslock_relock acquires the lock on the same mailbox again
 * (name NULL), or that on another one in the same directory (a name without
 * slash), as options say (NULL: every default), and waits for it.  Whatever the
 * answer is, nfslock_release() frees the handle.
 *
 * In a private directory on a local file system, while nobody else waits, a
 * temporary file and this host's knowledge of the process are kept as well, and
 * the next lock is that file under its name again: much less work.  In any
 * other, the descriptor of the directory is kept and little else.
 *
 * nfslock_unlock answers OK, STOLEN, GONE, TIMEDOUT, FORKED, ERROR (EINVAL: it
 * has no lock; then nfslock_verify() and nfslock_refresh() say the same).
 * nfslock_relock answers OK, HELD, TIMEDOUT, CANCELLED, UNSAFE, FORKED, ERROR
 * (EBUSY: it has a lock; EBADF, ENOTDIR: somebody else has closed its
 * descriptor).
 */
int	nfslock_unlock(nfslock_t *lock);
int	nfslock_relock(nfslock_t *lock, const char *name,
	    const struct nfslock_options *options);

/*
 * Who holds the lock on a mailbox?  Set holder->size first.
 * Answers HELD (a lock stands there, *holder tells whose), OK (none stands
 * there), ERROR.
 */
int	nfslock_holder(const char *mailbox, struct nfslock_holder *holder);
int	nfslock_holderat(int dirfd, const char *name,
	    struct nfslock_holder *holder);

/*
 * A status in words: static, never NULL, without a final full stop.
 */
const char *nfslock_message(int status);

#ifdef __cplusplus
}
#endif

#endif /* !_NFSLOCK_H_ */
