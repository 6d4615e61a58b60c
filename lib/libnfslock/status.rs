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

//! What a call on a lock can answer.

use core::ffi::c_int;
use core::fmt;

/// Why a call did not do what it was asked for.  The numbers are those of
/// `enum nfslock_status` in `nfslock.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Held by another, and one try was asked for.
    Held = 1,
    /// Held by others for all of the time limit, or being broken by them for
    /// longer than that may last.
    TimedOut = 2,
    /// The caller's flag or callback said so.
    Cancelled = 3,
    /// Another's lock stands where ours stood.
    Stolen = 4,
    /// Our lock was removed, and none stands there.
    Gone = 5,
    /// Anyone may remove others' files in the directory.
    Unsafe = 6,
    /// The handle is another process's.
    Forked = 7,
    /// The system said no.
    Error = 8,
}

impl Status {
    /// The status in words, without a final full stop.
    #[must_use]
    pub const fn message(self) -> &'static str {
        Self::c_message(self as c_int).0
    }

    /// The words for a number from C, and the same with its terminator.
    pub(crate) const fn c_message(status: c_int) -> (&'static str, &'static core::ffi::CStr) {
        macro_rules! words {
            ($text:literal) => {
                (
                    $text,
                    match core::ffi::CStr::from_bytes_with_nul(concat!($text, "\0").as_bytes()) {
                        Ok(text) => text,
                        Err(_) => c"",
                    },
                )
            };
        }
        match status {
            0 => words!("done"),
            1 => words!("the lock is held by another"),
            2 => words!("timed out: others hold the lock, or are breaking it"),
            3 => words!("waiting for the lock was cancelled"),
            4 => words!("the lock was stolen: another's stands in its place"),
            5 => words!("the lock is gone: it was removed by another"),
            6 => {
                words!("the directory is unsafe: anyone may remove others' files in it (chmod +t)")
            }
            7 => words!("the lock belongs to another process"),
            8 => words!("system error"),
            _ => words!("unknown status"),
        }
    }
}

/// A status, and for [`Status::Error`] the system's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub status: Status,
    /// The error number; 0 unless the status is [`Status::Error`].
    pub errno: c_int,
}

impl Failure {
    pub(crate) const fn system(errno: c_int) -> Self {
        Self {
            status: Status::Error,
            errno,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { status, errno: 0 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.message())?;
        if self.errno != 0 {
            write!(f, " {}", self.errno)?;
        }
        Ok(())
    }
}
