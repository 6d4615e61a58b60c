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

use crate::claim::{Claim, Taken};
use crate::filesystem::{FileSystem, Kind, Look};
use crate::name::Name;
use crate::patience::Patience;
use crate::status::{Failure, Status};
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
}

/// A file under observation.
struct Subject {
    look: Look,
    since: Span,
}

/// What a waiter has seen of the lock in its way, and of the guard.
#[derive(Default)]
pub struct Watch {
    lock: Option<Subject>,
    guard: Option<Subject>,
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
        let Some(watched) = observe(fs, name, &mut self.lock)? else {
            return Ok(Outcome::Removed);
        };
        // Breaking needs the time to settle; begun too late it would end
        // after the caller's limit.
        if watched < timing.watch || patience.left() < timing.settle.times(2) {
            return Ok(Outcome::Left);
        }
        let seen = match &self.lock {
            // A directory could be neither removed nor put back.
            Some(subject) if subject.look.attributes.kind != Kind::Directory => subject.look,
            _ => return Ok(Outcome::Left),
        };
        let guard_name = name.of_guard().map_err(Failure::system)?;
        let Some(guard) = Guard::take(fs, &guard_name)? else {
            self.consider_guard(fs, &guard_name, timing)?;
            return Ok(Outcome::Left);
        };
        let age = seen.attributes.ctime.until(guard.taken.attributes.ctime);
        let outcome = if watched >= timing.stale || age.is_some_and(|age| age >= timing.stale) {
            patience
                .wait(timing.settle)
                .and_then(|()| guard.break_lock(name, &seen, timing))
        } else {
            // Look again when it will have come of age.
            let rest = timing.stale.minus(age.unwrap_or(watched));
            self.next = now.plus(rest.min(timing.stale.minus(watched)));
            Ok(Outcome::Left)
        };
        if outcome == Ok(Outcome::Removed) {
            sweep(fs, &guard.taken, timing);
        }
        guard.release();
        outcome
    }

    /// Remove a guard whose breaker died.  Two who do that at once may hit a
    /// third one's new guard; that is why nobody acts under a guard before
    /// it has settled and was looked at again.
    fn consider_guard<F: FileSystem>(
        &mut self,
        fs: &F,
        name: &Name,
        timing: &Timing,
    ) -> Result<(), Failure> {
        let watched = observe(fs, name, &mut self.guard)?;
        if watched.is_some_and(|watched| watched >= timing.watch) {
            match fs.unlink(name.as_c_str()) {
                Ok(()) | Err(libc::ENOENT) => self.guard = None,
                Err(errno) => return Err(Failure::system(errno)),
            }
        }
        Ok(())
    }
}

/// Look at a file, and answer how long it has been seen without a change.
fn observe<F: FileSystem>(
    fs: &F,
    name: &Name,
    subject: &mut Option<Subject>,
) -> Result<Option<Span>, Failure> {
    let since = fs.monotonic();
    let look = match fs.look(name.as_c_str()) {
        Ok(look) => look,
        Err(libc::ENOENT | libc::ESTALE) => {
            *subject = None;
            return Ok(None);
        }
        Err(errno) => return Err(Failure::system(errno)),
    };
    match subject {
        Some(known) if look.is_unchanged_since(&known.look) => Ok(Some(since.minus(known.since))),
        _ => {
            let since = fs.monotonic();
            *subject = Some(Subject { look, since });
            Ok(Some(Span::ZERO))
        }
    }
}

/// The guard on a lock: who has it is the only one to remove the lock without
/// being its holder.
pub struct Guard<'a, F: FileSystem> {
    fs: &'a F,
    name: Name,
    taken: Taken,
    /// When the request for it was sent.
    sent: Span,
}

impl<'a, F: FileSystem> Guard<'a, F> {
    fn take(fs: &'a F, name: &Name) -> Result<Option<Self>, Failure> {
        let sent = fs.monotonic();
        let mut claim = Claim::on(fs, name);
        let taken = claim.attempt();
        claim.withdraw();
        Ok(taken.map_err(Failure::system)?.map(|taken| Self {
            fs,
            name: name.clone(),
            taken,
            sent,
        }))
    }

