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

//! Breaking a lock that is stale, or whose holder is known to be dead: one
//! breaker at a time, nothing removed but what was seen, and a wrong break
//! undone.

use core::ffi::c_int;

use crate::claim::{discard, Taken};
use crate::filesystem::{Contents, FileSystem, Kind, Look};
use crate::guard::Guard;
use crate::identity::Token;
use crate::name::Name;
use crate::observation::Observation;
use crate::patience::Patience;
use crate::status::Failure;
use crate::timing::{Span, Timing};

/// More leftovers than this are somebody's trap, and not looked at.
const MOST: u32 = 1000;

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
    /// It was to be removed, and may be yet: the guard is not to be let go.
    Pending,
}

/// After the first look at a lock the next one comes so soon, and each later
/// one after twice as long: a holder that was killed takes a moment to die.
const FIRST_GLANCE: Span = Span::from_millis(1);

/// What a waiter has seen of the lock in its way, and of the guard.
#[derive(Default)]
pub struct Watch {
    lock: Observation,
    guard: Observation,
    glance: Span,
    next: Span,
    /// When the last look was sent.
    looked: Span,
    /// It cannot be stale before.
    next_break: Span,
    /// A dead holder whose heir this process cannot be.
    not_heir_of: Option<Token>,
}

impl Watch {
    /// What stands for whoever held the lock when it was last looked at.
    pub fn holder(&self) -> Option<Token> {
        self.lock.token()
    }

    /// Was the lock seen to be another's since that moment?
    pub fn has_seen_another(&self, own: &Token, since: Span) -> bool {
        self.looked >= since && self.lock.token().is_some_and(|token| token != *own)
    }

    /// Something has happened: look again at once.
    pub fn alert(&mut self) {
        self.glance = Span::ZERO;
        self.next = Span::ZERO;
    }

    /// Look at the lock if it is time, and break it if its holder is dead or
    /// it is stale.
    pub fn consider<F: FileSystem>(
        &mut self,
        fs: &F,
        name: &Name,
        own: &Token,
        timing: &Timing,
        patience: &Patience<'_, F>,
    ) -> Result<Outcome, Failure> {
        let now = fs.monotonic();
        if now < self.next {
            return Ok(Outcome::Left);
        }
        self.glance = self.glance.times(2).max(FIRST_GLANCE).min(timing.glance);
        self.next = now.plus(self.glance);
        self.looked = now;
        let Some(watched) = self.lock.look(fs, name)? else {
            return Ok(Outcome::Removed);
        };
        let seen = match self.lock.seen() {
            // A directory could be neither removed nor put back.
            Some(seen) if seen.attributes.kind != Kind::Directory => *seen,
            _ => return Ok(Outcome::Left),
        };
        if watched.is_zero() {
            self.next_break = Span::ZERO;
        }
        let dead = self.lock.dead(fs);
        let dead = dead.filter(|dead| self.not_heir_of != Some(*dead));
        // By age, breaking needs the time to settle; begun too late it would
        // end after the caller's limit.
        let may_be_stale = watched >= timing.watch
            && now >= self.next_break
            && patience.left() >= timing.settle.times(2);
        if !patience.breaks() || (dead.is_none() && !may_be_stale) {
            return Ok(Outcome::Left);
        }
        let Some(mut guard) = Guard::take(fs, name, own, timing, &mut self.guard)? else {
            return Ok(Outcome::Left);
        };
        let outcome = if let Some(dead) = dead {
            let outcome = break_lock(fs, name, &seen, Some(&dead), &guard, timing);
            match outcome {
                Ok(Outcome::Refused) => self.not_heir_of = Some(dead),
                // It may have died before it removed the lock's other name.
                Ok(Outcome::Removed) if seen.attributes.nlink > 1 => {
                    if let Ok(temporary) = Name::of_temporary(&dead) {
                        discard(fs, &temporary);
                    }
                }
                _ => {}
            }
            outcome
        } else {
            self.break_old(fs, name, &seen, watched, &mut guard, timing, patience)
        };
        if outcome != Ok(Outcome::Pending) {
            guard.release(timing);
        }
        outcome
    }

    /// Break the lock if it has been there unchanged for the stale limit.
    #[allow(clippy::too_many_arguments)]
    fn break_old<F: FileSystem>(
        &mut self,
        fs: &F,
        name: &Name,
        seen: &Look,
        watched: Span,
        guard: &mut Guard<'_, F>,
        timing: &Timing,
        patience: &Patience<'_, F>,
    ) -> Result<Outcome, Failure> {
        let age = seen.attributes.ctime.until(guard.taken.attributes.ctime);
        if watched < timing.stale && age.is_none_or(|age| age < timing.stale) {
            // Wait until it will have come of age.
            let rest = timing.stale.minus(age.unwrap_or(watched));
            let rest = rest.min(timing.stale.minus(watched));
            self.next_break = fs.monotonic().plus(rest);
            return Ok(Outcome::Left);
        }
        guard.settle(timing, |time| patience.wait(time))?;
        let outcome = break_lock(fs, name, seen, None, guard, timing);
        match outcome {
            Ok(Outcome::Removed) => sweep(fs, &guard.taken, timing),
            // It may be released yet; another attempt at breaking it is idle.
            Ok(Outcome::Refused) => self.next_break = fs.monotonic().plus(timing.watch),
            _ => {}
        }
        outcome
    }
}

