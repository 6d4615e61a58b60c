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

/// How much longer one caller is willing to wait.
pub struct Patience<'a, F: FileSystem> {
    fs: &'a F,
    options: &'a Options<'a>,
    start: Span,
    pause: Span,
    longest: Span,
}

impl<'a, F: FileSystem> Patience<'a, F> {
    /// The wait begins now.
    pub fn new(fs: &'a F, options: &'a Options<'a>) -> Self {
        let (pause, longest) = if fs.is_local() {
            LOCAL_PAUSES
        } else {
            REMOTE_PAUSES
        };
        Self {
            fs,
            options,
            start: fs.monotonic(),
            pause,
            longest,
        }
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
        let half = self.pause.part(2);
        let jitter = self.fs.random() & 0xff;
        let time = half.plus(half.times(jitter).part(255));
        self.pause = self.pause.times(2).min(self.longest);
        self.wait(time.min(left))
    }

    /// Wait that long, unless the caller says stop.
    pub fn wait(&self, time: Span) -> Result<(), Failure> {
        let end = self.fs.monotonic().plus(time);
        loop {
            if self.options.cancelled.is_some_and(|cancelled| cancelled()) {
                return Err(Status::Cancelled.into());
            }
            let left = end.minus(self.fs.monotonic());
            if left.is_zero() {
                return Ok(());
            }
            self.fs.wait(left.min(TICK));
        }
    }
}
