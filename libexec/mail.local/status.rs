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

//! How a delivery ends: the exit statuses of sysexits(3) by which an MTA retries or bounces.

use nix::errno::Errno;

/// An exit status of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Everything is on stable storage.
    Delivered = 0,
    /// `EX_USAGE`: the command line is wrong.
    Usage = 64,
    /// `EX_NOUSER`: there is no such user.
    NoUser = 67,
    /// `EX_CANTCREAT`: what stands in the mailbox's place can never be one.
    CannotCreate = 73,
    /// `EX_TEMPFAIL`: a later try may succeed.
    Temporary = 75,
}

impl Status {
    /// The number for exit(3).
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The status for all recipients so far.  A temporary failure wins, because only then the MTA
    /// keeps the message; else the first failure tells the reason.
    pub fn and(self, next: Self) -> Self {
        match (self, next) {
            (Self::Delivered, _) | (_, Self::Temporary) => next,
            _ => self,
        }
    }
}

/// Why something was not done, and what the MTA shall make of it.
#[derive(Debug)]
pub struct Failure {
    /// What the MTA shall do.
    pub status: Status,
    /// What failed, why, and what to do, in one line.
    pub what: String,
    /// The system's reason.
    pub errno: Option<Errno>,
}

impl Failure {
    /// A failure that the program found out itself.
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self {
            status,
            what: what.into(),
            errno: None,
        }
    }

    /// A failure that a later try may get over.
    pub fn temporary(what: impl Into<String>) -> Self {
        Self::new(Status::Temporary, what)
    }

    /// A failure that the system reports.  It is temporary: whatever a system call says, an
    /// administrator can mend it, and the mail must not have bounced by then.
    pub fn system(what: impl core::fmt::Display, errno: Errno) -> Self {
        let reason = std::io::Error::from(errno).to_string();
        // The library appends its number.
        let reason = reason.split(" (os error").next().unwrap_or_default();
        let failure = Self {
            status: Status::Temporary,
            what: format!("{what}: {reason}"),
            errno: Some(errno),
        };
        match errno {
            Errno::ENOSPC => failure.with("make room on its file system"),
            Errno::EDQUOT => failure.with("the user's quota is full"),
            Errno::EROFS => failure.with("its file system is mounted or exported read-only"),
            Errno::ESTALE => failure.with("if that lasts, mount its file system again"),
            _ => failure,
        }
    }

    /// The same for an error of the standard library's.
    pub fn io(what: impl core::fmt::Display, error: &std::io::Error) -> Self {
        Self::system(what, errno(error))
    }

    /// The same failure with more to say, unless that was said: a lost lock shows more than once.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        if !self.what.contains(more) {
            self.what.push_str("; ");
            self.what.push_str(more);
        }
        self
    }

    /// A signal asked the program to stop.
    pub fn interrupted() -> Self {
        Self::temporary("interrupted by a signal; the MTA will try again")
    }
}

/// The system's number for an error of the standard library's.
pub fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
