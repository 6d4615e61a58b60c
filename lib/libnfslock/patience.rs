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

//! Waiting with an end: for no longer than the time limit, and until the
//! caller says stop.

use crate::filesystem::FileSystem;
use crate::options::{Limit, Options};
use crate::status::{Failure, Status};
use crate::timing::Span;

/// A waiting caller is asked this often whether it still wants to.
const TICK: Span = Span::from_millis(250);

/// The first pause between two tries, and the longest.  A local try costs a
/// few microseconds; over NFS each is a request to a server that others need.
const LOCAL_PAUSES: (Span, Span) = (Span::from_micros(500), Span::from_millis(20));
const REMOTE_PAUSES: (Span, Span) = (Span::from_millis(10), Span::from_millis(500));

/// Who waits behind another process tries for the lock this often without
/// having been woken.
const LOCAL_NAP: Span = Span::from_secs(1);
const REMOTE_NAP: Span = Span::from_secs(5);

/// A breather is as long as the longest pause of those who poll, and comes once
/// in such a period.
const BREATHER: Span = REMOTE_PAUSES.1;
const LOCAL_PERIOD: Span = Span::from_secs(60);
const REMOTE_PERIOD: Span = Span::from_secs(5);

/// How much is left of the breather, if there is one now.
///
/// Processes of one host that hand a lock to each other would never leave it
/// free for long enough that those of other hosts, who poll, could get it.  So
/// in a breather neither who was woken takes it, nor who has let it go.  The
/// clock is the same for all processes of a host.
pub fn breather<F: FileSystem>(fs: &F) -> Span {
    let period = if fs.is_local() {
        LOCAL_PERIOD
    } else {
        REMOTE_PERIOD
    };
    BREATHER.minus(fs.monotonic().within(period))
}

/// How much longer one caller is willing to wait.
pub struct Patience<'a, F: FileSystem> {
    fs: &'a F,
    options: &'a Options<'a>,
    start: Span,
    pause: Span,
}

impl<'a, F: FileSystem> Patience<'a, F> {
    /// The wait begins now.
    pub fn new(fs: &'a F, options: &'a Options<'a>) -> Self {
        Self {
            fs,
            options,
            start: fs.monotonic(),
            pause: Span::ZERO,
        }
    }

    /// May a stale lock be broken at all?
    pub fn breaks(&self) -> bool {
        self.options.break_stale
    }

    /// How much of the time limit is left.
    pub fn left(&self) -> Span {
        match self.options.limit {
            Limit::Once => Span::ZERO,
            Limit::For(limit) => {
                let waited = self.fs.monotonic().minus(self.start);
                Span::from(limit).minus(waited)
            }
        }
    }

    /// Pause before the next try.  Each pause is longer than the last, and
    /// jittered, so that waiters do not ask in step.
    pub fn pause(&mut self) -> Result<(), Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Status::TimedOut.into());
        }
        let (shortest, longest) = if self.fs.is_local() {
            LOCAL_PAUSES
        } else {
            REMOTE_PAUSES
        };
        self.pause = self.pause.times(2).max(shortest).min(longest);
        let half = self.pause.part(2);
        let jitter = self.fs.random() & 0xff;
        let time = half.plus(half.times(jitter).part(255));
        self.wait(time.min(left))
    }

    /// Wait for the end of the process ahead, but not for ever.  Has it ended?
    pub fn wait_behind(&mut self, ahead: &F::Neighbour) -> Result<bool, Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Status::TimedOut.into());
        }
        let nap = if self.fs.is_local() {
            LOCAL_NAP
        } else {
            REMOTE_NAP
        };
        let mut gone = false;
        self.spend(nap.min(left), |time| {
            gone = self.fs.outlived(ahead, time);
            gone
        })?;
        if gone {
            self.wait(breather(self.fs).min(self.left()))?;
        }
        Ok(gone)
    }

    /// Wait that long, unless the caller says stop.
    pub fn wait(&self, time: Span) -> Result<(), Failure> {
        self.spend(time, |time| {
            self.fs.wait(time);
            false
        })
    }

    /// Spend that time, a piece at a time, until one says that it is enough or
    /// the caller says stop.
    fn spend(&self, time: Span, mut piece: impl FnMut(Span) -> bool) -> Result<(), Failure> {
        let end = self.fs.monotonic().plus(time);
        loop {
            if self.options.cancelled.is_some_and(|cancelled| cancelled()) {
                return Err(Status::Cancelled.into());
            }
            let left = end.minus(self.fs.monotonic());
            if left.is_zero() {
                return Ok(());
            }
            if piece(left.min(TICK)) {
                return Ok(());
            }
        }
    }
}