    /// Take the guard on a lock of ours whose lease ran out, and let it
    /// settle.  Timed out: a breaker has it for all that a breaker may take.
    pub fn wait(fs: &'a F, lock: &Name, timing: &Timing) -> Result<Self, Failure> {
        let name = lock.of_guard().map_err(Failure::system)?;
        let start = fs.monotonic();
        while fs.monotonic().minus(start) < timing.watch {
            if let Some(guard) = Self::take(fs, &name)? {
                let settled = fs.monotonic().plus(timing.settle);
                loop {
                    let left = settled.minus(fs.monotonic());
                    if left.is_zero() {
                        break;
                    }
                    fs.wait(left);
                }
                return Ok(guard);
            }
            fs.wait(timing.settle.part(8));
        }
        Err(Status::TimedOut.into())
    }

    /// Is the guard still ours, and young enough to act under?
    pub fn stands(&self, timing: &Timing) -> Result<(), Failure> {
        let found = self.fs.look(self.name.as_c_str());
        let ours = found.is_ok_and(|found| found.is(&self.taken.identity));
        if ours && self.fs.monotonic().minus(self.sent) < timing.lease {
            Ok(())
        } else {
            Err(Status::TimedOut.into())
        }
    }

    /// Remove the lock, if it is still what was seen.
    fn break_lock(&self, lock: &Name, seen: &Look, timing: &Timing) -> Result<Outcome, Failure> {
        match self.fs.look(lock.as_c_str()) {
            Ok(found) if found.is_unchanged_since(seen) => {}
            Ok(_) => return Ok(Outcome::Left),
            Err(libc::ENOENT | libc::ESTALE) => return Ok(Outcome::Removed),
            Err(errno) => return Err(Failure::system(errno)),
        }
        // Lost the guard, or took too long: whoever has it now acts.
        if self.stands(timing).is_err() {
            return Ok(Outcome::Left);
        }
        let aside = Name::of_aside(&self.taken.identity.token).map_err(Failure::system)?;
        let renamed = self.fs.rename(lock.as_c_str(), aside.as_c_str());
        let found = match self.fs.look(aside.as_c_str()) {
            Ok(found) => found,
            Err(libc::ENOENT | libc::ESTALE) => {
                return match renamed {
                    Ok(()) | Err(libc::ENOENT | libc::ESTALE) => Ok(Outcome::Removed),
                    Err(errno) => Err(Failure::system(errno)),
                }
            }
            Err(errno) => return Err(Failure::system(errno)),
        };
        let same = (found.attributes.dev, found.attributes.ino, found.token)
            == (seen.attributes.dev, seen.attributes.ino, seen.token);
        if !same {
            // The holder came to life between the look and the rename, or
            // gave way to another.  link() puts the lock back unless a third
            // one's stands there by now; rename() would destroy that one.
            for _ in 0..UNDO_TRIES {
                let _ = self.fs.link(aside.as_c_str(), lock.as_c_str());
                if self.fs.look(lock.as_c_str()).is_ok() {
                    break;
                }
            }
        }
        let _ = self.fs.unlink(aside.as_c_str());
        Ok(if same {
            Outcome::Removed
        } else {
            Outcome::Left
        })
    }

    /// Let the guard go, if it is still ours.
    pub fn release(self) {
        let found = self.fs.look(self.name.as_c_str());
        if found.is_ok_and(|found| found.is(&self.taken.identity)) {
            let _ = self.fs.unlink(self.name.as_c_str());
        }
    }
}

/// Remove what processes that were killed left in the directory: files of the
/// protocol's own names that are older than the stale limit.  Reading a large
/// directory takes its time, so one acquisition in 64 does it: the one whose
/// token happens to end in a zero.
pub fn sweep_sometimes<F: FileSystem>(fs: &F, fresh: &Taken, timing: &Timing) {
    if fresh.identity.token.as_bytes().ends_with(b"0") {
        sweep(fs, fresh, timing);
    }
}

/// A file that was just made tells the server's present.
fn sweep<F: FileSystem>(fs: &F, fresh: &Taken, timing: &Timing) {
    let now = fresh.attributes.ctime;
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
