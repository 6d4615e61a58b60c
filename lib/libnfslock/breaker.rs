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

//! Breaking a stale lock: one breaker at a time, nothing removed but what was
//! seen to be stale, and a wrong break undone.

use crate::claim::{discard, Taken};
use crate::filesystem::{FileSystem, Kind, Look};
use crate::guard::Guard;
use crate::name::Name;
use crate::observation::Observation;
use crate::patience::Patience;
use crate::status::Failure;
use crate::timing::{Span, Timing};

/// How often putting back a lock is tried when a request fails.
const UNDO_TRIES: u32 = 3;

/// What came of a look at a lock that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not there any more: try again.
    Removed,
    /// It was left alone.
    Left,
    /// It was left alone since it may not be removed.
    Refused,
}

/// What a waiter has seen of the lock in its way, and of the guard.
#[derive(Default)]
pub struct Watch {
    lock: Observation,
    guard: Observation,
    next: Span,
}

impl Watch {
    /// Look at the lock if it is time, and break it if it is stale.
    pub fn consider<F: FileSystem>(
        &mut self,
        fs: &F,
        name: &Name,
        timing: &Timing,
        patience: &Patience<'_, F>,
    ) -> Result<Outcome, Failure> {
        let now = fs.monotonic();
        if now < self.next {
            return Ok(Outcome::Left);
        }
        self.next = now.plus(timing.glance);
        let Some(watched) = self.lock.look(fs, name)? else {
            return Ok(Outcome::Removed);
        };
        // Breaking needs the time to settle; begun too late it would end
        // after the caller's limit.
        if watched < timing.watch || patience.left() < timing.settle.times(2) {
            return Ok(Outcome::Left);
        }
        let seen = match self.lock.seen() {
            // A directory could be neither removed nor put back.
            Some(seen) if seen.attributes.kind != Kind::Directory => *seen,
            _ => return Ok(Outcome::Left),
        };
        let Some(guard) = Guard::take(fs, name, timing, &mut self.guard)? else {
            return Ok(Outcome::Left);
        };
        let age = seen.attributes.ctime.until(guard.taken.attributes.ctime);
        let outcome = if watched >= timing.stale || age.is_some_and(|age| age >= timing.stale) {
            let settled = patience.wait(timing.settle);
            settled.and_then(|()| break_lock(fs, name, &seen, &guard, timing))
        } else {
            // Look again when it will have come of age.
            let rest = timing.stale.minus(age.unwrap_or(watched));
            self.next = now.plus(rest.min(timing.stale.minus(watched)));
            Ok(Outcome::Left)
        };
        match outcome {
            Ok(Outcome::Removed) => sweep(fs, &guard.taken, timing),
            // It may be released yet; another attempt at breaking it is idle.
            Ok(Outcome::Refused) => self.next = now.plus(timing.watch),
            _ => {}
        }
        guard.release();
        outcome
    }
}

/// Remove a lock, if it is still what was seen, under a guard that settled.
fn break_lock<F: FileSystem>(
    fs: &F,
    lock: &Name,
    seen: &Look,
    guard: &Guard<'_, F>,
    timing: &Timing,
) -> Result<Outcome, Failure> {
    let aside = Name::of_aside(&guard.taken.identity.token).map_err(Failure::system)?;
    match fs.look(lock.as_c_str()) {
        Ok(found) if found.is_unchanged_since(seen) => {}
        Ok(_) => return Ok(Outcome::Left),
        Err(libc::ENOENT | libc::ESTALE) => return Ok(Outcome::Removed),
        Err(errno) => return Err(Failure::system(errno)),
    }
    // Lost the guard, or took too long: whoever has it now acts.
    if !guard.stands(timing) {
        return Ok(Outcome::Left);
    }
    let renamed = fs.rename(lock.as_c_str(), aside.as_c_str());
    let found = fs.look(aside.as_c_str());
    match found {
        Ok(found) if found.is_same_as(seen) => {
            discard(fs, &aside);
            return Ok(Outcome::Removed);
        }
        Err(libc::ENOENT | libc::ESTALE) => {
            return match renamed {
                Ok(()) | Err(libc::ENOENT | libc::ESTALE) => Ok(Outcome::Removed),
                Err(libc::EINTR) => Ok(Outcome::Left),
                Err(libc::EPERM | libc::EACCES | libc::EISDIR | libc::ENOTDIR) => {
                    Ok(Outcome::Refused)
                }
                Err(errno) => Err(Failure::system(errno)),
            }
        }
        _ => {}
    }
    // The holder came to life between the look and the rename, or gave way to
    // another: put the lock back, unless a third one's stands there by now.
    // Where that cannot be done, what was put aside is kept.
    for _ in 0..UNDO_TRIES {
        let restored = fs.restore(aside.as_c_str(), lock.as_c_str());
        if restored.is_ok() || fs.look(lock.as_c_str()).is_ok() {
            discard(fs, &aside);
            break;
        }
    }
    found.map_or_else(|errno| Err(Failure::system(errno)), |_| Ok(Outcome::Left))
}

/// Remove what processes that were killed left in the directory: files of the
/// protocol's own names that are older than the stale limit.  Reading a large
/// directory takes its time, so one release in 64 does it: that of the lock
/// whose token happens to end in a zero.
pub fn sweep_sometimes<F: FileSystem>(fs: &F, taken: &Taken, timing: &Timing) {
    if taken.identity.token.as_bytes().ends_with(b"0") {
        sweep(fs, taken, timing);
    }
}

/// When a file was made it told the server's present.  What is removed may be
/// in use nevertheless, since that clock may have been set: then a temporary
/// is made again, and a guard's owner sees that it is gone before it acts.
fn sweep<F: FileSystem>(fs: &F, made: &Taken, timing: &Timing) {
    let now = made.attributes.ctime;
    let _ = fs.list(&mut |name| {
        if !Name::is_leftover(name) {
            return;
        }
        let age = fs.stat(name).ok().and_then(|file| file.ctime.until(now));
        if age.is_some_and(|age| age >= timing.stale) {
            let _ = fs.unlink(name);
        }
    });
}
