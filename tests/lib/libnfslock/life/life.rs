// $NetBSD$
//
// Copyright (c) 2026 The libnfslock authors.
// All rights reserved.
//
// Redistribution and use in source and binary forms, with or without
// modification, are permitted provided that the following conditions
// are met:
// 1. Redistributions of source code must retain the above copyright
//    notice, this list of conditions and the following disclaimer.
// 2. Redistributions in binary form must reproduce the above copyright
//    notice, this list of conditions and the following disclaimer in the
//    documentation and/or other materials provided with the distribution.
//
// THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
// ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
// IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
// ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
// FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
// DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
// OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
// HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
// LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
// OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
// SUCH DAMAGE.

//! Processes that lock, let go and end, beside others that do nothing but ask
//! whether who holds the lock is dead.  Nobody that holds it ever is.
//!
//! A waiter asks that before it breaks a lock, and looks at the lock again
//! after it.  So a wrong answer harms only if the lock is still the same then,
//! and that is what is counted here.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use nfslock::filesystem::{Contents, FileSystem, Look};
use nfslock::host::Host;
use nfslock::posix::Posix;
use nfslock::{Limit, Lock, Options};

const HOLDERS: usize = 2;
const JUDGES: usize = 2;

/// A process ends after so many cycles: it is then that it is gone indeed.
const LIFE: u32 = 4;

/// What all processes share.
#[derive(Default)]
struct Shared {
    cycles: AtomicU32,
    failures: AtomicU32,
    over: AtomicBool,
    /// Locks that were judged.
    judged: AtomicU32,
    /// Holders that were taken for dead.
    dead: AtomicU32,
}

fn shared() -> &'static Shared {
    let (size, access) = (size_of::<Shared>(), libc::PROT_READ | libc::PROT_WRITE);
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, that is never unmapped; zero is every member's
    // default.
    unsafe {
        let map = libc::mmap(ptr::null_mut(), size, access, flags, -1, 0);
        assert_ne!(map, libc::MAP_FAILED);
        &*map.cast()
    }
}

/// Run something in a process of its own.
fn start(run: impl FnOnce()) -> libc::pid_t {
    // SAFETY: other threads may hold what is the C library's, which sees to
    // that itself, and nothing that the child needs.
    match unsafe { libc::fork() } {
        -1 => panic!("fork"),
        0 => {
            run();
            // SAFETY: ends the process, and nothing of its parent's.
            unsafe { libc::_exit(0) }
        }
        pid => pid,
    }
}

/// Wait for its end, which is a good one.
fn finish(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: status is valid for a write.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

/// Look at the lock in a directory, if one stands there.
fn look(fs: &Posix) -> Option<Look> {
    fs.look(c"m.lock").ok()
}

/// Is the holder of a lock known to be dead?
fn is_dead(fs: &Posix, seen: &Look) -> bool {
    match seen.contents {
        Contents::Ours(token) => fs.is_dead(&token, seen.attributes.uid),
        Contents::Foreign | Contents::Unreadable => false,
    }
}

fn judge(mailbox: &CStr, shared: &Shared) {
    let Ok((fs, _)) = Posix::of_mailbox(mailbox) else {
        return;
    };
    while !shared.over.load(SeqCst) {
        let Some(seen) = look(&fs) else {
            continue;
        };
        let dead = is_dead(&fs, &seen);
        shared.judged.fetch_add(1, SeqCst);
        if dead && look(&fs).is_some_and(|again| again.is_unchanged_since(&seen)) {
            shared.dead.fetch_add(1, SeqCst);
        }
    }
}

fn options() -> Options<'static> {
    Options {
        limit: Limit::For(std::time::Duration::from_secs(60)),
        ..Options::default()
    }
}

/// A life, with a new handle for each lock or with one for all.
fn hold(mailbox: &CStr, shared: &Shared, keeps: bool) {
    let mut kept: Option<Lock> = None;
    for _ in 0..LIFE {
        let held = match kept.take() {
            Some(mut lock) => lock.relock(None, &options()).map(|()| lock),
            None => Lock::acquire(mailbox, &options()),
        };
        let released = held.and_then(|mut lock| {
            lock.verify()?;
            if keeps {
                lock.unlock()?;
                kept = Some(lock);
                return Ok(());
            }
            lock.release()
        });
        if released.is_err() {
            shared.failures.fetch_add(1, SeqCst);
        }
        shared.cycles.fetch_add(1, SeqCst);
    }
}

/// So many cycles in a directory.
fn live_and_end(parent: &Path, cycles: u32) {
    let directory = parent.join(format!("life.{}", process::id()));
    fs::create_dir(&directory).unwrap();
    let mailbox = CString::new(directory.join("m").as_os_str().as_bytes()).unwrap();
    let shared = shared();

    let judges = [(); JUDGES].map(|()| start(|| judge(&mailbox, shared)));
    let holders = [(); HOLDERS].map(|()| {
        start(|| {
            for life in 0.. {
                if shared.cycles.load(SeqCst) >= cycles {
                    break;
                }
                finish(start(|| hold(&mailbox, shared, life % 2 == 1)));
            }
        })
    });
    holders.into_iter().for_each(finish);
    shared.over.store(true, SeqCst);
    judges.into_iter().for_each(finish);

    println!(
        "{} cycles, {} locks judged in {}",
        shared.cycles.load(SeqCst),
        shared.judged.load(SeqCst),
        parent.display()
    );
    assert_eq!(shared.failures.load(SeqCst), 0);
    assert_eq!(shared.dead.load(SeqCst), 0, "live holders were judged dead");
    assert!(
        shared.judged.load(SeqCst) > cycles / 10,
        "hardly any judged"
    );

    // One that is dead indeed.
    let killed = start(|| {
        std::mem::forget(Lock::acquire(&mailbox, &options()));
    });
    finish(killed);
    let (fs, _) = Posix::of_mailbox(&mailbox).unwrap();
    assert!(look(&fs).is_some_and(|seen| is_dead(&fs, &seen)));
    let lock = Lock::acquire(&mailbox, &options()).unwrap();
    lock.release().unwrap();
    fs::remove_dir(&directory).unwrap();
}

/// The file system that cargo builds on.
fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Where there is none in memory, it is the other one once more.
fn memory() -> &'static Path {
    Some(Path::new("/dev/shm"))
        .filter(|path| path.is_dir())
        .unwrap_or(disk())
}

#[test]
fn nobody_is_dead_who_lives_on_disk() {
    live_and_end(disk(), 20_000);
}

#[test]
fn nobody_is_dead_who_lives_in_memory() {
    live_and_end(memory(), 20_000);
}

#[test]
#[ignore = "takes minutes"]
fn nobody_is_dead_who_lives_on_disk_for_long() {
    live_and_end(disk(), 200_000);
}

#[test]
#[ignore = "takes minutes"]
fn nobody_is_dead_who_lives_in_memory_for_long() {
    live_and_end(memory(), 200_000);
}
