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

//! How a caller wants to acquire.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Who may create files in the mailbox's directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directory {
    /// Find out from its mode.
    #[default]
    Auto,
    /// Others too, as in `/var/mail`.
    Common,
    /// The mailbox's owner alone, as in `$HOME/.mailspool`.
    Private,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Try once.
    Once,
    /// That long.
    For(Duration),
}

/// The default time limit.  Longer than [`DEFAULT_STALE`] and all that
/// breaking takes, so that a lock left behind by a crash delays one caller
/// and fails none.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(420);

/// The default stale limit: as long as the most patient peers that break at
/// all within minutes.
pub const DEFAULT_STALE: Duration = Duration::from_secs(300);

/// The stale limits there may be.  A shorter one leaves holders no time to give
/// a sign of life; and who waits for longer than a day waits for a person.
pub const STALE_LIMITS: RangeInclusive<Duration> =
    Duration::from_secs(2)..=Duration::from_secs(86_400);

/// How to acquire.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The kind of directory.
    pub directory: Directory,
    /// The time limit.
    pub limit: Limit,
    /// How long a lock shows no sign of life until it is stale: within
    /// [`STALE_LIMITS`].
    pub stale: Duration,
    /// Remove a stale lock and take it, or wait for it as for a live one?
    pub break_stale: bool,
    /// Asked between two looks at the lock; `true` ends the wait.
    pub cancelled: Option<&'a dyn Fn() -> bool>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            directory: Directory::Auto,
            limit: Limit::For(DEFAULT_LIMIT),
            stale: DEFAULT_STALE,
            break_stale: true,
            cancelled: None,
        }
    }
}
