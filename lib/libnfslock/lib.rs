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

//! NFS-safe dotlocks on mailboxes.
//!
//! The lock on mailbox M is the file `M.lock` beside it.  It excludes every
//! other program that honours dotlocks, on every host that mounts the
//! directory.  nfslock(3) tells the protocol and what it guarantees.
//!
//! The protocol ([`lock`], [`claim`], [`breaker`], [`queue`]) is code over the
//! traits [`filesystem::FileSystem`] and [`host::Host`]; [`posix`] is the real
//! one.

#![no_std]

pub mod breaker;
mod capi;
pub mod claim;
pub mod filesystem;
pub mod guard;
mod holder;
pub mod host;
pub mod identity;
pub mod lock;
pub mod name;
pub mod observation;
mod options;
pub mod patience;
pub mod posix;
mod presence;
pub mod queue;
mod status;
mod sys;
pub mod timing;

use core::ffi::{c_int, CStr};

pub use holder::Holder;
pub use options::{Directory, Limit, Options, DEFAULT_LIMIT, DEFAULT_STALE, STALE_LIMITS};
pub use status::{Failure, Status};

use posix::Posix;

/// A lock that is held, on the real file system.
pub struct Lock(lock::Lock<Posix>);

impl Lock {
    /// Acquire the lock on a mailbox, which need not exist.
    ///
    /// # Errors
    /// Held, timed out, cancelled, unsafe, or the system's error.
    pub fn acquire(mailbox: &CStr, options: &Options) -> Result<Self, Failure> {
        let (fs, name) = Posix::of_mailbox(mailbox)?;
        Self::acquire_in(fs, name, options)
    }

    /// The same for a mailbox in the directory that a descriptor is open on;
    /// the descriptor stays the caller's, and may be closed at once.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub fn acquire_at(dir: c_int, mailbox: &CStr, options: &Options) -> Result<Self, Failure> {
        Self::acquire_in(Posix::at(dir)?, mailbox, options)
    }

    pub(crate) fn acquire_in(
        fs: Posix,
        mailbox: &CStr,
        options: &Options,
    ) -> Result<Self, Failure> {
        let common = fs.is_common(options.directory)?;
        lock::Lock::acquire_in(fs, mailbox, common, options).map(Self)
    }

    /// Is the lock still ours?
    ///
    /// # Errors
    /// Stolen, gone, forked, or the system's error where it could not be
    /// found out.
    pub fn verify(&self) -> Result<(), Failure> {
        self.0.verify()
    }

    /// Give a sign of life: needed every 30 seconds from whoever holds a lock
    /// for longer than that.
    ///
    /// # Errors
    /// As [`Lock::verify`].
    pub fn refresh(&mut self) -> Result<(), Failure> {
        self.0.refresh()
    }

    /// Release the lock if it is still ours.
    ///
    /// # Errors
    /// As [`Lock::verify`], and timed out where it was not refreshed for so
    /// long that another may be breaking it: it was left to that other.
    pub fn release(self) -> Result<(), Failure> {
        self.0.release()
    }

    /// Release the lock if it is still ours, but keep the directory, and what
    /// else makes the next lock there cheaper.
    ///
    /// # Errors
    /// As [`Lock::release`].
    pub fn unlock(&mut self) -> Result<(), Failure> {
        self.0.unlock()
    }

    /// Acquire the lock again after [`Lock::unlock`], or that on another
    /// mailbox in the same directory.
    ///
    /// # Errors
    /// As [`Lock::acquire`]; forked; and `EBUSY` while it is held.
    pub fn relock(&mut self, mailbox: Option<&CStr>, options: &Options) -> Result<(), Failure> {
        let common = self.0.file_system().is_common(options.directory)?;
        self.0.relock(mailbox, common, options)
    }
}

/// The archive for C has no other Rust in it that could bring a handler.
/// Nothing in this library panics; the tests look that nothing calls this.
#[cfg(nfslock_archive)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort takes nothing and does not return.
    unsafe { libc::abort() }
}
