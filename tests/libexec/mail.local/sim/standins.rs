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

//! What stands in for the parts of mail.local that find out what is to be
//! delivered, to whom and where, and that tell people about it.

pub mod options {
    use std::time::Duration;

    use crate::template::Template;

    pub struct Options {
        pub template: Option<Template>,
        pub limit: Option<Duration>,
        pub bounce: bool,
    }
}

pub mod config {
    use std::time::Duration;

    use crate::template::Template;

    pub struct Config {
        pub mailbox: Template,
        pub spool: Template,
        pub limit: Duration,
        pub stale: Duration,
        pub bounce: bool,
    }
}

pub mod caller {
    pub struct Caller;

    impl Caller {
        #[allow(clippy::unused_self)]
        pub fn is_privileged(&self) -> bool {
            false
        }
    }
}

pub mod recipient {
    use std::path::PathBuf;

    use nix::unistd::{Gid, Uid};

    pub struct Recipient {
        pub name: Vec<u8>,
        pub uid: Uid,
        pub gid: Gid,
        pub home: PathBuf,
    }
}

pub mod place {
    use std::ffi::CString;
    use std::path::PathBuf;

    use nix::unistd::Gid;

    use crate::identity::{Identity, Right};
    use crate::recipient::Recipient;
    use crate::status::Failure;
    use crate::sys::{self, OwnedFd};
    use crate::template::Expanded;
    use crate::world::MAILBOX;

    pub struct Place {
        pub path: PathBuf,
        pub directory: OwnedFd,
        pub name: CString,
        pub right: Right,
        pub locking: Right,
        pub group: Option<Gid>,
        pub is_private: bool,
        pub in_home: bool,
    }

    impl Place {
        #[allow(clippy::unnecessary_wraps)]
        pub fn open(expanded: &Expanded, _: &Recipient, _: &Identity) -> Result<Self, Failure> {
            Ok(Self {
                path: expanded.path.clone(),
                directory: OwnedFd::of_directory(),
                name: MAILBOX.to_owned(),
                right: Right::Own,
                locking: Right::Own,
                group: None,
                is_private: false,
                in_home: false,
            })
        }

        #[allow(clippy::unnecessary_wraps)]
        pub fn of_link(
            _: &Expanded,
            _: &Self,
            _: &Recipient,
            _: &Identity,
        ) -> Result<Option<Self>, Failure> {
            Ok(None)
        }

        #[allow(clippy::unused_self)]
        pub fn lock(&self) -> Option<sys::FileStat> {
            None
        }

        pub fn sync(&self) -> Result<(), Failure> {
            sys::sync_directory().map_err(|errno| Failure::system(self.path.display(), errno))
        }
    }
}

pub mod message {
    use crate::process::wait;
    use crate::status::Failure;

    /// A message that is handed out in pieces, each so many milliseconds
    /// after the last.
    pub struct Message {
        pieces: Vec<Vec<u8>>,
        pause: u64,
    }

    impl Message {
        pub fn new(pieces: Vec<Vec<u8>>, pause: u64) -> Self {
            Self { pieces, pause }
        }

        pub fn each(
            &self,
            act: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
        ) -> Result<(), Failure> {
            self.pieces.iter().try_for_each(|piece| {
                if self.pause > 0 {
                    wait(self.pause * 1_000_000, None);
                }
                act(piece)
            })
        }
    }
}

pub mod log {
    use crate::process::trace;

    pub fn tell() {}

    pub fn note(_: &[u8], what: &str) {
        trace(|| format!("    note: {what}"));
    }

    pub fn step(_: &[u8], what: impl FnOnce() -> String) {
        trace(|| format!("    {}", what()));
    }
}

pub mod notice {
    pub fn send(_: &[u8], _: u64) {}
}
