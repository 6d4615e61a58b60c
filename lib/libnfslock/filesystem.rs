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

//! The file system as the lock protocol sees it.
//!
//! Everything that the protocol asks of the world goes through this trait and
//! [`Host`], so that the code that is shipped is the code that a simulated NFS
//! can test.
//! Names are relative to the mailbox's directory.

use core::ffi::{c_int, CStr};

use crate::host::Host;
use crate::identity::{Identity, Token};
use crate::timing::Span;

/// A time of the file server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerTime {
    /// Seconds since the Epoch.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: i64,
}

impl ServerTime {
    /// How long before `later` this time is; nothing where it is not before.
    pub fn until(self, later: Self) -> Option<Span> {
        let seconds = later.seconds.checked_sub(self.seconds)?;
        let rest = later.nanoseconds.checked_sub(self.nanoseconds)?;
        let span = seconds.checked_mul(1_000_000_000)?.checked_add(rest)?;
        Some(Span::from_nanos(u64::try_from(span).ok()?))
    }
}

/// What a file is, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, as every lock of ours is.
    Regular,
    /// A directory, that neither `link(2)` nor `unlink(2)` takes.
    Directory,
    /// Anything else: some peer's idea of a lock, or somebody's trap.
    Other,
}

/// The attributes of a file that the protocol looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Device.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Number of names.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Size in bytes.
    pub size: i64,
    /// What it is.
    pub kind: Kind,
    /// Last change of the contents.  An exclusive create over NFS sets it by
    /// the client's clock.
    pub mtime: ServerTime,
    /// Last change of anything, always by the server's clock.
    pub ctime: ServerTime,
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A token of ours.
    Ours(Token),
    /// Something else: it is a peer's.
    Foreign,
    /// It may not be read, or not be opened.
    Unreadable,
}

/// A file as it was found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its attributes.
    pub attributes: Attributes,
    /// Its contents.
    pub contents: Contents,
}

impl Look {
    /// Is it that very file?
    pub fn is(&self, identity: &Identity) -> bool {
        self.attributes.dev == identity.dev
            && self.attributes.ino == identity.ino
            && self.contents == Contents::Ours(identity.token)
    }

    /// Is it the same file as in an earlier look, that nobody refreshed since,
    /// even though its name may be another?
    pub fn is_same_as(&self, earlier: &Self) -> bool {
        self.attributes.dev == earlier.attributes.dev
            && self.attributes.ino == earlier.attributes.ino
            && self.attributes.mtime == earlier.attributes.mtime
            && self.contents == earlier.contents
    }

    /// Is it the same file as in an earlier look, with no sign of life since?
    /// Whatever is done to a file changes its ctime, by the server's clock.
    pub fn is_unchanged_since(&self, earlier: &Self) -> bool {
        self.is_same_as(earlier) && self.attributes.ctime == earlier.attributes.ctime
    }
}

/// How often what a signal interrupts is tried again: not for ever, since the
/// caller may want to stop.
pub const INTERRUPTIONS: u32 = 64;

/// What the protocol needs of a mailbox's directory.
/// Errors are the system's numbers.  A call that a signal interrupts may
/// answer `EINTR`; over NFS it may have taken effect all the same.
pub trait FileSystem: Host {
    /// Is `O_EXCL` known to be exclusive here, and are attributes what the
    /// disk has?  True only for local file systems that are known as such.
    fn is_local(&self) -> bool;

    /// Make a file that was not there, with these contents, written and
    /// closed without error.  On failure nothing is left under the name,
    /// unless it was there before (`EEXIST`).  `ESTALE`: somebody removed it
    /// before it was complete.
    fn create(&self, name: &CStr, contents: &[u8]) -> Result<Attributes, c_int>;

    /// `link(2)`.  Over NFS neither success nor failure proves anything.
    fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int>;

    /// Attributes by name, as the client's cache has them.
    fn stat(&self, name: &CStr) -> Result<Attributes, c_int>;

    /// Look at a file through a fresh open, that asks the server
    /// (close-to-open), without following a link or waiting for a FIFO.
    fn look(&self, name: &CStr) -> Result<Look, c_int>;

    /// Read a file through a fresh open, and nothing more: which token does
    /// it contain?
    fn read(&self, name: &CStr) -> Result<Option<Token>, c_int>;

    /// Set a file's times to the server's present if it is the expected one,
    /// by its descriptor, so that the request can hit no other.  Answers what
    /// is found under the name after that.
    fn touch(&self, name: &CStr, expected: &Identity) -> Result<Look, c_int>;

    /// `unlink(2)`, once.
    fn unlink(&self, name: &CStr) -> Result<(), c_int>;

    /// `rename(2)`, once.
    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int>;

    /// Give a file its old name back, unless another has that name by now.
    /// Its other name may go.
    fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int>;

    /// Show every name in the directory.
    fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int>;
}
