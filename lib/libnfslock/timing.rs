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

//! The protocol's times, all derived from the stale limit.

use core::time::Duration;

/// A span of time, or a moment on the monotonic clock, in nanoseconds.  Unlike
/// core's, whose arithmetic can panic, this saturates: at 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// So many milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// So many microseconds.
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds.saturating_mul(1000))
    }

    /// So many nanoseconds.
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Is it over?
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// So much later.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This less the other; none where the other is longer.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times this.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// One of so many equal parts of this.
    #[must_use]
    pub const fn part(self, parts: u64) -> Self {
        match self.0.checked_div(parts) {
            Some(part) => Self(part),
            None => self,
        }
    }

    /// What is left of this after as many whole periods as fit in.
    #[must_use]
    pub const fn within(self, period: Self) -> Self {
        match self.0.checked_rem(period.0) {
            Some(rest) => Self(rest),
            None => self,
        }
    }
}

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// No peer is less patient than this: a live holder of ours gives a sign of
/// life well within it.
const SHORTEST_PATIENCE: Span = Span::from_secs(60);

/// A waiter looks at the lock at least this often.
const LONGEST_GLANCE: Span = Span::from_secs(5);

/// Bounds on the steps of holders and breakers.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a lock shows no sign of life until it is stale.
    pub stale: Span,
    /// How long a lock is watched, on our own monotonic clock, before the
    /// server's clock is believed that it is stale: a server whose clock was
    /// set makes every lock look old.
    pub watch: Span,
    /// How long a guard settles before a breaker by age acts under it.  The
    /// same on the file server itself as elsewhere: it guards against the
    /// requests of others, which are as slow as they are.
    pub settle: Span,
    /// How old the answer may be, on which a guard is acted under or a dead
    /// one removed; and a guard that did not settle.
    pub slack: Span,
    /// How long a lock is certainly not being broken after its last sign of
    /// life, and how long a guard may be acted under: half of what others
    /// wait before they believe it dead.
    pub lease: Span,
    /// How long a waiter leaves the lock alone between two looks.
    pub glance: Span,
    /// How often it is looked whether a request that was interrupted has
    /// arrived.
    pub arrival: Span,
}

/// No stale limit has a shorter slack: that of two seconds has this one.
pub const SHORTEST_SLACK: Span = Span::from_millis(125);

impl Timing {
    /// The times for a stale limit.  The request on whose taking effect
    /// everything depends is sent within `slack` of an answer that permits
    /// it, and must take effect within half of `settle`; the successor's
    /// guard has not settled by then.
    pub fn new(stale: Duration) -> Self {
        let stale = Span::from(stale);
        let watch = stale.min(SHORTEST_PATIENCE);
        let settle = watch.part(4);
        Self {
            stale,
            watch,
            settle,
            slack: settle.part(4),
            lease: watch.part(2),
            glance: watch.part(8).min(LONGEST_GLANCE),
            arrival: settle.part(128),
        }
    }
}
