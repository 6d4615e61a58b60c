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

//! Who holds a lock.

use core::ffi::{c_int, CStr};
use core::fmt;
use core::time::Duration;

use crate::claim::discard;
use crate::filesystem::{Contents, FileSystem, Look};
use crate::host::Host;
use crate::identity::Token;
use crate::name::Name;
use crate::posix::Posix;
use crate::presence;
use crate::status::Failure;
use crate::sys;

/// Who holds a lock, as far as it can be known from here.
#[derive(Clone, Copy)]
pub struct Holder {
    /// The process, where it runs on this host and still does; else 0.
    pub pid: i32,
    /// When the lock was taken, in seconds since the Epoch by the file
    /// server's clock.
    pub since: i64,
    /// The time since its last sign of life, by the file server's clock;
    /// nothing where that clock could not be asked.
    pub age: Option<Duration>,
    host: [u8; 256],
    program: [u8; 32],
}

impl Holder {
    /// Who holds the lock on a mailbox?  Nobody: `None`.
    ///
    /// # Errors
    /// The system's, where it could not be found out.
    pub fn of(mailbox: &CStr) -> Result<Option<Self>, Failure> {
        let (fs, name) = Posix::of_mailbox(mailbox)?;
        Self::in_directory(&fs, name)
    }

    /// The same for a mailbox in the directory that a descriptor is open on.
    ///
    /// # Errors
    /// As [`Holder::of`].
    pub fn at(dir: c_int, mailbox: &CStr) -> Result<Option<Self>, Failure> {
        Self::in_directory(&Posix::at(dir)?, mailbox)
    }

    fn in_directory(fs: &Posix, mailbox: &CStr) -> Result<Option<Self>, Failure> {
        let name = Name::of_lock(mailbox)?;
        let look = match fs.look(name.as_c_str()) {
            Ok(look) => look,
            Err(libc::ENOENT | libc::ESTALE) => return Ok(None),
            Err(errno) => return Err(Failure::system(errno)),
        };
        let mut holder = Self {
            pid: 0,
            since: fs
                .birth_time(name.as_c_str())
                .unwrap_or(look.attributes.mtime.seconds),
            age: age(fs, &look),
            host: [0; 256],
            program: [0; 32],
        };
        if let Contents::Ours(token) = look.contents {
            holder.identify(&token);
        }
        Ok(Some(holder))
    }

    fn identify(&mut self, token: &Token) {
        let here = sys::host_name();
        let here = CStr::from_bytes_until_nul(&here).unwrap_or_default();
        let mut host = token.host_id();
        if token.is_from(here.to_bytes()) {
            host = here.to_bytes();
            // Its id may be another process's by now, or be one on another host
            // of the same name.
            let program = presence::is_running(token).then(|| sys::program_name(token.pid()));
            if let Some(program) = program.flatten() {
                self.pid = token.pid();
                self.program = program;
            }
        }
        for (to, from) in self.host.iter_mut().zip(host) {
            *to = *from;
        }
    }

    /// The name of this host if it is the holder's, else the short id of the
    /// holder's, else nothing.
    #[must_use]
    pub fn host(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.host).unwrap_or_default()
    }

    /// The program that the process runs.
    #[must_use]
    pub fn program(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.program).unwrap_or_default()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = Printable(self.host().to_bytes());
        let program = Printable(self.program().to_bytes());
        match self.pid {
            _ if host.0.is_empty() => f.write_str("another program")?,
            0 => write!(f, "a process of host {host}")?,
            pid => write!(f, "process {pid} ({program}) on {host}")?,
        }
        match self.age {
            Some(age) => write!(f, ", last sign of life {} s ago", age.as_secs()),
            None => Ok(()),
        }
    }
}

/// Text of another's making, shown without what could harm a terminal.
struct Printable<'a>(&'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.0.iter().try_for_each(|byte| match byte {
            b' '..=b'~' => f.write_char(char::from(*byte)),
            _ => f.write_char('?'),
        })
    }
}

/// The age of a lock, against a file that was just made beside it.
fn age(fs: &Posix, look: &Look) -> Option<Duration> {
    let token = fs.token();
    let name = Name::of_temporary(&token).ok()?;
    let fresh = fs.create(name.as_c_str(), token.as_bytes()).ok()?;
    discard(fs, &name);
    let age = look.attributes.ctime.until(fresh.ctime)?;
    Some(Duration::from_nanos(age.as_nanos()))
}
