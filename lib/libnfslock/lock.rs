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

//! The lock: acquired, verified, refreshed, released.

use core::ffi::{c_int, CStr};

use crate::breaker::{self, Outcome};
use crate::claim::{remove, Claim, Taken};
use crate::filesystem::{Contents, FileSystem, Kind, Look, INTERRUPTIONS};
use crate::guard::Guard;
use crate::identity::Token;
use crate::name::Name;
use crate::options::{Limit, Options, STALE_LIMITS};
use crate::patience::Patience;
use crate::queue::{self, Queue};
use crate::status::{Failure, Status};
use crate::timing::{Span, Timing};

/// A lock that is held.
pub struct Lock<F: FileSystem> {
    fs: F,
    name: Name,
    taken: Taken,
    common: bool,
    timing: Timing,
    /// When the last request that shows life was sent, on the monotonic clock,
    /// if that is known to protect the lock.
    alive: Option<Span>,
    /// Shows the processes of this host that the holder lives.
    presence: Option<F::Presence>,
    pid: i32,
    released: bool,
}

impl<F: FileSystem> Lock<F> {
    /// Acquire the lock on a mailbox in a file system's directory.  In a
    /// common directory others may make files too, and more is checked.
    pub fn acquire_in(
        fs: F,
        mailbox: &CStr,
        common: bool,
        options: &Options,
    ) -> Result<Self, Failure> {
        if !STALE_LIMITS.contains(&options.stale) {
            return Err(Failure::system(libc::EINVAL));
        }
        let name = Name::of_lock(mailbox)?;
        let timing = Timing::new(options.stale);
        let own = fs.token();
        // Before the lock can be seen: one whose token was never present is
        // taken for some other host's.
        let presence = fs.appear(&own);
        let mut claim = Claim::on(&fs, &name, own, &timing);
        let mut since = None;
        let won = win(&mut claim, &fs, &name, own, &timing, options, &mut since);
        let pid = fs.pid();
        let (taken, alive) = match won {
            Ok(won) => won,
            Err(failure) => {
                // Over NFS, as in a release, before the lock is taken back.
                let hidden = presence.as_ref().is_none_or(|presence| {
                    let hidden = fs.withdraw(presence);
                    // Who waits behind us waits for nothing, even if a child
                    // of ours is still present.
                    fs.ring(presence);
                    hidden
                });
                let left = claim.give_up();
                let since = since.filter(|_| hidden || fs.is_local());
                let mut rest = Self {
                    taken: match left {
                        [Some(taken), _] | [_, Some(taken)] => taken,
                        [None, None] => return Err(failure),
                    },
                    fs,
                    name,
                    common,
                    timing,
                    alive: since,
                    presence: None,
                    pid,
                    released: true,
                };
                for taken in left.into_iter().flatten() {
                    rest.taken = taken;
                    let _ = rest.remove();
                }
                return Err(failure);
            }
        };
        Ok(Self {
            fs,
            name,
            taken,
            common,
            timing,
            alive: Some(alive),
            presence,
            pid,
            released: false,
        })
    }

    /// Is the lock still ours?
    ///
    /// # Errors
    /// Stolen, gone, forked, or the system's error where it could not be
    /// found out.
    pub fn verify(&self) -> Result<(), Failure> {
        if self.fs.pid() != self.pid {
            return Err(Status::Forked.into());
        }
        let name = self.name.as_c_str();
        // Only a fresh open tells the truth.  Where others may make files, one
        // of them may have put anything there; in a private directory of a
        // local file system nobody did, and no other file has our token.
        if !self.common && self.fs.is_local() {
            match self.fs.read(name) {
                Ok(token) if token == Some(self.taken.identity.token) => return Ok(()),
                Ok(_) => return Err(Status::Stolen.into()),
                Err(_) => {}
            }
        }
        match self.fs.look(name) {
            Ok(found) => self.judge(&found),
            // Attributes by name may come from a cache, except where they
            // are the disk's own.
            Err(libc::EMFILE | libc::ENFILE) if self.fs.is_local() => self.judge_unopened(),
            Err(errno) => Err(unfound(errno)),
        }
    }

