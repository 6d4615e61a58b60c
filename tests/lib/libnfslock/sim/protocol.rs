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

//! The lock protocol that ships, on a file server where things go wrong.

use std::cell::Cell;
use std::ffi::CStr;
use std::rc::Rc;
use std::time::Duration;

use nfslock::filesystem::FileSystem as _;
use nfslock::host::Host as _;
use nfslock::identity::Token;
use nfslock::lock::Lock;
use nfslock::name::Name;
use nfslock::observation::Observation;
use nfslock::patience::Patience;
use nfslock::queue::Queue;
use nfslock::timing::Span;
use nfslock::{Failure, Limit, Options, Status};
use nfslock_sim::{Fate, Host, Request, Server};

const MAILBOX: &CStr = c"user";
const LOCK: &CStr = c"user.lock";

fn acquire_with(host: &Host, options: &Options) -> Result<Lock<Host>, Failure> {
    Lock::acquire_in(host.clone(), MAILBOX, true, options)
}

fn acquire(host: &Host) -> Result<Lock<Host>, Failure> {
    acquire_with(host, &Options::default())
}

fn once(host: &Host) -> Result<Lock<Host>, Failure> {
    let limit = Limit::Once;
    acquire_with(
        host,
        &Options {
            limit,
            ..Options::default()
        },
    )
}

fn within(host: &Host, seconds: u64) -> Result<Lock<Host>, Failure> {
    let limit = Limit::For(Duration::from_secs(seconds));
    acquire_with(
        host,
        &Options {
            limit,
            ..Options::default()
        },
    )
}

fn failure<T>(result: Result<T, Failure>) -> Status {
    result.err().expect("it succeeded").status
}

/// A server, a host, and a lock of a peer's, who never gives a sign of life.
fn locked_by_a_peer() -> (Server, Host) {
    let server = Server::default();
    let host = server.host("a", 10);
    host.peer_locks(LOCK, b"0").unwrap();
    (server, host)
}

/// How many guards there are.
fn guards(server: &Server) -> usize {
    let names = server.names();
    names
        .iter()
        .filter(|name| name.starts_with(".nfslg."))
        .count()
}

#[test]
fn a_cycle_leaves_nothing() {
    let server = Server::default();
    for host in [server.host("a", 10), server.host("a", 11).on_server()] {
        let mut lock = acquire(&host).unwrap();
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(lock.verify(), Ok(()));
        assert_eq!(lock.refresh(), Ok(()));
        assert_eq!(failure(once(&server.host("b", 10))), Status::Held);
        assert_eq!(lock.release(), Ok(()));
        assert!(server.names().is_empty());
    }
}

#[test]
fn a_lost_reply_to_link_does_not_lose_the_lock() {
    for error in [libc::EEXIST, libc::EIO, libc::ETIMEDOUT] {
        let server = Server::default();
        server.next(Request::Link, Fate::Reports(Err(error)));
        let lock = once(&server.host("a", 10)).unwrap();
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(lock.release(), Ok(()));
    }
}

#[test]
fn success_of_link_is_not_believed() {
    let server = Server::default();
    let other = once(&server.host("b", 10)).unwrap();
    server.next(Request::Link, Fate::Lost(Ok(())));
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert_eq!(other.verify(), Ok(()));
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_cache_that_hides_the_second_link_does_not_hide_the_lock() {
    let server = Server::default();
    server.next(Request::Stat, Fate::CachedLinks(1));
    let lock = once(&server.host("a", 10)).unwrap();
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_lock_taken_unnoticed_is_not_left_behind() {
    // The reply to LINK is lost, and the client's cache hides that it took
    // effect: giving up must not leave the lock to stand until it is stale.
    let server = Server::default();
    server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
    server.next(Request::Stat, Fate::CachedLinks(1));
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert!(server.names().is_empty());
    // Just won, it needs no guard to be removed.
    assert_eq!(server.count(Request::Link), 1);
}

#[test]
fn a_swept_temporary_is_made_again() {
    let server = Server::default();
    let host = server.host("a", 10);
    let other = once(&server.host("b", 10)).unwrap();
    server.after(3, |host| {
        let swept = |name: &&String| name.starts_with(".nfslk.");
        let name = host.names().iter().find(swept).cloned().unwrap();
        host.peer_unlocks(&std::ffi::CString::new(name).unwrap())
            .unwrap();
    });
    server.after(5, move |_| assert_eq!(other.release(), Ok(())));
    let start = server.now();
    let lock = acquire(&host).unwrap();
    assert!(server.now().minus(start) < Span::from_secs(7));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn errors_are_told_and_leave_nothing() {
    for error in [libc::ENOSPC, libc::EDQUOT, libc::EACCES, libc::EROFS] {
        let server = Server::default();
        server.next(Request::Create, Fate::Lost(Err(error)));
        let refused = acquire(&server.host("a", 10)).err().unwrap();
        assert_eq!((refused.status, refused.errno), (Status::Error, error));
        assert!(server.names().is_empty());
    }
    let server = Server::default();
    server.next(Request::Link, Fate::Lost(Err(libc::EPERM)));
    let refused = acquire(&server.host("a", 10)).err().unwrap();
    assert_eq!(refused.errno, libc::EPERM);
    assert!(server.names().is_empty());
}

#[test]
fn a_temporary_whose_creation_was_answered_twice_is_not_left() {
    let server = Server::default();
    server.next(Request::Create, Fate::Reports(Err(libc::EEXIST)));
    let lock = acquire(&server.host("a", 10)).unwrap();
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_thief_is_noticed_and_left_alone() {
    let server = Server::default();
    let (host, thief) = (server.host("a", 10), server.host("b", 10));
    let mut lock = acquire(&host).unwrap();
    let ino = server.ino(LOCK);
    thief.peer_unlocks(LOCK).unwrap();
    assert_eq!(failure(lock.verify()), Status::Gone);
    assert_eq!(failure(lock.refresh()), Status::Gone);
    let theirs = acquire(&thief).unwrap();
    let changed = server.changed(LOCK);
    assert_eq!(failure(lock.verify()), Status::Stolen);
    server.pass(1);
    assert_eq!(failure(lock.refresh()), Status::Stolen);
    assert_eq!(server.changed(LOCK), changed);
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(theirs.verify(), Ok(()));
    theirs.release().unwrap();
    // And a thief whose file has the very number that ours had.
    let lock = acquire(&host).unwrap();
    assert_eq!(server.ino(LOCK), ino);
    thief.peer_unlocks(LOCK).unwrap();
    thief.peer_locks(LOCK, b"LAAAA0000aaaaaaa").unwrap();
    assert_eq!(server.ino(LOCK), ino);
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_child_cannot_use_the_handle() {
    let server = Server::default();
    let host = server.host("a", 10);
    let mut lock = acquire(&host).unwrap();
    host.fork();
    assert_eq!(failure(lock.verify()), Status::Forked);
    assert_eq!(failure(lock.refresh()), Status::Forked);
    assert_eq!(failure(lock.release()), Status::Forked);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn release_survives_a_repeated_remove() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.next(Request::Unlink, Fate::Reports(Err(libc::ENOENT)));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn a_holder_whose_lease_ran_out_releases_under_the_guard() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(30);
    let (links, start) = (server.count(Request::Link), server.now());
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links + 1);
    assert_eq!(server.now(), start);
    assert!(server.names().is_empty());

    // It is broken, and taken by another, while the guard is taken.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    server.next(
        Request::Link,
        Fate::After(Box::new(|host| {
            host.peer_unlocks(LOCK).unwrap();
            host.peer_locks(LOCK, b"1").unwrap();
        })),
    );
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["user.lock"]);
    server.host("b", 10).peer_unlocks(LOCK).unwrap();

    // A dead breaker's guard is in the way for a while.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    server.host("b", 10).peer_locks(&guard(), b"").unwrap();
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());

    // The server is too slow for it to act at once, so that the guard settles.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    slow_guard(&server);
    let start = server.now();
    assert_eq!(lock.release(), Ok(()));
    assert!(server.now().minus(start) > Span::from_secs(15));
    assert!(server.names().is_empty());

    // Another takes it for a dead one's and has it before it has settled.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    slow_guard(&server);
    server.after(7, |host| {
        host.peer_unlocks(&guard()).unwrap();
        host.peer_locks(&guard(), b"").unwrap();
    });
    assert_eq!(failure(lock.release()), Status::TimedOut);
    assert_eq!(server.names().len(), 2);
    server.host("b", 10).peer_unlocks(LOCK).unwrap();
    server.host("b", 10).peer_unlocks(&guard()).unwrap();

    // Breakers who live have the guard in turn: the lock is theirs.
    fn next_breaker(server: Server, rounds: u32) {
        let later = server.clone();
        server.after(20, move |host| {
            let _ = host.peer_unlocks(&guard());
            host.peer_locks(&guard(), &rounds.to_ne_bytes()).unwrap();
            if rounds > 0 {
                next_breaker(later, rounds - 1);
            }
        });
    }
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    server.host("b", 10).peer_locks(&guard(), b"").unwrap();
    next_breaker(server.clone(), 10);
    let start = server.now();
    assert_eq!(failure(lock.release()), Status::TimedOut);
    assert_eq!(server.now().minus(start), Span::from_secs(120));
    assert_eq!(server.names().len(), 2);
}

/// How old an answer may not be on which something is removed.
const TOO_OLD: Span = Span::from_millis(3750);

/// A late release finds its lock, and is told late that it has the guard.
fn slow_guard(server: &Server) {
    let late = |host: &Host| host.wait(TOO_OLD);
    server.next(Request::Look, Fate::Served);
    server.next(Request::Look, Fate::Then(Box::new(late), Ok(())));
}

#[test]
fn a_late_release_that_was_held_up_removes_nothing() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    // The first look, that of the guard's link, and the one under the guard.
    server.next(Request::Look, Fate::Served);
    server.next(Request::Look, Fate::Served);
    server.next(Request::Look, Fate::Then(Box::new(robbed), Ok(())));
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["user.lock"]);
}

