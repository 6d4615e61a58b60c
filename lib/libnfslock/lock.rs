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
use crate::claim::{discard, remove, Claim, Taken, Temporary};
use crate::filesystem::{Attributes, Contents, FileSystem, Kind, Look, INTERRUPTIONS};
use crate::guard::Guard;
use crate::identity::Token;
use crate::name::Name;
use crate::options::{Limit, Options, STALE_LIMITS};
use crate::patience::Patience;
use crate::queue::{self, Queue};
use crate::status::{Failure, Status};
use crate::timing::{Span, Timing};

/// A lock that is held, or was and may be again.
pub struct Lock<F: FileSystem> {
    fs: F,
    name: Name,
    common: bool,
    timing: Timing,
    held: Option<Held>,
    /// The process that has this.
    pid: i32,
    /// Shows the processes of this host that the holder lives.
    presence: Option<F::Presence>,
    /// What is kept between two locks.
    ready: Option<Ready>,
    /// Others were waited for, and others may be waiting behind.
    queued: bool,
    /// How often something was kept.
    rounds: u32,
}

/// So often nothing is kept, and what killed processes left is looked for.
const ROUNDS: u32 = 1024;

/// A lock.
struct Held {
    taken: Taken,
    /// When the last request that shows life was sent, on the monotonic clock,
    /// if that is known to protect the lock.
    alive: Option<Span>,
}

/// Where nobody waits, the next lock is the same file under its name again, of
/// the same process under the same token.  Only where nobody else may make
/// files: another's could have the temporary's name by then.
struct Ready {
    token: Token,
    temporary: Option<Temporary>,
}

impl<F: FileSystem> Lock<F> {
    /// Where it is.
    pub fn file_system(&self) -> &F {
        &self.fs
    }

    /// Acquire the lock on a mailbox in a file system's directory.  In a
    /// common directory others may make files too, and more is checked.
    ///
    /// # Errors
    /// As [`crate::Lock::acquire`].
    pub fn acquire_in(
        fs: F,
        mailbox: &CStr,
        common: bool,
        options: &Options,
    ) -> Result<Self, Failure> {
        let mut lock = Self {
            name: Name::of_lock(mailbox)?,
            common,
            timing: Timing::new(options.stale),
            held: None,
            pid: fs.pid(),
            presence: None,
            ready: None,
            queued: false,
            rounds: 0,
            fs,
        };
        lock.take(options, false)?;
        Ok(lock)
    }

    /// Acquire the lock on the same mailbox, or another one in the same
    /// directory, after [`Lock::unlock`].
    ///
    /// # Errors
    /// As [`Lock::acquire_in`]; forked; and `EBUSY` while one is held.
    pub fn relock(
        &mut self,
        mailbox: Option<&CStr>,
        common: bool,
        options: &Options,
    ) -> Result<(), Failure> {
        self.belongs_here()?;
        if self.held.is_some() {
            return Err(Failure::system(libc::EBUSY));
        }
        if let Some(mailbox) = mailbox {
            self.name = Name::of_lock(mailbox)?;
        }
        self.common = common;
        self.timing = Timing::new(options.stale);
        let keep = self.keeps();
        if !keep {
            self.let_go(false)?;
        }
        self.take(options, keep)
    }

    fn keeps(&self) -> bool {
        self.fs.is_local() && !self.common
    }

    fn take(&mut self, options: &Options, keep: bool) -> Result<(), Failure> {
        if !STALE_LIMITS.contains(&options.stale) {
            return Err(Failure::system(libc::EINVAL));
        }
        let (fs, name, timing) = (&self.fs, &self.name, &self.timing);
        let ready = self.ready.take();
        let token = ready.as_ref().map(|ready| ready.token);
        let own = token.unwrap_or_else(|| fs.token());
        // Before the lock can be seen: one whose token was never present is
        // taken for some other host's.
        if self.presence.is_none() {
            self.presence = fs.appear(&own);
        }
        let mut claim = Claim::on(fs, name, own, timing);
        if keep {
            claim = claim.keeping(ready.and_then(|ready| ready.temporary));
        }
        let mut since = None;
        match win(&mut claim, fs, name, own, timing, options, &mut since) {
            Ok(won) => {
                self.held = Some(won.held);
                self.queued = won.queued;
                if keep {
                    self.ready = Some(Ready {
                        token: own,
                        temporary: claim.into_temporary(),
                    });
                }
                Ok(())
            }
            Err(failure) => {
                // Over NFS, as in a release, before the lock is taken back.
                let presence = self.presence.take();
                let hidden = presence.as_ref().is_none_or(|presence| {
                    let hidden = fs.withdraw(presence);
                    // Who waits behind us waits for nothing, even if a child
                    // of ours is still present.
                    fs.ring(presence);
                    hidden
                });
                let alive = since.filter(|_| hidden || fs.is_local());
                for taken in claim.give_up().into_iter().flatten() {
                    let _ = self.remove(&Held { taken, alive });
                }
                Err(failure)
            }
        }
    }