    /// Give a sign of life.
    ///
    /// # Errors
    /// As [`Lock::verify`].
    pub fn refresh(&mut self) -> Result<(), Failure> {
        if self.fs.pid() != self.pid {
            return Err(Status::Forked.into());
        }
        let sent = self.fs.monotonic();
        let touched = self.fs.touch(self.name.as_c_str(), &self.taken.identity);
        let found = touched.map_err(unfound)?;
        self.judge(&found)?;
        self.taken.attributes = found.attributes;
        // One that comes so late that others may have watched the lock for
        // long enough does not stop a breaker that is under way.
        if self.is_alive(sent, self.timing.lease.plus(self.timing.settle)) {
            self.alive = Some(sent);
        }
        Ok(())
    }

    /// Release the lock if it is still ours.
    ///
    /// # Errors
    /// As [`Lock::verify`], and timed out where the lock was not refreshed
    /// for so long that another may be breaking it: it was left to that other.
    pub fn release(mut self) -> Result<(), Failure> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<(), Failure> {
        self.released = true;
        let outcome = self.remove();
        let own = self.taken.identity.token;
        // A child has only a copy of what is its parent's.
        if let Some(presence) = self.presence.take() {
            if self.fs.pid() == self.pid {
                self.fs.withdraw(&presence);
                queue::hand_over(&self.fs, &own, presence);
            }
        }
        if outcome.is_ok() {
            breaker::sweep_sometimes(&self.fs, &self.taken, &self.timing);
        }
        outcome
    }

    fn remove(&self) -> Result<(), Failure> {
        self.verify()?;
        // A server may remove the lock after its holder was killed, and by
        // then it may be the next one's: nobody is to take over from a holder
        // that has sent that request.  A local file system has removed it, or
        // never will.
        let hidden = match &self.presence {
            Some(presence) if !self.fs.is_local() => self.fs.withdraw(presence),
            _ => true,
        };
        let outcome = self.unlink(|| hidden && self.lease_holds());
        if outcome != Err(Status::TimedOut.into()) {
            return outcome;
        }
        // Another may hold this lock for stale by now, and be about to break
        // it.  Under the breakers' guard nobody else is, so that removing it
        // cannot hit the lock of whoever comes after.
        let own = &self.taken.identity.token;
        let mut guard = Guard::wait(&self.fs, &self.name, own, &self.timing)?;
        let mut outcome = self.remove_under(&guard);
        if outcome == Err(Status::TimedOut.into()) {
            // Too slow to act at once, as nobody else may.
            let settled = guard.settle(&self.timing, |time| {
                self.sleep(time);
                Ok(())
            });
            outcome = settled.and_then(|()| self.remove_under(&guard));
        }
        guard.release(&self.timing);
        outcome
    }

    fn remove_under(&self, guard: &Guard<'_, F>) -> Result<(), Failure> {
        self.verify()?;
        self.unlink(|| guard.permits(&self.timing))
    }

    fn sleep(&self, time: Span) {
        let end = self.fs.monotonic().plus(time);
        while self.fs.monotonic() < end {
            self.fs.wait(end.minus(self.fs.monotonic()));
        }
    }

    fn lease_holds(&self) -> bool {
        self.is_alive(self.fs.monotonic(), self.timing.lease)
    }

    /// Was the last sign of life less than that long ago?
    fn is_alive(&self, now: Span, limit: Span) -> bool {
        self.alive.is_some_and(|alive| now.minus(alive) < limit)
    }

    /// Remove the lock, that was ours a moment ago, while that is permitted.
    fn unlink(&self, permitted: impl Fn() -> bool) -> Result<(), Failure> {
        remove(
            &self.fs,
            &self.name,
            &self.timing,
            permitted,
            || match self.verify() {
                Ok(()) => Ok(true),
                Err(failure) if matches!(failure.status, Status::Gone | Status::Stolen) => {
                    Ok(false)
                }
                Err(failure) => Err(failure),
            },
        )
    }