/// Time passes, and another breaks the lock and takes it.
fn robbed(host: &Host) {
    host.wait(Span::from_secs(400));
    host.peer_unlocks(LOCK).unwrap();
    host.peer_locks(LOCK, b"1").unwrap();
}

#[test]
fn who_was_held_up_while_acquiring_does_not_believe_an_old_look() {
    let server = Server::default();
    server.next(Request::Look, Fate::Then(Box::new(robbed), Ok(())));
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn an_interrupted_release_does_not_remove_the_next_lock() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    let next = |host: &Host| host.peer_locks(LOCK, b"1").unwrap();
    server.next(
        Request::Unlink,
        Fate::Then(Box::new(next), Err(libc::EINTR)),
    );
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.names(), ["user.lock"]);
    server.host("b", 10).peer_unlocks(LOCK).unwrap();

    // And one that took no effect is repeated.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn an_interrupted_break_is_not_repeated() {
    let (server, host) = locked_by_a_peer();
    let next = |host: &Host| host.peer_locks(LOCK, b"1").unwrap();
    server.next(
        Request::Rename,
        Fate::Then(Box::new(next), Err(libc::EINTR)),
    );
    assert_eq!(failure(within(&host, 400)), Status::TimedOut);
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(server.count(Request::Rename), 1);
}

#[test]
fn an_interrupted_break_without_effect_is_tried_again_later() {
    let (server, host) = locked_by_a_peer();
    server.next(Request::Rename, Fate::Lost(Err(libc::EINTR)));
    let lock = acquire(&host).unwrap();
    assert_eq!(server.count(Request::Rename), 2);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn on_the_server_itself_a_lock_that_vanishes_was_removed_by_another() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10).on_server()).unwrap();
    server.next(Request::Unlink, Fate::Reports(Err(libc::ENOENT)));
    assert_eq!(failure(lock.release()), Status::Gone);
}

#[test]
fn a_process_without_descriptors_can_release() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10).on_server()).unwrap();
    server.next(Request::Look, Fate::Lost(Err(libc::EMFILE)));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());

    // Over NFS a name's attributes may be a cache's.
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.next(Request::Look, Fate::Lost(Err(libc::EMFILE)));
    assert_eq!(failure(lock.release()), Status::Error);
}

fn guard() -> std::ffi::CString {
    let lock = nfslock::name::Name::of_lock(MAILBOX).unwrap();
    lock.of_guard().unwrap().as_c_str().to_owned()
}

#[test]
fn refreshing_extends_the_lease() {
    let server = Server::default();
    let mut lock = acquire(&server.host("a", 10)).unwrap();
    let links = server.count(Request::Link);
    for _ in 0..10 {
        server.pass(29);
        assert_eq!(lock.refresh(), Ok(()));
    }
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links);
}

