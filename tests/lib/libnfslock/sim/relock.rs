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

//! A lock that is taken again through the handle of the one before it, against
//! a scripted server.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use nfslock::filesystem::FileSystem as _;
use nfslock::host::Host as _;
use nfslock::identity::Token;
use nfslock::lock::Lock;
use nfslock::timing::Span;
use nfslock::{Failure, Limit, Options, Status};
use nfslock_sim::{Fate, Host, Request, Server};

const MAILBOX: &CStr = c"user";
const LOCK: &CStr = c"user.lock";

const ONCE: Options = Options {
    directory: nfslock::Directory::Auto,
    break_stale: true,
    limit: Limit::Once,
    stale: nfslock::DEFAULT_STALE,
    cancelled: None,
};

fn acquire(host: &Host) -> Result<Lock<Host>, Failure> {
    Lock::acquire_in(host.clone(), MAILBOX, false, &Options::default())
}

fn relock(lock: &mut Lock<Host>) -> Result<(), Failure> {
    lock.relock(None, false, &ONCE)
}

fn on_server() -> (Server, Host) {
    let server = Server::default();
    let host = server.host("a", 10).on_server();
    (server, host)
}

/// A lock that was let go, and its handle kept.
fn let_go(host: &Host) -> Lock<Host> {
    let mut lock = acquire(host).unwrap();
    assert_eq!(lock.unlock(), Ok(()));
    lock
}

/// And taken and let go again, so that there is a temporary.
fn let_go_twice(host: &Host) -> Lock<Host> {
    let mut lock = let_go(host);
    assert_eq!(relock(&mut lock), Ok(()));
    assert_eq!(lock.unlock(), Ok(()));
    lock
}

fn failure(result: Result<(), Failure>) -> Status {
    result.expect_err("it succeeded").status
}

fn errno(result: Result<(), Failure>) -> i32 {
    let failure = result.expect_err("it succeeded");
    assert_eq!(failure.status, Status::Error);
    failure.errno
}

/// The names of temporaries.
fn temporaries(host: &Host) -> Vec<String> {
    let names = host.names().into_iter();
    names.filter(|name| name.starts_with(".nfslk.")).collect()
}

fn remove_temporary(host: &Host) {
    let [name] = temporaries(host).try_into().unwrap();
    let name = CString::new(name).unwrap();
    host.peer_unlocks(&name).unwrap();
}