    /// Is the lock still ours?
    ///
    /// # Errors
    /// Stolen, gone, forked, or the system's error where it could not be
    /// found out.
    pub fn verify(&self) -> Result<(), Failure> {
        self.check(&self.held()?.taken)
    }

    fn held(&self) -> Result<&Held, Failure> {
        match &self.held {
            Some(held) => Ok(held),
            None => self.belongs_here().and(Err(Failure::system(libc::EINVAL))),
        }
    }

    /// A child has only a copy of what is its parent's.
    fn belongs_here(&self) -> Result<(), Failure> {
        if self.fs.pid() == self.pid {
            Ok(())
        } else {
            Err(Status::Forked.into())
        }
    }

    fn check(&self, taken: &Taken) -> Result<(), Failure> {
        self.belongs_here()?;
        let name = self.name.as_c_str();
        // A name that no other file can have keeps the number of this one from
        // being used again.
        let ready = self.ready.as_ref();
        if let Some(temporary) = ready.and_then(|ready| ready.temporary.as_ref()) {
            let is_it = |found| is_that_file(&found, taken);
            if self.fs.stat(temporary.name.as_c_str()).is_ok_and(is_it) {
                return match self.fs.stat(name) {
                    Ok(found) if is_that_file(&found, taken) => Ok(()),
                    Ok(_) => Err(Status::Stolen.into()),
                    Err(errno) => Err(unfound(errno)),
                };
            }
        }
        // Only a fresh open tells the truth.  Where others may make files, one
        // of them may have put anything there; in a private directory of a
        // local file system nobody did, and no other file has our token.
        if !self.common && self.fs.is_local() {
            match self.fs.read(name) {
                Ok(found) if found == Some(taken.identity.token) => return Ok(()),
                Ok(_) => return Err(Status::Stolen.into()),
                Err(_) => {}
            }
        }
        match self.fs.look(name) {
            Ok(found) => judge(&found, taken),
            // Attributes by name may come from a cache, except where they
            // are the disk's own.
            Err(libc::EMFILE | libc::ENFILE) if self.fs.is_local() => self.judge_unopened(taken),
            Err(errno) => Err(unfound(errno)),
        }
    }

    /// Give a sign of life.
    ///
    /// # Errors
    /// As [`Lock::verify`].
    pub fn refresh(&mut self) -> Result<(), Failure> {
        self.belongs_here()?;
        let taken = self.held()?.taken;
        let sent = self.fs.monotonic();
        let touched = self.fs.touch(self.name.as_c_str(), &taken.identity);
        let found = touched.map_err(unfound)?;
        judge(&found, &taken)?;
        // One that comes so late that others may have watched the lock for
        // long enough does not stop a breaker that is under way.
        let limit = self.timing.lease.plus(self.timing.settle);
        if let Some(held) = &mut self.held {
            held.taken.attributes = found.attributes;
            if held.is_alive(sent, limit) {
                held.alive = Some(sent);
            }
        }
        Ok(())
    }

    /// Release the lock if it is still ours.
    ///
    /// # Errors
    /// As [`Lock::verify`], and timed out where the lock was not refreshed
    /// for so long that another may be breaking it: it was left to that other.
    pub fn release(mut self) -> Result<(), Failure> {
        if self.held.is_none() {
            self.belongs_here()?;
        }
        self.let_go(false)
    }

    /// Release the lock if it is still ours, and keep what makes the next one
    /// cheaper.
    ///
    /// # Errors
    /// As [`Lock::release`].
    pub fn unlock(&mut self) -> Result<(), Failure> {
        self.held()?;
        self.let_go(true)
    }

    fn let_go(&mut self, keep: bool) -> Result<(), Failure> {
        let held = self.held.take();
        let taken = held.as_ref().map(|held| held.taken);
        let ready = self.ready.as_ref().map(|ready| ready.token);
        let Some(own) = taken.map(|taken| taken.identity.token).or(ready) else {
            return Ok(());
        };
        let outcome = match &held {
            Some(held) => self.remove(held),
            None => self.belongs_here(),
        };
        if outcome == Err(Status::Forked.into()) {
            self.presence = None;
            self.ready = None;
            return outcome;
        }
        // Who lines up from now on looks for the lock after that, and finds it
        // free.
        self.rounds = self.rounds.wrapping_add(1);
        let is_due = self.rounds.checked_rem(ROUNDS) == Some(0);
        let keep = keep && self.keeps() && outcome.is_ok() && !self.queued && !is_due;
        if keep && self.fs.is_last(&own) {
            self.ready.get_or_insert(Ready {
                token: own,
                temporary: None,
            });
            return Ok(());
        }
        if let Some(temporary) = self.ready.take().and_then(|ready| ready.temporary) {
            discard(&self.fs, &temporary.name);
        }
        if let Some(presence) = self.presence.take() {
            self.fs.withdraw(&presence);
            queue::hand_over(&self.fs, &own, presence);
        }
        if let (Ok(()), Some(taken)) = (outcome, taken) {
            breaker::sweep_sometimes(&self.fs, &taken, &self.timing, is_due);
        }
        outcome
    }