    fn judge(&self, found: &Look) -> Result<(), Failure> {
        let known = &self.taken.attributes;
        let is_that_file = (found.attributes.dev, found.attributes.ino) == (known.dev, known.ino)
            && found.attributes.uid == known.uid
            && found.attributes.kind == Kind::Regular;
        match found.contents {
            Contents::Ours(token) if is_that_file && token == self.taken.identity.token => Ok(()),
            // With other rights than those that made it, it cannot be told.
            Contents::Unreadable if is_that_file && found.attributes.size == known.size => {
                Err(Failure::system(libc::EACCES))
            }
            _ => Err(Status::Stolen.into()),
        }
    }

    /// The process has no descriptor left to look with.  A lock that stays
    /// for want of one would be in everybody's way until it is stale.
    fn judge_unopened(&self) -> Result<(), Failure> {
        let found = self.fs.stat(self.name.as_c_str()).map_err(unfound)?;
        if found == self.taken.attributes {
            Ok(())
        } else {
            Err(Failure::system(libc::EMFILE))
        }
    }
}

/// What it means that a lock which was ours cannot be looked at.
fn unfound(errno: c_int) -> Failure {
    match errno {
        libc::ENOENT | libc::ESTALE => Status::Gone.into(),
        errno => Failure::system(errno),
    }
}

impl<F: FileSystem> Drop for Lock<F> {
    /// A lock that goes out of scope is released; what came of it is not told.
    fn drop(&mut self) {
        if !self.released {
            let _ = self.let_go();
        }
    }
}

/// Try until the lock is won, and answer with it and with when the request
/// that won it was sent.
fn win<F: FileSystem>(
    claim: &mut Claim<'_, F>,
    fs: &F,
    name: &Name,
    own: Token,
    timing: &Timing,
    options: &Options,
    since: &mut Option<Span>,
) -> Result<(Taken, Span), Failure> {
    let mut patience = Patience::new(fs, options);
    let mut watch = breaker::Watch::default();
    let mut queue = Queue::new(fs, own);
    let mut interruptions: u32 = 0;
    loop {
        // It may have been an earlier request that won, unnoticed.
        let sent = *since.get_or_insert(fs.monotonic());
        match claim.attempt() {
            Ok(Some(taken)) => {
                if let Some(won) = confirm(fs, name, timing, taken, sent, &patience)? {
                    return Ok(won);
                }
            }
            Ok(None) => interruptions = 0,
            Err(libc::EINTR) if interruptions < INTERRUPTIONS => {
                interruptions = interruptions.saturating_add(1);
                patience.wait(Span::ZERO)?;
                continue;
            }
            Err(errno) => return Err(Failure::system(errno)),
        }
        if matches!(options.limit, Limit::Once) {
            return Err(Status::Held.into());
        }
        let before = fs.monotonic();
        if watch.consider(fs, name, &own, timing, &patience)? == Outcome::Removed {
            continue;
        }
        if fs.is_local() || watch.has_seen_another(&own, before) {
            *since = None;
        }
        if queue.wait(watch.holder(), &mut patience)? {
            watch.alert();
        }
    }
}

/// Who was stopped, or cut off from the server, between sending the request
/// that won and hearing of it, may have lost the lock to a breaker since.
fn confirm<F: FileSystem>(
    fs: &F,
    name: &Name,
    timing: &Timing,
    mut taken: Taken,
    mut sent: Span,
    patience: &Patience<'_, F>,
) -> Result<Option<(Taken, Span)>, Failure> {
    let mut late = false;
    while fs.monotonic().minus(sent) >= timing.lease {
        // Whoever was too slow again may be so for ever.
        patience.wait(Span::ZERO)?;
        if late && patience.left().is_zero() {
            return Err(Status::TimedOut.into());
        }
        late = true;
        sent = fs.monotonic();
        let mut found = fs.touch(name.as_c_str(), &taken.identity);
        if found.is_ok_and(|found| found.is(&taken.identity)) {
            // A breaker that looked before this sign of life may act yet; and
            // a clock that was set back may have hidden it.
            patience.wait(timing.settle)?;
            sent = fs.monotonic();
            found = fs.touch(name.as_c_str(), &taken.identity);
        }
        match found {
            Ok(found) if found.is(&taken.identity) => taken.attributes = found.attributes,
            Ok(_) | Err(libc::ENOENT | libc::ESTALE) => return Ok(None),
            Err(errno) => return Err(Failure::system(errno)),
        }
    }
    Ok(Some((taken, sent)))
}