#[test]
fn on_the_server_itself_the_same_file_is_the_lock_again() {
    let (server, host) = on_server();
    let mut lock = let_go(&host);
    assert!(server.names().is_empty());
    assert_eq!(host.in_memory(), 1);
    assert_eq!(relock(&mut lock), Ok(()));
    let ino = server.ino(LOCK);
    let created = server.count(Request::Create);
    for _ in 0..3 {
        assert_eq!(lock.verify(), Ok(()));
        assert_eq!(lock.refresh(), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
        assert_eq!(server.names(), temporaries(&host));
        assert_eq!(host.in_memory(), 1);
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(server.ino(LOCK), ino);
        assert_eq!(temporaries(&host).len(), 1);
    }
    assert_eq!(server.count(Request::Create), created);
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
    assert_eq!(host.in_memory(), 0);
}

#[test]
fn where_others_may_make_files_nothing_is_kept() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    for _ in 0..3 {
        // What there was before is cleared away, too.
        assert_eq!(lock.relock(None, true, &ONCE), Ok(()));
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(host.in_memory(), 1);
        assert_eq!(lock.unlock(), Ok(()));
        assert!(server.names().is_empty());
        assert_eq!(host.in_memory(), 0);
    }
    assert_eq!(relock(&mut lock), Ok(()));
    assert_eq!(temporaries(&host).len(), 1);
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn now_and_then_nothing_is_kept() {
    let (server, host) = on_server();
    let mut lock = let_go(&host);
    let mut times = 0;
    for _ in 0..2048 {
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
        times += u32::from(host.in_memory() == 0);
        assert_eq!(server.names().is_empty(), host.in_memory() == 0);
    }
    assert_eq!(times, 2);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn over_nfs_nothing_is_kept() {
    let server = Server::default();
    let host = server.host("a", 10);
    let mut lock = let_go(&host);
    for _ in 0..3 {
        assert!(server.names().is_empty());
        assert_eq!(host.in_memory(), 0);
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(host.in_memory(), 1);
        assert_eq!(lock.verify(), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
    }
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_handle_without_a_lock_says_so() {
    for host in [Server::default().host("a", 10), on_server().1] {
        let mut lock = let_go(&host);
        assert_eq!(errno(lock.verify()), libc::EINVAL);
        assert_eq!(errno(lock.refresh()), libc::EINVAL);
        assert_eq!(errno(lock.unlock()), libc::EINVAL);
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(errno(relock(&mut lock)), libc::EBUSY);
        assert_eq!(lock.verify(), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
        assert_eq!(lock.release(), Ok(()));
        assert!(host.names().is_empty());
        assert_eq!(host.in_memory(), 0);
    }
}

#[test]
fn another_mailbox_in_the_same_directory() {
    for host in [Server::default().host("a", 10), on_server().1] {
        let mut lock = let_go_twice(&host);
        assert_eq!(lock.relock(Some(c"other"), false, &ONCE), Ok(()));
        assert!(host.names().contains(&"other.lock".to_owned()));
        assert!(!host.names().contains(&"user.lock".to_owned()));
        assert_eq!(lock.unlock(), Ok(()));
        // The last one, not the first.
        assert_eq!(relock(&mut lock), Ok(()));
        assert!(host.names().contains(&"other.lock".to_owned()));
        assert_eq!(lock.unlock(), Ok(()));
        let bad = lock.relock(Some(c"a/b"), false, &ONCE);
        assert_eq!(errno(bad), libc::EINVAL);
        assert_eq!(lock.release(), Ok(()));
        assert!(host.names().is_empty());
    }
}

#[test]
fn what_another_holds_is_not_taken() {
    let (server, host) = on_server();
    for make in [let_go, let_go_twice] {
        let mut lock = make(&host);
        let other = acquire(&server.host("b", 10)).unwrap();
        assert_eq!(failure(relock(&mut lock)), Status::Held);
        assert_eq!(other.verify(), Ok(()));
        // The presence is the other's.
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(host.in_memory(), 1);
        assert_eq!(other.release(), Ok(()));
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(lock.release(), Ok(()));
        assert!(server.names().is_empty());
        assert_eq!(host.in_memory(), 0);
    }
}

#[test]
fn a_theft_is_noticed() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    for ends in [false, true] {
        assert_eq!(relock(&mut lock), Ok(()));
        host.peer_unlocks(LOCK).unwrap();
        assert_eq!(failure(lock.verify()), Status::Gone);
        host.peer_locks(LOCK, b"1").unwrap();
        assert_eq!(failure(lock.verify()), Status::Stolen);
        if ends {
            break;
        }
        assert_eq!(failure(lock.unlock()), Status::Stolen);
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(host.in_memory(), 0);
        host.peer_unlocks(LOCK).unwrap();
    }
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(host.contents(LOCK), b"1");
}

#[test]
fn a_temporary_that_was_swept_is_made_again() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    for rest in [0, 20] {
        server.pass(rest);
        remove_temporary(&host);
        assert_eq!(relock(&mut lock), Ok(()));
        // And while the lock is held.
        remove_temporary(&host);
        assert_eq!(lock.verify(), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
        assert!(server.names().is_empty());
        assert_eq!(relock(&mut lock), Ok(()));
        assert_eq!(lock.unlock(), Ok(()));
    }
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn a_number_that_was_used_again_is_another_file() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    assert_eq!(relock(&mut lock), Ok(()));
    let ino = server.ino(LOCK);
    remove_temporary(&host);
    host.peer_unlocks(LOCK).unwrap();
    host.peer_locks(LOCK, host.token().as_bytes()).unwrap();
    assert_eq!(server.ino(LOCK), ino);
    assert_eq!(failure(lock.verify()), Status::Stolen);
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_lock_taken_again_is_not_born_old() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    // Within the time that is short for every peer, it costs nothing.
    let touched = server.count(Request::Touch);
    server.pass(14);
    assert_eq!(relock(&mut lock), Ok(()));
    assert_eq!(server.count(Request::Touch), touched);
    assert_eq!(lock.unlock(), Ok(()));
    server.pass(100);
    assert_eq!(relock(&mut lock), Ok(()));
    let found = host.stat(LOCK).unwrap();
    assert_eq!(found.mtime.until(found.ctime), Some(Span::ZERO));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_child_leaves_its_parents_things_alone() {
    for holds in [false, true] {
        let (server, host) = on_server();
        let mut lock = let_go_twice(&host);
        if holds {
            assert_eq!(relock(&mut lock), Ok(()));
        }
        let names = server.names();
        host.fork();
        assert_eq!(failure(relock(&mut lock)), Status::Forked);
        if holds {
            assert_eq!(failure(lock.verify()), Status::Forked);
            assert_eq!(failure(lock.unlock()), Status::Forked);
        }
        assert_eq!(failure(relock(&mut lock)), Status::Forked);
        let last = lock.release();
        assert!(holds || failure(last) == Status::Forked);
        assert_eq!(server.names(), names);
        assert_eq!(host.in_memory(), 1);
    }
}

#[test]
fn who_waits_is_told() {
    let (server, host) = on_server();
    let waiter = server.host("a", 11).on_server();
    let mut lock = let_go_twice(&host);
    assert_eq!(relock(&mut lock), Ok(()));
    let keeper = Rc::new(Cell::new(None));
    let kept = keeper.clone();
    server.after(2, move |_| {
        assert_eq!(lock.unlock(), Ok(()));
        kept.set(Some(lock));
    });
    let start = server.now();
    let mut next = acquire(&waiter).unwrap();
    assert!(server.now().minus(start) < Span::from_millis(2100));
    // Others may have lined up behind who has waited.
    assert_eq!(next.unlock(), Ok(()));
    assert!(server.names().is_empty());
    assert_eq!(host.in_memory(), 0);
    let mut lock = keeper.take().unwrap();
    assert_eq!(relock(&mut lock), Ok(()));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn who_lines_up_too_late_to_be_seen_looks_once_more() {
    // The lock is let go after the waiter saw whose it was; the holder stays
    // present, and another one has the lock by now or has not.
    for another in [false, true] {
        let (server, host) = on_server();
        let waiter = server.host("a", 11).on_server();
        let third = server.host("a", 12).on_server();
        let mut lock = let_go_twice(&host);
        assert_eq!(relock(&mut lock), Ok(()));
        let (keeper, events) = (Rc::new(Cell::new(None)), server.clone());
        let kept = keeper.clone();
        let lets_go = move |_: &Host| {
            assert_eq!(lock.unlock(), Ok(()));
            kept.set(Some(lock));
            if another {
                let lock = acquire(&third).unwrap();
                events.after(3, move |_| assert_eq!(lock.release(), Ok(())));
            }
        };
        // It is the look that tells whose the lock is.
        server.next(Request::Look, Fate::Then(Box::new(lets_go), Ok(())));
        let start = server.now();
        let next = acquire(&waiter).unwrap();
        let waited = server.now().minus(start);
        let least = Span::from_secs(if another { 3 } else { 0 });
        assert!(waited >= least, "{waited:?}");
        assert!(waited.minus(least) < Span::from_millis(100), "{waited:?}");
        assert_eq!(next.release(), Ok(()));
        let lock = keeper.take().unwrap();
        assert_eq!(lock.release(), Ok(()));
        assert!(server.names().is_empty());
    }
}

#[test]
fn the_dead_leave_one_lock_and_one_heir() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    assert_eq!(relock(&mut lock), Ok(()));
    host.kill();
    std::mem::forget(lock);
    let heir = server.host("a", 11).on_server();
    let start = server.now();
    let next = acquire(&heir).unwrap();
    assert!(server.now().minus(start) < Span::from_secs(1));
    assert_eq!(server.names(), ["user.lock"]);
    let token = Token::parse(&host.contents(LOCK)).unwrap();
    assert_eq!(token.pid(), 11);
    assert_eq!(next.release(), Ok(()));
    assert_eq!(host.in_memory(), 0);
}

#[test]
fn an_unlock_that_fails_keeps_nothing() {
    let (server, host) = on_server();
    let mut lock = let_go_twice(&host);
    assert_eq!(relock(&mut lock), Ok(()));
    server.next(Request::Unlink, Fate::Lost(Err(libc::EIO)));
    assert_eq!(errno(lock.unlock()), libc::EIO);
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(host.in_memory(), 0);
    host.peer_unlocks(LOCK).unwrap();
    assert_eq!(relock(&mut lock), Ok(()));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}