    fn remove(&self, held: &Held) -> Result<(), Failure> {
        let taken = &held.taken;
        self.check(taken)?;
        // A server may remove the lock after its holder was killed, and by
        // then it may be the next one's: nobody is to take over from a holder
        // that has sent that request.  A local file system has removed it, or
        // never will.
        let hidden = match &self.presence {
            Some(presence) if !self.fs.is_local() => self.fs.withdraw(presence),
            _ => true,
        };
        let lease = self.timing.lease;
        let outcome = self.unlink(taken, || {
            hidden && held.is_alive(self.fs.monotonic(), lease)
        });
        if outcome != Err(Status::TimedOut.into()) {
            return outcome;
        }
        // Another may hold this lock for stale by now, and be about to break
        // it.  Under the breakers' guard nobody else is, so that removing it
        // cannot hit the lock of whoever comes after.
        let own = &taken.identity.token;
        let mut guard = Guard::wait(&self.fs, &self.name, own, &self.timing)?;
        let mut outcome = self.remove_under(taken, &guard);
        if outcome == Err(Status::TimedOut.into()) {
            // Too slow to act at once, as nobody else may.
            let settled = guard.settle(&self.timing, |time| {
                self.sleep(time);
                Ok(())
            });
            outcome = settled.and_then(|()| self.remove_under(taken, &guard));
        }
        guard.release(&self.timing);
        outcome
    }

    fn remove_under(&self, taken: &Taken, guard: &Guard<'_, F>) -> Result<(), Failure> {
        self.check(taken)?;
        self.unlink(taken, || guard.permits(&self.timing))
    }

    fn sleep(&self, time: Span) {
        let end = self.fs.monotonic().plus(time);
        while self.fs.monotonic() < end {
            self.fs.wait(end.minus(self.fs.monotonic()));
        }
    }

    /// Remove the lock, that was ours a moment ago, while that is permitted.
    fn unlink(&self, taken: &Taken, permitted: impl Fn() -> bool) -> Result<(), Failure> {
        remove(
            &self.fs,
            &self.name,
            &self.timing,
            permitted,
            || match self.check(taken) {
                Ok(()) => Ok(true),
                Err(failure) if matches!(failure.status, Status::Gone | Status::Stolen) => {
                    Ok(false)
                }
                Err(failure) => Err(failure),
            },
        )
    }

    /// The process has no descriptor left to look with.  A lock that stays
    /// for want of one would be in everybody's way until it is stale.
    fn judge_unopened(&self, taken: &Taken) -> Result<(), Failure> {
        let found = self.fs.stat(self.name.as_c_str()).map_err(unfound)?;
        if found == taken.attributes {
            Ok(())
        } else {
            Err(Failure::system(libc::EMFILE))
        }
    }
}

impl Held {
    /// Was the last sign of life less than that long ago?
    fn is_alive(&self, now: Span, limit: Span) -> bool {
        self.alive.is_some_and(|alive| now.minus(alive) < limit)
    }
}

/// Is this the file that was taken, unless its number was used again?
fn is_that_file(found: &Attributes, taken: &Taken) -> bool {
    let known = &taken.attributes;
    (found.dev, found.ino, found.uid) == (known.dev, known.ino, known.uid)
        && found.kind == Kind::Regular
}

fn judge(found: &Look, taken: &Taken) -> Result<(), Failure> {
    let is_it = is_that_file(&found.attributes, taken);
    match found.contents {
        Contents::Ours(own) if is_it && own == taken.identity.token => Ok(()),
        // With other rights than those that made it, it cannot be told.
        Contents::Unreadable if is_it && found.attributes.size == taken.attributes.size => {
            Err(Failure::system(libc::EACCES))
        }
        _ => Err(Status::Stolen.into()),
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
        let _ = self.let_go(false);
    }
}

/// A lock that was won.
struct Won {
    held: Held,
    queued: bool,
}

/// Try until the lock is won.  `since`: when the request that may have won it
/// was sent.
fn win<F: FileSystem>(
    claim: &mut Claim<'_, F>,
    fs: &F,
    name: &Name,
    own: Token,
    timing: &Timing,
    options: &Options,
    since: &mut Option<Span>,
) -> Result<Won, Failure> {
    let mut patience = Patience::new(fs, options);
    let mut watch = breaker::Watch::default();
    let mut queue = Queue::new(fs, own);
    let mut interruptions: u32 = 0;
    let mut queued = false;
    loop {
        // It may have been an earlier request that won, unnoticed.
        let sent = *since.get_or_insert(fs.monotonic());
        match claim.attempt() {
            Ok(Some(taken)) => {
                if let Some(held) = confirm(fs, name, timing, taken, sent, &patience)? {
                    return Ok(Won { held, queued });
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
        queued = true;
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
) -> Result<Option<Held>, Failure> {
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
    Ok(Some(Held {
        taken,
        alive: Some(sent),
    }))
}