/// Remove a lock, if it is still what was seen, and the guard permits it.
///
/// The lock of a process of this host that is known to be dead is removed by
/// its heir alone.  No request of the dead is on its way that could remove
/// another's lock: its presence ends before one is sent that a server may
/// carry out later.
fn break_lock<F: FileSystem>(
    fs: &F,
    lock: &Name,
    seen: &Look,
    dead: Option<&Token>,
    guard: &Guard<'_, F>,
    timing: &Timing,
) -> Result<Outcome, Failure> {
    let aside = Name::of_aside(&fs.token()).map_err(Failure::system)?;
    match fs.look(lock.as_c_str()) {
        Ok(found) if found.is_unchanged_since(seen) => {}
        Ok(_) => return Ok(Outcome::Left),
        Err(libc::ENOENT | libc::ESTALE) => return Ok(Outcome::Removed),
        Err(errno) => return Err(Failure::system(errno)),
    }
    // Lost the guard, or took too long: whoever has it now acts.
    if !guard.permits(timing) {
        return Ok(Outcome::Left);
    }
    // Another is the heir, or may be, and this process may not.
    if dead.is_some_and(|dead| !fs.inherit(dead)) {
        return Ok(Outcome::Refused);
    }
    let renamed = fs.rename(lock.as_c_str(), aside.as_c_str());
    let sent = fs.monotonic();
    let mut found = fs.look(aside.as_c_str());
    // Over NFS a request that failed may be on its way yet, and is not to
    // arrive after the guard is let go.
    let pending = renamed.is_err_and(|errno| !is_an_answer(errno)) && !fs.is_local();
    while pending && found.is_err() && fs.monotonic().minus(sent) < timing.settle {
        fs.wait(timing.arrival);
        found = fs.look(aside.as_c_str());
    }
    if pending && found.is_err() && !is_absent(&found) {
        return Ok(Outcome::Pending);
    }
    match found {
        Ok(found) if found.is_same_as(seen) => {
            discard(fs, &aside);
            return Ok(Outcome::Removed);
        }
        _ if is_absent(&found) => {
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

fn is_absent(found: &Result<Look, c_int>) -> bool {
    matches!(found, Err(libc::ENOENT | libc::ESTALE))
}

/// Does this error come from whoever has the directory, so that the request is
/// done with?
fn is_an_answer(errno: c_int) -> bool {
    matches!(
        errno,
        libc::ENOENT
            | libc::ESTALE
            | libc::EPERM
            | libc::EACCES
            | libc::EISDIR
            | libc::ENOTDIR
            | libc::EROFS
    )
}

/// Remove what processes that were killed left in the directory: files of the
/// protocol's own names that are older than the stale limit.  Reading a large
/// directory takes its time, so one release in 64 does it: that of the lock
/// whose token happens to end in a zero; and one that is due for it.
pub fn sweep_sometimes<F: FileSystem>(fs: &F, taken: &Taken, timing: &Timing, is_due: bool) {
    if is_due || taken.identity.token.as_bytes().ends_with(b"0") {
        sweep(fs, taken, timing);
        fs.tidy();
    }
}

/// When a file was made it told the server's present.  What is removed may be
/// in use nevertheless, since that clock may have been set: then a temporary is
/// made again.  A guard is in use by whoever acts under it, and goes only if
/// its maker is known to be dead, or to the next one that needs it.
fn sweep<F: FileSystem>(fs: &F, made: &Taken, timing: &Timing) {
    let now = made.attributes.ctime;
    let mut seen: u32 = 0;
    let _ = fs.list(&mut |name| {
        if seen >= MOST || !Name::is_leftover(name) {
            return;
        }
        seen = seen.saturating_add(1);
        let looked = fs.monotonic();
        let found = fs.look(name);
        let age = found
            .ok()
            .and_then(|found| found.attributes.ctime.until(now));
        let dead = || match found {
            Ok(Look {
                contents: Contents::Ours(token),
                attributes,
            }) => fs.is_local() && fs.is_dead(&token, attributes.uid),
            _ => false,
        };
        if age.is_some_and(|age| age >= timing.stale)
            && (!Name::is_guard(name) || dead())
            && fs.monotonic().minus(looked) < timing.slack
        {
            let _ = fs.unlink(name);
        }
    });
}
