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

use crate::timing::Span;

use crate::breaker::{self, Guard, Outcome};
use crate::claim::{Claim, Taken};
use crate::filesystem::{FileSystem, Kind, Look};
use crate::name::Name;
use crate::options::{Limit, Options};
use crate::patience::Patience;
use crate::status::{Failure, Status};
use crate::timing::Timing;
use core::ffi::{c_int, CStr};

/// A lock that is held.
pub struct Lock<F: FileSystem> {
    fs: F,
    name: Name,
    taken: Taken,
    common: bool,
    timing: Timing,
    /// When the last request that shows life was sent, on the monotonic clock.
    alive: Span,
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
        let name = Name::of_lock(mailbox)?;
        let timing = Timing::new(options.stale, fs.is_local());
        let mut claim = Claim::on(&fs, &name);
        let (taken, alive) = match win(&mut claim, &fs, &name, &timing, options) {
            Ok(won) => won,
            Err(failure) => {
                claim.withdraw();
                return Err(failure);
            }
        };
        breaker::sweep_sometimes(&fs, &taken, &timing);
        let pid = fs.pid();
        Ok(Self {
            fs,
            name,
            taken,
            common,
            timing,
            alive,
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
        // In a private directory of a local file system the attributes tell
        // as much as a fresh open, for one system call.  Where they differ,
        // someone may have set the lock's times: the contents decide.
        let untouched = !self.common && self.fs.is_local() && {
            let known = &self.taken.attributes;
            self.fs.stat(self.name.as_c_str()).is_ok_and(|found| {
                (found.dev, found.ino, found.size, found.mtime)
                    == (known.dev, known.ino, known.size, known.mtime)
            })
        };
        if untouched {
            return Ok(());
        }
        Self::told(
            self.fs
                .look(self.name.as_c_str())
                .map(|found| self.is(&found)),
        )
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
        let found = self.fs.touch(self.name.as_c_str(), &self.taken.identity);
        if let Ok(found) = &found {
            if self.is(found) {
                self.taken.attributes = found.attributes;
                self.alive = sent;
            }
        }
        Self::told(found.map(|found| self.is(&found)))
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
        self.verify()?;
        if self.fs.monotonic().minus(self.alive) < self.timing.lease {
            return self.unlink();
        }
        // Another may hold this lock for stale by now, and be about to break
        // it.  Under the breakers' guard nobody else is, so that removing it
        // cannot hit the lock of whoever comes after.
        let guard = Guard::wait(&self.fs, &self.name, &self.timing)?;
        let done = guard
            .stands(&self.timing)
            .and_then(|()| self.verify())
            .and_then(|()| self.unlink());
        guard.release();
        done
    }

    fn unlink(&self) -> Result<(), Failure> {
        match self.fs.unlink(self.name.as_c_str()) {
            // It was ours a moment ago, so it is our own request, repeated,
            // that finds it gone.
            Ok(()) | Err(libc::ENOENT) => Ok(()),
            Err(errno) => Err(Failure::system(errno)),
        }
    }

    fn is(&self, found: &Look) -> bool {
        found.is(&self.taken.identity)
            && found.attributes.kind == Kind::Regular
            && found.attributes.uid == self.taken.attributes.uid
    }

    fn told(ours: Result<bool, c_int>) -> Result<(), Failure> {
        match ours {
            Ok(true) => Ok(()),
            Ok(false) => Err(Status::Stolen.into()),
            Err(libc::ENOENT | libc::ESTALE) => Err(Status::Gone.into()),
            Err(errno) => Err(Failure::system(errno)),
        }
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
    timing: &Timing,
    options: &Options,
) -> Result<(Taken, Span), Failure> {
    let mut patience = Patience::new(fs, options);
    let mut watch = breaker::Watch::default();
    loop {
        let sent = fs.monotonic();
        if let Some(taken) = claim.attempt().map_err(Failure::system)? {
            return Ok((taken, sent));
        }
        if matches!(options.limit, Limit::Once) {
            return Err(Status::Held.into());
        }
        if options.break_stale {
            match watch.consider(fs, name, timing, &patience)? {
                Outcome::Removed => continue,
                Outcome::Left => {}
            }
        }
        patience.pause()?;
    }
}
