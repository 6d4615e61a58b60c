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

//! Who gets the message.

use std::path::PathBuf;

use nix::unistd::{Gid, Uid, User};

use crate::status::{Failure, Status};
use crate::sys;

/// A user of this host.
pub struct Recipient {
    /// As the user database spells it: that may know a user under several spellings, and all of
    /// them must lead to one mailbox.
    pub name: Vec<u8>,
    pub uid: Uid,
    pub gid: Gid,
    pub home: PathBuf,
}

impl Recipient {
    /// Look a user up.  Only "there is no such user" is permanent: a database that cannot be asked
    /// knows nothing about whom it holds.
    pub fn find(name: &[u8]) -> Result<Self, Failure> {
        let failed = |errno| Failure::system("cannot look the user up", errno);
        let user = if is_safe(name) {
            sys::find_user(name).map_err(failed)?
        } else {
            None
        };
        if let Some(user) = user.filter(|user| is_safe(&user.name)) {
            return Ok(user);
        }
        // A database that is empty or not there answers the same for everybody.
        if User::from_uid(Uid::from_raw(0)).map_err(failed)?.is_none() {
            return Err(Failure::temporary(
                "the user database does not even know root; repair it",
            ));
        }
        if is_safe(name) && may_be_of_nis() {
            return Err(Failure::temporary(
                "unknown user, or NIS does not answer; the MTA will try again",
            ));
        }
        Err(Failure::new(Status::NoUser, "unknown user"))
    }
}

/// Whether someone of whom the system says that there is no such user may be one all the same: NetBSD's
/// compat, see nsswitch.conf(5), says so of all of NIS while that does not answer.
fn may_be_of_nis() -> bool {
    if !sys::has_nis_domain() {
        return false;
    }
    let switch = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let sources = switch.lines().find_map(|line| line.strip_prefix("passwd:"));
    let is_nis = |source| matches!(source, "compat" | "nis");
    sources.is_none_or(|sources| sources.split_whitespace().any(is_nis))
}

/// Whether a name can be a part of a path without leading elsewhere.
fn is_safe(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name != b"."
        && !name.starts_with(b"..")
        && !name
            .iter()
            .any(|byte| *byte == b'/' || byte.is_ascii_control())
}