#[test]
fn waiting_ends_at_the_limit() {
    let (server, host) = locked_by_a_peer();
    let start = host.monotonic();
    assert_eq!(failure(within(&host, 7)), Status::TimedOut);
    let waited = host.monotonic().minus(start);
    assert!(waited >= Span::from_secs(7) && waited <= Span::from_secs(8));
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn waiting_ends_when_cancelled() {
    let (server, host) = locked_by_a_peer();
    let stop = Rc::new(Cell::new(false));
    let asked = Rc::clone(&stop);
    server.after(5, move |_| stop.set(true));
    let start = host.monotonic();
    let cancelled = || asked.get();
    let options = Options {
        cancelled: Some(&cancelled),
        ..Options::default()
    };
    assert_eq!(failure(acquire_with(&host, &options)), Status::Cancelled);
    assert!(host.monotonic().minus(start) < Span::from_secs(6));
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_poll_is_one_request_that_changes_something() {
    let (server, host) = locked_by_a_peer();
    assert_eq!(failure(within(&host, 50)), Status::TimedOut);
    assert_eq!(server.count(Request::Create), 1);
    assert!(server.count(Request::Link) > 50);
    assert!(server.count(Request::Look) < 35);
}

#[test]
fn a_stale_lock_is_broken_by_age() {
    for contents in [
        b"".as_slice(),
        b"0",
        b"4711",
        b"LAAAA0000aaaaaaa",
        b"half-wr",
    ] {
        for host in [Server::default(), Server::default()]
            .iter()
            .enumerate()
            .map(|(n, server)| {
                let host = server.host("a", 10);
                if n == 0 {
                    host
                } else {
                    host.on_server()
                }
            })
        {
            host.peer_locks(LOCK, contents).unwrap();
            let start = host.monotonic();
            let lock = acquire(&host).unwrap();
            let waited = host.monotonic().minus(start);
            assert!(waited >= Span::from_secs(300), "{waited:?}");
            assert!(waited <= Span::from_secs(330), "{waited:?}");
            assert_eq!(lock.release(), Ok(()));
        }
    }
}

#[test]
fn an_old_lock_is_watched_before_it_is_broken() {
    let (server, host) = locked_by_a_peer();
    server.pass(10_000);
    let start = host.monotonic();
    let lock = acquire(&host).unwrap();
    let waited = host.monotonic().minus(start);
    assert!(waited >= Span::from_secs(60) && waited <= Span::from_secs(90));
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn a_lock_from_the_future_is_broken_after_watching() {
    let (server, host) = locked_by_a_peer();
    server.step_clock(-315_000_000);
    let start = host.monotonic();
    let lock = acquire(&host).unwrap();
    let waited = host.monotonic().minus(start);
    assert!(waited >= Span::from_secs(300) && waited <= Span::from_secs(330));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_live_holder_is_not_broken_whatever_the_servers_clock_does() {
    let server = Server::default();
    let mut held = acquire(&server.host("a", 10)).unwrap();
    let waiter = server.host("b", 10);
    let failed = Rc::new(Cell::new(false));
    let (told, steps) = (Rc::clone(&failed), server.clone());
    fn live(mut held: Lock<Host>, server: Server, rounds: u32, told: Rc<Cell<bool>>) {
        let later = server.clone();
        server.after(30, move |_| {
            if held.refresh().is_err() {
                told.set(true);
            }
            later.step_clock(if rounds % 2 == 0 {
                315_000_000
            } else {
                -315_000_000
            });
            if rounds > 0 {
                live(held, later, rounds - 1, told);
            } else {
                std::mem::forget(held);
            }
        });
    }
    held.refresh().unwrap();
    steps.step_clock(315_000_000);
    live(held, server.clone(), 40, told);
    assert_eq!(failure(within(&waiter, 1000)), Status::TimedOut);
    assert!(!failed.get());
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_stale_lock_is_not_broken_when_told_so() {
    let (server, host) = locked_by_a_peer();
    let options = Options {
        break_stale: false,
        limit: Limit::For(Duration::from_secs(1000)),
        ..Options::default()
    };
    assert_eq!(failure(acquire_with(&host, &options)), Status::TimedOut);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_holder_that_comes_to_life_while_the_guard_settles_is_spared() {
    let (server, host) = locked_by_a_peer();
    server.after(303, |host| host.peer_touches(LOCK));
    assert_eq!(failure(within(&host, 400)), Status::TimedOut);
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(server.count(Request::Rename), 0);
}

#[test]
fn any_change_is_a_sign_of_life() {
    let (server, host) = locked_by_a_peer();
    for minute in 1..10 {
        server.after(50 * minute, |host| host.peer_changes(LOCK));
    }
    assert_eq!(failure(within(&host, 450)), Status::TimedOut);
    assert_eq!(server.count(Request::Rename), 0);
}

#[test]
fn a_copy_of_a_lock_is_not_the_lock() {
    let server = Server::default();
    let host = server.host("a", 10);
    let lock = acquire(&host).unwrap();
    host.link(LOCK, c"kept").unwrap();
    host.peer_unlocks(LOCK).unwrap();
    host.peer_locks(LOCK, &host.contents(c"kept")).unwrap();
    assert_eq!(failure(lock.verify()), Status::Stolen);
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(server.names(), ["kept", "user.lock"]);
}

#[test]
fn a_dead_guard_is_not_removed_on_an_old_answer() {
    let looks = |held_up: Option<usize>| {
        let (server, host) = locked_by_a_peer();
        host.peer_locks(&guard(), b"dead").unwrap();
        for _ in 1..held_up.unwrap_or(1) {
            server.next(Request::Look, Fate::Served);
        }
        let ino = Rc::new(Cell::new(None));
        if held_up.is_some() {
            let (files, noted) = (server.clone(), Rc::clone(&ino));
            let slow = move |host: &Host| {
                host.wait(TOO_OLD);
                host.peer_locks(c"keeps-the-number", b"").unwrap();
                host.peer_unlocks(&guard()).unwrap();
                host.peer_locks(&guard(), b"live").unwrap();
                noted.set(files.ino(&guard()));
            };
            server.next(Request::Look, Fate::Then(Box::new(slow), Ok(())));
        }
        // How many looks there were when the dead breaker's guard went.
        let before = Rc::new(Cell::new(0));
        for _ in 0..100 {
            let (noted, counting) = (Rc::clone(&before), server.clone());
            let note = move |_: &Host| {
                if noted.get() == 0 && counting.ino(&guard()).is_none() {
                    noted.set(counting.count(Request::Look));
                }
            };
            server.next(Request::Unlink, Fate::Then(Box::new(note), Ok(())));
        }
        let _ = within(&host, 160);
        if held_up.is_some() {
            assert!(ino.get().is_some());
            assert_eq!(server.ino(&guard()), ino.get());
        }
        before.get()
    };
    let last = looks(None);
    assert!(last > 0);
    looks(Some(last));
}

#[test]
fn a_wrong_break_is_undone() {
    let (server, host) = locked_by_a_peer();
    let ino = Rc::new(Cell::new(None));
    let (theirs, files) = (Rc::clone(&ino), server.clone());
    // The next holder gets in between the last look and the rename.
    server.next(
        Request::Rename,
        Fate::After(Box::new(move |host| {
            host.peer_unlocks(LOCK).unwrap();
            host.peer_locks(c"keeps-the-number", b"").unwrap();
            host.peer_locks(LOCK, b"1").unwrap();
            theirs.set(files.ino(LOCK));
        })),
    );
    assert_eq!(failure(within(&host, 350)), Status::TimedOut);
    assert!(ino.get().is_some());
    assert_eq!(server.ino(LOCK), ino.get());
    assert_eq!(server.names(), ["keeps-the-number", "user.lock"]);
}

#[test]
fn breaking_a_lock_that_was_refreshed_just_then_is_undone() {
    let (server, host) = locked_by_a_peer();
    let ino = server.ino(LOCK);
    server.next(
        Request::Rename,
        Fate::After(Box::new(|host| host.peer_touches(LOCK))),
    );
    assert_eq!(failure(within(&host, 350)), Status::TimedOut);
    assert_eq!(server.ino(LOCK), ino);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_breaker_does_not_act_on_an_old_answer() {
    let looks = |held_up: Option<usize>| {
        let (server, host) = locked_by_a_peer();
        for _ in 1..held_up.unwrap_or(1) {
            server.next(Request::Look, Fate::Served);
        }
        if held_up.is_some() {
            let slow = |host: &Host| host.wait(TOO_OLD);
            server.next(Request::Look, Fate::Then(Box::new(slow), Ok(())));
        }
        let before = Rc::new(Cell::new(0));
        let (noted, counting) = (Rc::clone(&before), server.clone());
        server.next(
            Request::Rename,
            Fate::After(Box::new(move |_| noted.set(counting.count(Request::Look)))),
        );
        let _ = within(&host, 340);
        before.get()
    };
    let last = looks(None);
    assert!(last > 0);
    // The answer to the last look before the rename takes too long: none.
    assert_eq!(looks(Some(last)), 0);
}

#[test]
fn undoing_a_wrong_break_destroys_no_third_lock() {
    let (server, host) = locked_by_a_peer();
    let files = server.clone();
    let third = Rc::new(Cell::new(None));
    let noted = Rc::clone(&third);
    server.next(
        Request::Rename,
        Fate::After(Box::new(move |host| {
            host.peer_unlocks(LOCK).unwrap();
            host.peer_locks(c"keeps-the-number", b"").unwrap();
            host.peer_locks(LOCK, b"1").unwrap();
            // The look at what was renamed, and the link that undoes it.
            let files = files.clone();
            let noted = Rc::clone(&noted);
            files.clone().next(
                Request::Link,
                Fate::After(Box::new(move |host| {
                    host.peer_locks(LOCK, b"2").unwrap();
                    noted.set(files.ino(LOCK));
                })),
            );
        })),
    );
    assert_eq!(failure(within(&host, 350)), Status::TimedOut);
    assert!(third.get().is_some());
    assert_eq!(server.ino(LOCK), third.get());
    assert_eq!(server.names(), ["keeps-the-number", "user.lock"]);
}

#[test]
fn a_dead_breakers_guard_does_not_block_for_ever() {
    let (server, host) = locked_by_a_peer();
    host.peer_locks(&guard(), b"LAAAA0000aaaaaaa").unwrap();
    let lock = acquire(&host).unwrap();
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_breaker_that_lost_its_guard_does_not_act() {
    let (server, host) = locked_by_a_peer();
    let name = guard();
    // While it settles, another takes the guard for a dead one's and has it.
    server.after(308, move |host| {
        if host.peer_unlocks(&name).is_ok() {
            host.peer_locks(&name, b"LBBBB0000bbbbbbb").unwrap();
        }
    });
    let ino = server.ino(LOCK);
    assert_eq!(failure(within(&host, 350)), Status::TimedOut);
    assert_eq!(server.ino(LOCK), ino);
    assert_eq!(guards(&server), 1);
}

#[test]
fn a_breaker_that_was_stopped_does_not_act() {
    let (server, host) = locked_by_a_peer();
    // Stopped for as long as its guard is good for, while it settles.
    let files = server.clone();
    server.after(308, move |host| {
        // A file that is made just now tells the time.
        host.peer_locks(c"now", b"").unwrap();
        let now = files.changed(c"now").unwrap();
        host.peer_unlocks(c"now").unwrap();
        let age = files.changed(&guard()).unwrap().until(now).unwrap();
        host.wait(Span::from_secs(30).minus(age));
    });
    assert_eq!(failure(within(&host, 360)), Status::TimedOut);
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(server.count(Request::Rename), 0);
}

#[test]
fn two_breakers_do_not_both_act() {
    let server = Server::default();
    let (first, second) = (server.host("a", 10), server.host("b", 10));
    first.peer_locks(LOCK, b"0").unwrap();
    // The second comes at the first's heels, all the way through, while the
    // first waits: it must end up behind the first.
    server.after(302, move |_| {
        assert_eq!(failure(within(&second, 1)), Status::TimedOut)
    });
    let lock = acquire(&first).unwrap();
    assert_eq!(lock.verify(), Ok(()));
    assert_eq!(server.count(Request::Rename), 1);
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn what_the_killed_left_is_swept_and_nothing_else() {
    let server = Server::default();
    let host = server.host("a", 10);
    for name in [
        c".nfslk.LAAAA0000aaaaaaa",
        c".nfslb.LAAAA0000aaaaaaa",
        c".nfslg.0123456789abcdef",
        c".nfslk.short",
        c".nfslk.LAAAA000000.lock",
        c"user",
        c".profile",
    ] {
        host.peer_locks(name, b"").unwrap();
    }
    host.peer_locks(LOCK, b"0").unwrap();
    server.pass(200);
    host.peer_locks(c".nfslk.LBBBB0000bbbbbbb", b"").unwrap(); // still young
    let lock = acquire(&host).unwrap();
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(
        server.names(),
        [
            // The next one who needs it sees whether somebody has it.
            ".nfslg.0123456789abcdef",
            ".nfslk.LAAAA000000.lock",
            ".nfslk.LBBBB0000bbbbbbb",
            ".nfslk.short",
            ".profile",
            "user"
        ]
    );
}

#[test]
fn a_dead_ones_guard_is_swept() {
    let server = Server::default();
    let host = server.host("a", 10).on_server();
    let held = Lock::acquire_in(host.clone(), c"other", true, &Options::default()).unwrap();
    let token = host.read(c"other.lock").unwrap().unwrap();
    host.peer_locks(c".nfslg.0123456789abcdef", token.as_bytes())
        .unwrap();
    std::mem::forget(held);
    host.kill();
    let next = server.host("a", 11).on_server();
    next.peer_locks(LOCK, b"0").unwrap();
    let lock = acquire(&next).unwrap();
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.names(), ["other.lock"]);
}

#[test]
fn a_lock_that_may_not_be_removed_is_waited_for() {
    let (server, host) = locked_by_a_peer();
    for _ in 0..9 {
        server.next(Request::Rename, Fate::Lost(Err(libc::EACCES)));
    }
    server.after(410, |host| host.peer_unlocks(LOCK).unwrap());
    let lock = acquire(&host).unwrap();
    assert!(server.count(Request::Rename) < 4);
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

/// A lock whose holder, a process of host a, was killed.
fn locked_by_the_dead(on_server: bool) -> (Server, Host) {
    let server = Server::default();
    let mut host = server.host("a", 10);
    if on_server {
        host = host.on_server();
    }
    std::mem::forget(acquire(&host).unwrap());
    host.kill();
    (server, host)
}

#[test]
fn the_dead_of_this_host_are_not_waited_for() {
    for on_server in [false, true] {
        let (server, host) = locked_by_the_dead(on_server);
        let start = server.now();
        let lock = within(&host, 1).unwrap();
        assert_eq!(server.now(), start);
        assert_eq!(server.names(), ["user.lock"]);
        assert_eq!(lock.release(), Ok(()));
        assert!(server.names().is_empty());
        assert_eq!(host.in_memory(), 0);
    }
}

#[test]
fn those_of_another_host_are() {
    let (server, _) = locked_by_the_dead(false);
    let other = server.host("b", 10);
    assert_eq!(failure(within(&other, 89)), Status::TimedOut);
    let start = server.now();
    assert_eq!(acquire(&other).unwrap().release(), Ok(()));
    assert!(server.now().minus(start) > Span::from_secs(200));
}

#[test]
fn nobody_takes_over_who_is_not_to_break_or_not_to_wait() {
    let (server, host) = locked_by_the_dead(false);
    let options = Options {
        break_stale: false,
        limit: Limit::For(Duration::from_secs(5)),
        ..Options::default()
    };
    assert_eq!(failure(acquire_with(&host, &options)), Status::TimedOut);
    assert_eq!(failure(once(&host)), Status::Held);
    assert_eq!(server.count(Request::Rename), 0);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn the_other_name_of_a_dead_ones_lock_goes_with_it() {
    let server = Server::default();
    let host = server.host("a", 10);
    std::mem::forget(acquire(&host).unwrap());
    let token = String::from_utf8(host.contents(LOCK)).unwrap();
    let temporary = std::ffi::CString::new(format!(".nfslk.{token}")).unwrap();
    host.link(LOCK, &temporary).unwrap();
    host.kill();
    assert_eq!(within(&host, 1).unwrap().release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn an_heir_that_was_held_up_leaves_the_lock_alone() {
    let (server, host) = locked_by_the_dead(true);
    // The guard is made, and heard of late.
    server.next(Request::Create, Fate::Served);
    let late = |host: &Host| host.wait(Span::from_secs(4));
    server.next(Request::Create, Fate::Then(Box::new(late), Ok(())));
    let lock = acquire(&host).unwrap();
    assert_eq!(server.count(Request::Rename), 1, "the second time");
    assert_eq!(lock.release(), Ok(()));
    assert!(server.names().is_empty());
}

#[test]
fn the_lock_of_whoever_came_meanwhile_is_not_an_inheritance() {
    let (server, host) = locked_by_the_dead(true);
    server.next(Request::Create, Fate::Served);
    let next = |host: &Host| {
        host.peer_unlocks(LOCK).unwrap();
        host.peer_locks(LOCK, b"1").unwrap();
    };
    server.next(Request::Create, Fate::After(Box::new(next)));
    assert_eq!(failure(within(&host, 1)), Status::TimedOut);
    assert_eq!(server.count(Request::Rename), 0);
    assert_eq!(host.contents(LOCK), b"1");
}

#[test]
fn a_guard_of_the_dead_is_removed_at_once_where_that_is_safe() {
    // Its maker is a breaker that was killed, on the server itself.
    let (server, host) = locked_by_the_dead(true);
    let dead = host.contents(LOCK);
    host.peer_locks(&guard(), &dead).unwrap();
    let start = server.now();
    assert_eq!(within(&host, 1).unwrap().release(), Ok(()));
    assert!(server.now().minus(start) < Span::from_secs(1));

    // Over NFS a request of the dead may be on its way.
    let (server, host) = locked_by_the_dead(false);
    let dead = host.contents(LOCK);
    host.peer_locks(&guard(), &dead).unwrap();
    let start = server.now();
    assert_eq!(acquire(&host).unwrap().release(), Ok(()));
    assert!(server.now().minus(start) >= Span::from_secs(60));
}

#[test]
fn who_waits_behind_another_asks_the_server_no_more() {
    let server = Server::default();
    let (host, other) = (server.host("a", 10), server.host("a", 11));
    let lock = acquire(&host).unwrap();
    assert_eq!(failure(within(&other, 151)), Status::TimedOut);
    // Every five seconds it tries all the same, and looks at the lock, and
    // every fifteen it has its temporary show that it is in use.
    let links = server.count(Request::Link);
    assert!((151 / 5..=151 / 5 + 4).contains(&links), "{links}");
    let (looks, touches) = (server.count(Request::Look), server.count(Request::Touch));
    assert!(looks >= 151 / 5 + 2 * touches, "{looks}");
    assert_eq!(touches, 151 / 15);
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(host.in_memory(), 0);
}

#[test]
fn an_interruption_has_no_end_only_if_it_never_ends() {
    for (times, wins) in [(64, true), (65, false)] {
        let server = Server::default();
        for _ in 0..times {
            server.next(Request::Link, Fate::Lost(Err(libc::EINTR)));
        }
        match once(&server.host("a", 10)) {
            Ok(lock) => assert!(wins && lock.release() == Ok(())),
            Err(failure) => assert!(!wins && failure.errno == libc::EINTR),
        }
        assert!(server.names().is_empty());
    }
}

#[test]
fn a_lock_that_goes_out_of_scope_is_released() {
    let server = Server::default();
    let host = server.host("a", 10);
    drop(acquire(&host).unwrap());
    assert!(server.names().is_empty());
    assert_eq!(host.in_memory(), 0);
}

#[test]
fn a_child_leaves_its_parents_presence_alone() {
    let server = Server::default();
    let host = server.host("a", 10);
    let lock = acquire(&host).unwrap();
    host.fork();
    assert_eq!(failure(lock.release()), Status::Forked);
    assert_eq!(host.in_memory(), 1);
}

#[test]
fn in_a_private_directory_of_the_server_the_contents_decide() {
    let server = Server::default();
    let host = server.host("a", 10).on_server();
    let lock = Lock::acquire_in(host.clone(), MAILBOX, false, &Options::default()).unwrap();
    let looks = server.count(Request::Stat);
    assert_eq!(lock.verify(), Ok(()));
    assert_eq!(server.count(Request::Stat), looks);
    host.peer_unlocks(LOCK).unwrap();
    assert_eq!(failure(lock.verify()), Status::Gone);
    host.peer_locks(LOCK, b"1").unwrap();
    assert_eq!(failure(lock.verify()), Status::Stolen);
    let theirs = host.contents(LOCK);
    assert_eq!(failure(lock.release()), Status::Stolen);
    assert_eq!(host.contents(LOCK), theirs);
}

#[test]
fn a_lock_is_not_born_old() {
    // Peers break by the modification time, however new the name is.
    let server = Server::default();
    let host = server.host("a", 10);
    host.peer_locks(LOCK, b"1").unwrap();
    for second in 1..10 {
        server.after(20 * second, |host| host.peer_touches(LOCK));
    }
    server.after(200, |host| host.peer_unlocks(LOCK).unwrap());
    let lock = acquire(&host).unwrap();
    let made = host.look(LOCK).unwrap().attributes;
    let age = made.mtime.until(made.ctime).unwrap();
    assert!(age < Span::from_secs(16), "{age:?}");
    assert_eq!(server.count(Request::Create), 1, "of temporaries");
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn nobody_waits_behind_himself() {
    // The lock is won, but the look that would tell so fails.
    let server = Server::default();
    let host = server.host("a", 10);
    server.next(Request::Look, Fate::Lost(Err(libc::ESTALE)));
    let start = server.now();
    let lock = acquire(&host).unwrap();
    assert!(server.now().minus(start) < Span::from_secs(1));
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(host.in_memory(), 0);
}

#[test]
fn giving_up_takes_back_only_what_still_is_ones_own() {
    // The lock was taken unnoticed, and the look that tells so is slow.
    let unnoticed = || {
        let server = Server::default();
        server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
        server.next(Request::Stat, Fate::CachedLinks(1));
        server
    };
    let server = unnoticed();
    let robbed = |host: &Host| {
        host.wait(Span::from_secs(31));
        host.peer_unlocks(LOCK).unwrap();
        host.peer_locks(LOCK, b"1").unwrap();
    };
    server.next(Request::Look, Fate::Then(Box::new(robbed), Ok(())));
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert_eq!(server.names(), ["user.lock"]);

    let server = unnoticed();
    let late = |host: &Host| host.wait(Span::from_secs(31));
    server.next(Request::Look, Fate::Then(Box::new(late), Ok(())));
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert!(server.names().is_empty());
}

#[test]
fn a_temporary_that_is_another_file_by_now_is_not_linked() {
    let server = Server::default();
    let other = once(&server.host("b", 10)).unwrap();
    server.after(3, |host| {
        let temporary = |name: &&String| name.starts_with(".nfslk.");
        let name = host.names().iter().find(temporary).cloned().unwrap();
        let name = std::ffi::CString::new(name).unwrap();
        host.peer_unlocks(&name).unwrap();
        host.peer_locks(c"keeps-the-number", b"").unwrap();
        host.peer_locks(&name, b"").unwrap();
    });
    server.after(30, move |_| assert_eq!(other.release(), Ok(())));
    let start = server.now();
    let lock = acquire(&server.host("a", 10)).unwrap();
    assert!(server.now().minus(start) < Span::from_secs(40));
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.names(), ["keeps-the-number"]);
}

#[test]
fn an_interrupted_release_may_be_on_its_way() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    server.after(6, |host| host.peer_unlocks(LOCK).unwrap());
    assert_eq!(lock.release(), Ok(()));
    let next = once(&server.host("b", 10)).unwrap();
    server.pass(20);
    assert_eq!(next.verify(), Ok(()));
    assert_eq!(next.release(), Ok(()));
    assert!(server.names().is_empty());
}

/// How long it takes to release a lock, if that is interrupted at first.
fn interrupted_release(host: &Host) -> Span {
    let lock = acquire(host).unwrap();
    let start = host.monotonic();
    assert_eq!(lock.release(), Ok(()));
    host.monotonic().minus(start)
}

#[test]
fn an_interrupted_release_is_repeated_when_it_cannot_be_on_its_way() {
    let server = Server::default();
    let host = server.host("a", 10);
    // The temporary, and the lock itself.
    server.next(Request::Unlink, Fate::Served);
    server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    assert_eq!(interrupted_release(&host), Span::from_secs(15));
    // Where nothing is on its way.
    server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    assert!(interrupted_release(&host.on_server()).is_zero());
    assert!(server.names().is_empty());
}

#[test]
fn a_removal_that_is_always_interrupted_has_an_end() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    // Too late to be released without the guard.
    server.pass(31);
    // The guard's temporary, the lock, and then the guard.
    server.next(Request::Unlink, Fate::Served);
    server.next(Request::Unlink, Fate::Served);
    for _ in 0..100 {
        server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    }
    let start = server.now();
    assert_eq!(lock.release(), Ok(()));
    let took = server.now().minus(start);
    assert!(Span::from_secs(2 * 60) <= took && took <= Span::from_secs(2 * 60 + 15));
    assert_eq!(guards(&server), 1);
}

#[test]
fn a_guard_that_is_always_late_to_be_seen_is_left() {
    let server = Server::default();
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(31);
    // Of the lock, before and under the guard; then of the guard.
    for _ in 0..3 {
        server.next(Request::Look, Fate::Served);
    }
    for _ in 0..100 {
        let late = |host: &Host| host.wait(Span::from_secs(4));
        server.next(Request::Look, Fate::Then(Box::new(late), Ok(())));
    }
    let start = server.now();
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.now().minus(start), Span::from_secs(8 * 4));
    assert_eq!(guards(&server), 1);
    assert_eq!(server.names().len(), 1);
}

#[test]
fn a_stale_limit_that_leaves_no_time_is_refused() {
    for (stale, good) in [
        (Duration::ZERO, false),
        (Duration::from_millis(1999), false),
        (Duration::from_secs(2), true),
        (Duration::from_secs(86_400), true),
        (Duration::from_millis(86_400_001), false),
    ] {
        let options = Options {
            stale,
            ..Options::default()
        };
        let server = Server::default();
        match acquire_with(&server.host("a", 10), &options) {
            Ok(lock) => assert!(good && lock.release() == Ok(())),
            Err(failure) => assert!(!good && failure.errno == libc::EINVAL),
        }
        assert!(server.names().is_empty());
    }
}

/// Two processes of a host: one that has the lock, and one behind it.
fn holder_and_next(host: &Host) -> [(Token, <Host as nfslock::host::Host>::Presence); 2] {
    let [first, second] = [(); 2].map(|()| {
        let token = host.token();
        (token, host.appear(&token).unwrap())
    });
    assert!(host.line_up(&first.0, &second.0));
    [first, second]
}

#[test]
fn a_place_in_line_is_kept_whoever_has_the_lock() {
    let host = Server::default().host("a", 10);
    let options = Options::default();
    let [(holder, _first), (next, _second)] = holder_and_next(&host);
    let own = host.token();
    let mut patience = Patience::new(&host, &options);
    let mut queue = Queue::new(&host, own);
    for holder in [holder, host.token(), holder] {
        assert_eq!(queue.wait(Some(holder), &mut patience), Ok(false));
        assert_eq!(host.next_after(&next), Some(own));
    }
}

#[test]
fn nobody_waits_for_himself_where_he_left_a_place() {
    let server = Server::default();
    let host = server.host("a", 10);
    let options = Options::default();
    let [(holder, first), (own, _second)] = holder_and_next(&host);
    let mut patience = Patience::new(&host, &options);
    let mut queue = Queue::new(&host, own);
    assert_eq!(queue.wait(Some(holder), &mut patience), Ok(false));
    drop(first);
    assert_eq!(queue.wait(Some(holder), &mut patience), Ok(true));
}

/// How long a breaker has the guard if it is answered this when it renames.
fn failed_break(on_server: bool, errno: i32) -> Span {
    let (server, mut host) = locked_by_a_peer();
    if on_server {
        host = host.on_server();
    }
    let asked = Rc::new(Cell::new(Span::ZERO));
    let noted = Rc::clone(&asked);
    let note = move |host: &Host| {
        noted.set(host.monotonic());
        // It comes back to its name, or never left it.
        let name = host
            .names()
            .iter()
            .find(|name| name.starts_with(".nfslb."))
            .cloned();
        let name = std::ffi::CString::new(name.unwrap()).unwrap();
        host.rename(&name, LOCK).unwrap();
    };
    server.next(Request::Rename, Fate::Then(Box::new(note), Err(errno)));
    let refused = within(&host, 340).err().unwrap();
    assert_eq!((refused.status, refused.errno), (Status::Error, errno));
    assert_eq!(server.names(), ["user.lock"]);
    server.now().minus(asked.get())
}

#[test]
fn a_guard_is_kept_while_a_rename_may_be_on_its_way() {
    for errno in [libc::EIO, libc::ETIMEDOUT] {
        assert_eq!(failed_break(false, errno), Span::from_secs(15));
        assert!(failed_break(true, errno).is_zero());
    }
    // The server has answered.
    assert!(failed_break(false, libc::EROFS).is_zero());
}

#[test]
fn a_rename_that_arrives_late_finds_the_guard_still_there() {
    let (server, host) = locked_by_a_peer();
    server.next(Request::Rename, Fate::Lost(Err(libc::EINTR)));
    let files = server.clone();
    server.after(320, move |host| {
        assert!(files.ino(&guard()).is_some());
        host.peer_unlocks(LOCK).unwrap();
    });
    let lock = acquire(&host).unwrap();
    assert_eq!(server.count(Request::Rename), 1);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_lock_that_is_stale_to_the_server_was_removed() {
    let server = Server::default();
    let mut lock = acquire(&server.host("a", 10)).unwrap();
    server.next(Request::Look, Fate::Lost(Err(libc::ESTALE)));
    assert_eq!(failure(lock.verify()), Status::Gone);
    server.next(Request::Touch, Fate::Lost(Err(libc::ESTALE)));
    assert_eq!(failure(lock.refresh()), Status::Gone);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_lease_begins_when_the_sign_of_life_is_sent() {
    let server = Server::default();
    let mut lock = acquire(&server.host("a", 10)).unwrap();
    let slow = |host: &Host| host.wait(Span::from_secs(20));
    server.next(Request::Touch, Fate::Then(Box::new(slow), Ok(())));
    assert_eq!(lock.refresh(), Ok(()));
    server.pass(11);
    let links = server.count(Request::Link);
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links + 1, "the guard's");

    // And the first with the claim.
    let slow = |host: &Host| host.wait(Span::from_secs(20));
    server.next(Request::Link, Fate::Then(Box::new(slow), Ok(())));
    let lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(11);
    let links = server.count(Request::Link);
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links + 1, "the guard's");
}

#[test]
fn presence_begins_before_the_lock_and_ends_before_its_removal() {
    let server = Server::default();
    let host = server.host("a", 10);
    let seen = Rc::new(Cell::new([None; 2]));
    let note = |index: usize| {
        let seen = Rc::clone(&seen);
        Box::new(move |host: &Host| {
            let mut both = seen.get();
            both[index] = Some(host.in_memory());
            seen.set(both);
        })
    };
    // Over NFS the removal may be carried out when its sender is dead.
    server.next(Request::Link, Fate::After(note(0)));
    let lock = acquire(&host).unwrap();
    server.next(Request::Unlink, Fate::After(note(1)));
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(seen.take(), [Some(1), Some(0)]);

    // On the server itself the dead send nothing.
    server.next(Request::Create, Fate::After(note(0)));
    let lock = acquire(&host.clone().on_server()).unwrap();
    server.next(Request::Unlink, Fate::After(note(1)));
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(seen.take(), [Some(1), Some(1)]);

    // What was taken unnoticed: the temporary goes, and then the lock.
    server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
    server.next(Request::Stat, Fate::CachedLinks(1));
    server.next(Request::Unlink, Fate::After(note(0)));
    server.next(Request::Unlink, Fate::After(note(1)));
    assert_eq!(failure(once(&host)), Status::Held);
    assert_eq!(seen.take(), [Some(0), Some(0)]);
    assert!(server.names().is_empty());
}

#[test]
fn what_was_done_to_the_contents_does_not_tell_the_age() {
    // An exclusive create sets that time by the client's clock.
    let (server, host) = locked_by_a_peer();
    server.pass(250);
    host.peer_changes(LOCK);
    let start = server.now();
    let lock = acquire(&host).unwrap();
    assert!(server.now().minus(start) >= Span::from_secs(300));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_lock_is_watched_from_when_an_answer_was_heard_to_when_one_was_asked_for() {
    let (server, host) = locked_by_a_peer();
    let name = Name::of_lock(MAILBOX).unwrap();
    let mut watched = Observation::default();
    let slow = || {
        let slow = |host: &Host| host.wait(Span::from_secs(20));
        server.next(Request::Look, Fate::Then(Box::new(slow), Ok(())));
    };
    slow();
    assert_eq!(watched.look(&host, &name), Ok(Some(Span::ZERO)));
    server.pass(5);
    slow();
    assert_eq!(watched.look(&host, &name), Ok(Some(Span::from_secs(5))));
}

#[test]
fn what_cannot_be_put_back_is_kept() {
    let (server, host) = locked_by_a_peer();
    let (ino, links) = (server.ino(LOCK), server.clone());
    server.next(
        Request::Rename,
        Fate::After(Box::new(move |host| {
            host.peer_touches(LOCK);
            for _ in 0..3 {
                links.next(Request::Link, Fate::Lost(Err(libc::EIO)));
            }
        })),
    );
    let lock = acquire(&host).unwrap();
    let aside = |name: &&String| name.starts_with(".nfslb.");
    let name = server.names().iter().find(aside).cloned().unwrap();
    assert_eq!(server.ino(&std::ffi::CString::new(name).unwrap()), ino);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn who_was_woken_looks_at_once_who_is_dead() {
    // After a while a lock is looked at every five seconds.
    let server = Server::default();
    let (holder, waiter) = (server.host("a", 10), server.host("a", 11));
    std::mem::forget(acquire(&holder).unwrap());
    server.after(101, move |_| holder.kill());
    let start = server.now();
    let lock = within(&waiter, 200).unwrap();
    let waited = server.now().minus(start);
    assert!(waited >= Span::from_secs(101) && waited < Span::from_secs(103));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn taking_over_asks_for_no_more_than_it_needs() {
    let (server, host) = locked_by_the_dead(false);
    let before = server.count(Request::Unlink);
    let lock = within(&host, 1).unwrap();
    // The guard's temporary, what was put aside, the guard, and the lock's
    // temporary.
    assert_eq!(server.count(Request::Unlink) - before, 4);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn who_was_told_late_gives_a_sign_of_life() {
    let server = Server::default();
    let host = server.host("a", 10);
    let slow = |host: &Host| host.wait(Span::from_secs(31));
    server.next(Request::Look, Fate::Then(Box::new(slow), Ok(())));
    let start = server.now();
    let lock = once(&host).unwrap();
    // Whoever looked before the first one may act for a while, and a clock that
    // was set back may have hidden it.
    assert_eq!(server.count(Request::Touch), 2);
    assert_eq!(server.now().minus(start), Span::from_secs(31 + 15));
    // Its lease is a new one.
    server.pass(29);
    let links = server.count(Request::Link);
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links);
}

#[test]
fn an_interrupted_release_that_cannot_be_looked_after_is_no_success() {
    let server = Server::default();
    let host = server.host("a", 10).on_server();
    let lock = acquire(&host).unwrap();
    server.next(Request::Unlink, Fate::Lost(Err(libc::EINTR)));
    server.next(Request::Look, Fate::Served);
    server.next(Request::Look, Fate::Lost(Err(libc::EIO)));
    let refused = lock.release().unwrap_err();
    assert_eq!((refused.status, refused.errno), (Status::Error, libc::EIO));
    assert_eq!(server.count(Request::Unlink), 1);
}

#[test]
fn a_process_without_descriptors_does_not_release_anothers_lock() {
    let server = Server::default();
    let host = server.host("a", 10).on_server();
    let lock = acquire(&host).unwrap();
    host.peer_unlocks(LOCK).unwrap();
    host.peer_locks(LOCK, b"1").unwrap();
    server.next(Request::Look, Fate::Lost(Err(libc::EMFILE)));
    assert_eq!(lock.release().unwrap_err().errno, libc::EMFILE);
    assert_eq!(server.names(), ["user.lock"]);
}

/// The token in the lock.
fn holder(host: &Host) -> Token {
    Token::parse(&host.contents(LOCK)).unwrap()
}

#[test]
fn who_releases_gives_the_next_one_a_moment() {
    let server = Server::default();
    let host = server.host("a", 10);
    let released = |second: u64, waits: bool| {
        server.pass(second);
        let lock = acquire(&host).unwrap();
        if waits {
            host.line_up(&holder(&host), &host.token());
        }
        let start = server.now();
        assert_eq!(lock.release(), Ok(()));
        server.now().minus(start)
    };
    assert_eq!(released(1, false), Span::ZERO);
    assert_eq!(released(0, true), Span::from_millis(1));
    // Now and then that moment is for those of other hosts.
    let phase = server.now().within(Span::from_secs(5));
    host.wait(Span::from_secs(5).minus(phase));
    assert_eq!(released(0, true), Span::from_millis(501));
    assert_eq!(released(1, false), Span::ZERO);
}

#[test]
fn neighbours_line_up_behind_the_last_one() {
    let server = Server::default();
    let (host, waiter) = (server.host("a", 10), server.host("a", 12));
    let lock = acquire(&host).unwrap();
    // One who waits already.
    let (first, ahead) = (host.token(), holder(&host));
    let present = host.appear(&first);
    host.line_up(&ahead, &first);
    server.after(1, move |host| {
        assert_eq!(host.next_after(&ahead), Some(first));
        assert!(host.next_after(&first).is_some());
    });
    // The holder's end is no news to who waits behind another.
    server.after(2, move |_| assert_eq!(lock.release(), Ok(())));
    let start = server.now();
    let lock = acquire(&waiter).unwrap();
    assert_eq!(server.now().minus(start), Span::from_secs(5));
    host.withdraw(&present.unwrap());
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_lock_that_neighbours_hand_on_is_left_free_now_and_then() {
    for (on_server, second, breather) in [(false, 5, true), (true, 5, false), (true, 15, true)] {
        let server = Server::default();
        let (mut host, mut waiter) = (server.host("a", 10), server.host("a", 11));
        if on_server {
            (host, waiter) = (host.on_server(), waiter.on_server());
        }
        // So that who waits does not look just then for other reasons.
        server.pass(second);
        let start = server.now();
        server.pass(1);
        let lock = acquire(&host).unwrap();
        server.after(4, move |_| assert_eq!(lock.release(), Ok(())));
        let lock = acquire(&waiter).unwrap();
        let waited = server.now().minus(start);
        let least = Span::from_millis(if breather { 5500 } else { 5000 });
        let most = least.plus(Span::from_millis(250));
        assert!(waited >= least && waited <= most, "{waited:?}");
        assert_eq!(lock.release(), Ok(()));
    }
}

#[test]
fn who_was_told_late_may_have_been_looked_at_before_his_sign_of_life() {
    let server = Server::default();
    let slow = |host: &Host| host.wait(Span::from_secs(31));
    server.next(Request::Look, Fate::Then(Box::new(slow), Ok(())));
    server.after(31 + 7, |host| {
        host.peer_unlocks(LOCK).unwrap();
        host.peer_locks(LOCK, b"1").unwrap();
    });
    assert_eq!(failure(once(&server.host("a", 10))), Status::Held);
    assert_eq!(server.names(), ["user.lock"]);
}

#[test]
fn a_lock_that_was_won_unnoticed_is_known_without_its_temporary() {
    let server = Server::default();
    server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
    server.next(Request::Stat, Fate::Lost(Err(libc::ENOENT)));
    server.next(Request::Look, Fate::Lost(Err(libc::ESTALE)));
    let start = server.now();
    let lock = acquire(&server.host("a", 10)).unwrap();
    assert!(server.now().minus(start) < Span::from_secs(1));
    assert_eq!(lock.verify(), Ok(()));
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn who_cannot_end_his_presence_releases_under_the_guard() {
    let server = Server::default();
    let host = server.host("a", 10);
    server.stick();
    let lock = acquire(&host).unwrap();
    let links = server.count(Request::Link);
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links + 1, "the guard's");
    assert!(server.names().is_empty());

    // And takes back what he won unnoticed under the guard.
    server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
    server.next(Request::Stat, Fate::CachedLinks(1));
    let links = server.count(Request::Link);
    assert_eq!(failure(once(&host)), Status::Held);
    assert_eq!(server.count(Request::Link), links + 2, "the guard's, too");
    assert!(server.names().is_empty());
}

#[test]
fn who_cannot_be_the_heir_waits_for_age() {
    let (server, host) = locked_by_the_dead(true);
    server.stick();
    let start = server.now();
    let unlinks = server.count(Request::Unlink);
    assert_eq!(failure(within(&host, 50)), Status::TimedOut);
    assert_eq!(server.count(Request::Unlink), unlinks + 1, "the guard's");
    assert_eq!(server.names(), ["user.lock"]);
    assert_eq!(acquire(&host).unwrap().release(), Ok(()));
    assert!(server.now().minus(start) >= Span::from_secs(300));
}

#[test]
fn a_guard_that_changes_hands_is_not_taken_for_the_dead_ones() {
    let (server, host) = locked_by_the_dead(true);
    let dead = host.contents(LOCK);
    host.peer_locks(&guard(), &dead).unwrap();
    let next = |host: &Host| {
        host.peer_unlocks(&guard()).unwrap();
        host.peer_locks(&guard(), b"live").unwrap();
    };
    // The look at the lock, and that at the guard.
    server.next(Request::Look, Fate::Served);
    server.next(Request::Look, Fate::Then(Box::new(next), Ok(())));
    assert_eq!(failure(within(&host, 1)), Status::TimedOut);
    assert_eq!(host.contents(&guard()), b"live");
    assert_eq!(server.count(Request::Rename), 0);
}

/// Who hears late is in danger of being robbed by a breaker under way.
const LATE: Span = Span::from_secs(75);

#[test]
fn giving_up_after_hearing_late_takes_the_guard() {
    let server = Server::default();
    let cancelled = Rc::new(Cell::new(false));
    let (flag, late) = (cancelled.clone(), move |host: &Host| {
        host.wait(LATE);
        cancelled.set(true);
    });
    server.next(Request::Look, Fate::Then(Box::new(late), Ok(())));
    let is_cancelled = || flag.get();
    let options = Options {
        cancelled: Some(&is_cancelled),
        ..Options::default()
    };
    let refused = acquire_with(&server.host("a", 10), &options);
    assert_eq!(failure(refused), Status::Cancelled);
    assert_eq!(server.count(Request::Link), 2, "the guard's, too");
    assert!(server.names().is_empty());
}

#[test]
fn a_sign_of_life_that_comes_too_late_is_no_lease() {
    let server = Server::default();
    let mut lock = acquire(&server.host("a", 10)).unwrap();
    server.pass(44);
    assert_eq!(lock.refresh(), Ok(()));
    server.pass(29);
    let links = server.count(Request::Link);
    assert_eq!(lock.refresh(), Ok(()));
    server.pass(46);
    assert_eq!(lock.refresh(), Ok(()));
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(server.count(Request::Link), links + 1, "the guard's");
}

#[test]
fn what_an_earlier_request_won_is_as_old_as_that() {
    // The lock is taken unnoticed, and the look at it is answered late.
    let server = Server::default();
    server.next(Request::Link, Fate::Reports(Err(libc::EEXIST)));
    server.next(Request::Stat, Fate::CachedLinks(1));
    let late = |host: &Host| host.wait(LATE);
    server.next(Request::Look, Fate::Then(Box::new(late), Ok(())));
    let start = server.now();
    let lock = acquire(&server.host("a", 10)).unwrap();
    let waited = server.now().minus(start);
    assert!(waited >= LATE.plus(Span::from_secs(15)), "{waited:?}");
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_guard_stands_until_it_is_known_what_became_of_the_break() {
    let (server, host) = locked_by_a_peer();
    // It sees nothing while it waits for that, but would see its guard again.
    let blind = |host: &Host| {
        for _ in 0..129 {
            let blind = Fate::Lost(Err(libc::ETIMEDOUT));
            host.server().next(Request::Look, blind);
        }
    };
    let lost = Fate::Then(Box::new(blind), Err(libc::ETIMEDOUT));
    server.next(Request::Rename, lost);
    // What was broken is not there any more.
    let lock = within(&host, 340).unwrap();
    assert_eq!(guards(&server), 1);
    assert_eq!(lock.release(), Ok(()));
}

#[test]
fn a_guard_is_let_go_only_while_it_is_ones_own() {
    // The looks of a late release: at its lock, at the guard that it links, at
    // the lock again, and at the guard that it is to let go.
    let late_release = |then: Fate| {
        let server = Server::default();
        let lock = acquire(&server.host("a", 10)).unwrap();
        server.pass(31);
        for _ in 0..3 {
            server.next(Request::Look, Fate::Served);
        }
        server.next(Request::Look, then);
        assert_eq!(lock.release(), Ok(()));
        guards(&server)
    };
    let robbed = |host: &Host| {
        host.wait(TOO_OLD);
        host.peer_unlocks(&guard()).unwrap();
        host.peer_locks(&guard(), b"").unwrap();
    };
    assert_eq!(late_release(Fate::Then(Box::new(robbed), Ok(()))), 1);
    let late = |host: &Host| host.wait(TOO_OLD);
    assert_eq!(late_release(Fate::Then(Box::new(late), Ok(()))), 0);
}
