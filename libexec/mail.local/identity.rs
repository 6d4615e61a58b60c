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

//! In whose name files are made and written.

use core::cell::Cell;
use core::fmt;

use nix::unistd::{geteuid, setegid, seteuid, setgroups, Gid, Uid};

use crate::recipient::Recipient;
use crate::status::Failure;

/// What is said of another user's mailbox where the program cannot act for him.
pub const NOT_ROOT: &str = "only root can act as the recipient; run mail.local as root";

/// The right by which a file can be made in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The recipient's own.
    Own,
    /// The recipient's, with the directory's group.
    Group(Gid),
    /// Root's.
    Root,
}

impl Right {
    /// The right by which a mailbox in that directory is written: root never writes into one, since
    /// neither quotas nor a server that squashes root would be what they are for the recipient.
    pub fn to_write(self) -> Self {
        match self {
            Self::Root => Self::Own,
            right => right,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Own => out.write_str("as the recipient"),
            Self::Group(gid) => write!(out, "as the recipient with the group {gid}"),
            Self::Root => out.write_str("as root"),
        }
    }
}

/// Becomes a recipient, and root again.
pub struct Identity {
    uid: Uid,
    gid: Gid,
    privileged: bool,
    current: Cell<Option<Right>>,
}

impl Identity {
    /// An identity for one recipient.  Without privilege it always is the process's own.
    pub fn new(recipient: &Recipient, privileged: bool) -> Self {
        Self {
            uid: recipient.uid,
            gid: recipient.gid,
            privileged,
            current: Cell::new(None),
        }
    }

    /// The recipient.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Whether the process can become the recipient, and root.
    pub fn is_privileged(&self) -> bool {
        self.privileged
    }

    /// Whether files that this process makes can belong to the recipient.
    pub fn is_recipient(&self) -> bool {
        self.privileged || self.uid == geteuid()
    }

    /// Do one thing by this right, and be who one was again.
    pub fn acting<T>(&self, right: Right, act: impl FnOnce() -> T) -> Result<T, Failure> {
        let before = self.current.get();
        self.assume(right)?;
        let result = act();
        before.map_or(Ok(()), |right| self.assume(right))?;
        Ok(result)
    }

    /// Act by this right until the next call.  The user, the group and the other groups change
    /// together: a group that stays behind would open files to the recipient that are not his.
    pub fn assume(&self, right: Right) -> Result<(), Failure> {
        if !self.privileged || self.current.get() == Some(right) {
            return Ok(());
        }
        self.current.set(None);
        let root = Uid::from_raw(0);
        let switch = || {
            seteuid(root)?;
            match right {
                Right::Own | Right::Root => setgroups(&[])?,
                Right::Group(gid) => setgroups(&[gid])?,
            }
            if right == Right::Root {
                return setegid(Gid::from_raw(0));
            }
            setegid(self.gid)?;
            seteuid(self.uid)
        };
        switch().map_err(|errno| Failure::system("cannot act as the recipient", errno))?;
        self.current.set(Some(right));
        Ok(())
    }
}
