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

//! The dotlocks that are held during a delivery: one, or two where readers look at a link.

use core::cell::{Cell, RefCell};
use core::time::Duration;

use nfslock::Limit;
use nix::errno::Errno;

use crate::identity::{Identity, Right, NOT_ROOT};
use crate::place::Place;
use crate::status::{Failure, Status};
use crate::sys::{self, AsRawFd, FileStat, Holder, Instant, Lock};

/// A sign of life is given this often.  The shortest patience among the programs that share mailboxes
/// is 60 seconds; but a shorter one of our own may be configured.
const REFRESH: Duration = Duration::from_secs(10);

/// What is said of a lock that could not be removed.
const STAYS: &str = "it is broken when it is stale";

/// Locks on one mailbox.
pub struct Dotlock<'a> {
    identity: &'a Identity,
    held: Vec<(&'a Place, Lock)>,
    interval: Duration,
    /// When there was the last sign of life, or earlier.
    refreshed: Instant,
}

impl<'a> Dotlock<'a> {
    /// Take the locks on a mailbox before a moment passes: beside the link to it, if there is one,
    /// then beside the mailbox.  Everybody who takes both takes them in this order, so no two wait
    /// for each other.
    pub fn take(
        link: Option<&'a Place>,
        mailbox: &'a Place,
        identity: &'a Identity,
        until: Instant,
        stale: Duration,
    ) -> Result<Self, Failure> {
        let mut taken = Self {
            identity,
            held: Vec::new(),
            interval: stale.checked_div(4).unwrap_or(REFRESH).min(REFRESH),
            refreshed: Instant::now(),
        };
        for place in link.into_iter().chain([mailbox]) {
            if let Err(failure) = taken.take_one(place, until, stale) {
                // What is held is let go, whatever comes of it: nothing was done under it.
                let _ = taken.release();
                return Err(failure);
            }
        }
        Ok(taken)
    }

    fn take_one(
        &mut self,
        place: &'a Place,
        until: Instant,
        stale: Duration,
    ) -> Result<(), Failure> {
        let identity = self.identity;
        let wait = until.saturating_duration_since(Instant::now());
        let lost = Cell::new(None);
        let held = RefCell::new(&mut *self);
        // While this lock is waited for, the one that is held already must not grow stale.
        let cancelled = || {
            let refreshed = held.borrow_mut().refresh_if_due();
            let failed = refreshed
                .map_err(|failure| lost.set(Some(failure)))
                .is_err();
            failed || sys::interrupted()
        };
        let options = nfslock::Options {
            limit: if wait.is_zero() {
                Limit::Once
            } else {
                Limit::For(wait)
            },
            stale,
            cancelled: Some(&cancelled),
            ..nfslock::Options::default()
        };
        let lock = identity.acting(place.locking, || {
            Lock::acquire_at(place.directory.as_raw_fd(), &place.name, &options)
        })?;
        match lock {
            Ok(lock) => self.held.push((place, lock)),
            Err(failure) => {
                let lost = lost.take();
                return Err(lost.unwrap_or_else(|| self.explain(place, failure)));
            }
        }
        Ok(())
    }

    /// How long the locks may go without a sign of life from now on.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Look whether the locks still are this process's.
    pub fn verify(&self) -> Result<(), Failure> {
        for (place, lock) in &self.held {
            let result = self.identity.acting(place.locking, || lock.verify())?;
            result.map_err(|failure| self.explain(place, failure))?;
        }
        Ok(())
    }

    /// Give a sign of life, if it is time to.
    pub fn refresh_if_due(&mut self) -> Result<(), Failure> {
        if self.held.is_empty() || self.refreshed.elapsed() < self.interval {
            return Ok(());
        }
        let mut held = core::mem::take(&mut self.held);
        let result = held.iter_mut().try_for_each(|(place, lock)| {
            let result = self.identity.acting(place.locking, || lock.refresh())?;
            result.map_err(|failure| self.explain(place, failure))
        });
        self.held = held;
        self.refreshed = Instant::now();
        result
    }

    /// Let the locks go, the last one first.
    pub fn release(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while let Some((place, lock)) = self.held.pop() {
            let result = self.identity.acting(place.locking, || lock.release());
            let explain = |failure: nfslock::Failure| match failure.status {
                // Nobody else holds it.
                nfslock::Status::TimedOut => Failure::temporary(format!(
                    "{}.lock: the file system was too slow to remove it safely; {STAYS}",
                    place.path.display()
                )),
                nfslock::Status::Error => self.explain(place, failure).with(STAYS),
                _ => self.explain(place, failure),
            };
            if let Err(failure) = result.and_then(|result| result.map_err(explain)) {
                outcome = Err(failure);
            }
        }
        outcome
    }

    fn explain(&self, place: &Place, failure: nfslock::Failure) -> Failure {
        let name = format!("{}.lock", place.path.display());
        match failure.status {
            nfslock::Status::Error => {
                let errno = Errno::from_raw(failure.errno);
                let failure = Failure::system(&name, errno);
                match errno {
                    Errno::ENAMETOOLONG => Failure {
                        status: Status::CannotCreate,
                        ..failure
                    },
                    Errno::EACCES if !self.identity.is_recipient() => failure.with(NOT_ROOT),
                    Errno::EACCES if place.locking == Right::Root => failure.with(
                        "the file server does not let root write there; chmod the directory to \
                         1777 or 2775",
                    ),
                    Errno::EACCES => failure.with("give the recipient access to the directory"),
                    _ => failure,
                }
            }
            nfslock::Status::Cancelled => Failure::interrupted(),
            nfslock::Status::Held | nfslock::Status::TimedOut => {
                let directory = place.directory.as_raw_fd();
                let anothers = |lock: &FileStat| {
                    place.locking != Right::Root && lock.st_uid != self.identity.uid().as_raw()
                };
                let lock = self.identity.acting(place.locking, || place.lock());
                let advice = match lock {
                    Ok(Some(lock)) if lock.st_mode & libc::S_IFMT == libc::S_IFDIR => {
                        "it is a directory, and no program's lock: remove it"
                    }
                    Ok(Some(lock)) if anothers(&lock) => {
                        "it is another user's: if that one is gone, remove it"
                    }
                    _ => "the MTA will try again",
                };
                let holder = self
                    .identity
                    .acting(place.locking, || Holder::at(directory, &place.name));
                let holder = match holder {
                    Ok(Ok(Some(holder))) => format!("held by {holder}"),
                    _ => failure.status.message().to_owned(),
                };
                Failure::temporary(format!("{name}: {holder}; {advice}"))
            }
            nfslock::Status::Unsafe => {
                let mode = if place.in_home { "700" } else { "1777" };
                Failure::temporary(format!(
                    "{name}: the directory is unsafe: anyone may remove others' files in it; chmod \
                     it to {mode}"
                ))
            }
            status => Failure::temporary(format!("{name}: {}", status.message())),
        }
    }
}
