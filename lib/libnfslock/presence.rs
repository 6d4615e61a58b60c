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

//! The processes of this host that hold or wait for locks, as the kernel knows
//! them.
//!
//! A process is present as a FIFO in a file system that is this host's memory,
//! which it holds open for writing.  The kernel closes it when the process
//! ends, by whatever means.  Its name has the token, and a scope: the kernel's
//! namespaces and the device of the mailbox's directory.  So a process that is
//! found there runs on this very kernel, has a process id that means the same
//! to whoever finds it, and reaches the lock by the same way.
//!
//! Not on a disk: that outlives the kernel, and there are copies of disks.
//! Not a lock of the kernel's on the dotlock itself: it is free between
//! creating the file and locking it, and between closing and removing it, and
//! over NFS a file that is open cannot be removed.
//!
//! That the FIFO is closed is not enough to be dead: a process that lives may
//! have closed it unknowingly, as closefrom(3) does.  That the process is gone
//! is not enough either: a child of its may go on with its work.

use core::ffi::{c_int, CStr};

use crate::identity::Token;
use crate::name::{fnv1a, Name};
use crate::sys::{self, Descriptor, Kept, Process};
use crate::timing::Span;

/// All may see who is there, none but its owner may pretend to be.
const MODE: libc::mode_t = 0o644;

/// What was left behind is kept for a day at least: until then it may still
/// tell of a lock that its holder is dead.
const KEPT: i64 = 86_400;

/// So many names, about, are looked at in one release.  Where there are more,
/// many processes were killed, or somebody set a trap.
const MOST: u64 = 100;

/// What tells a process from every other of the same kernel.
pub struct Origin {
    namespaces: u64,
    /// A digest of what distinguishes it from others with the same id.
    pub mark: u64,
}

impl Origin {
    /// Find out about this process, if the system tells.
    pub fn of_this_process() -> Option<Self> {
        let namespaces = sys::namespaces()?;
        let mark = digest(namespaces, sys::own_start()?);
        Some(Self { namespaces, mark })
    }
}

/// Is the process that made this token seen to run here?
pub fn is_running(token: &Token) -> bool {
    let is_its = |origin: &Origin| match sys::process(token.pid()) {
        Process::Since(start) => token.has_mark(digest(origin.namespaces, start)),
        Process::Gone | Process::Unknown => false,
    };
    Origin::of_this_process().is_some_and(|origin| is_its(&origin))
}

fn digest(first: u64, second: u64) -> u64 {
    let mut bytes = [0; 16];
    let values = first.to_ne_bytes().into_iter().chain(second.to_ne_bytes());
    for (to, from) in bytes.iter_mut().zip(values) {
        *to = from;
    }
    fnv1a(&bytes)
}

/// Where the processes of this host meet.
pub struct Place {
    dir: Kept,
    namespaces: u64,
    scope: u64,
}

/// This process, present.
pub struct Presence {
    name: Name,
    fifo: Kept,
}

impl Presence {
    /// Wake who waits for its end.
    pub fn ring(&self) {
        if self.fifo.is_itself() {
            let _ = self.fifo.write(b"\n");
        }
    }
}

/// Another process, that was seen to be present.
pub struct Neighbour(Descriptor);

impl Neighbour {
    /// Wait that long for its end.
    pub fn outlived(&self, time: Span) -> bool {
        self.0.wait_for_input(time);
        // Whatever poll(2) said: on NetBSD it tells the end to one reader
        // alone.
        self.0.read(&mut [0]) != Err(libc::EAGAIN)
    }
}

impl Place {
    /// Open the place, if this host has one.
    pub fn open(origin: &Origin, dev: libc::dev_t) -> Option<Self> {
        let namespaces = origin.namespaces;
        let dir = Kept::new(sys::memory_directory()?).ok()?;
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)] // its type differs
        let scope = digest(namespaces, dev as u64);
        Some(Self {
            dir,
            namespaces,
            scope,
        })
    }

    /// Be present under a token.
    pub fn appear(&self, token: &Token) -> Option<Presence> {
        if !self.dir.is_itself() {
            return None;
        }
        let name = Name::of_presence(token, self.scope).ok()?;
        self.dir.make_fifo(name.as_c_str(), MODE).ok()?;
        // For reading as well: else it could not be opened while nobody reads.
        let fifo = self.open_fifo(name.as_c_str(), libc::O_RDWR);
        let fifo = fifo.and_then(Kept::new).and_then(|fifo| {
            // The umask is no reason why others should not wait behind it.
            if fifo.stat.st_mode == libc::S_IFIFO | MODE {
                return Ok(fifo);
            }
            fifo.chmod(MODE).map(|()| fifo)
        });
        if fifo.is_err() {
            let _ = self.dir.unlink(name.as_c_str());
        }
        fifo.ok().map(|fifo| Presence { name, fifo })
    }

    /// Take the name away.
    pub fn withdraw(&self, presence: &Presence) -> bool {
        matches!(
            self.dir.unlink(presence.name.as_c_str()),
            Ok(()) | Err(libc::ENOENT)
        )
    }

    /// The process that is present under a token now.
    pub fn neighbour(&self, token: &Token) -> Option<Neighbour> {
        let name = Name::of_presence(token, self.scope).ok()?;
        let fifo = self.open_fifo(name.as_c_str(), libc::O_RDONLY).ok()?;
        (fifo.read(&mut [0]) == Err(libc::EAGAIN)).then_some(Neighbour(fifo))
    }

    /// Is the process that made the token known to be dead?
    pub fn is_dead(&self, token: &Token, owner: u32) -> bool {
        let Ok(name) = Name::of_presence(token, self.scope) else {
            return false;
        };
        self.is_abandoned(name.as_c_str(), owner) && self.is_gone(token)
    }

    /// Is this a FIFO of that owner's, whose other end nobody has?
    fn is_abandoned(&self, name: &CStr, owner: u32) -> bool {
        let Ok(fifo) = self.open_fifo(name, libc::O_RDONLY) else {
            return false;
        };
        // Another user may have put one there, for a lock of another host, or
        // have given a FIFO of the owner's a second name.
        let is_its = |stat: &libc::stat| {
            stat.st_mode & libc::S_IFMT == libc::S_IFIFO
                && stat.st_uid == owner
                && stat.st_nlink == 1
        };
        fifo.stat().is_ok_and(|stat| is_its(&stat)) && fifo.read(&mut [0]) == Ok(0)
    }

    /// Has the process ended?  Its id may be another one's by now.
    fn is_gone(&self, token: &Token) -> bool {
        match sys::process(token.pid()) {
            Process::Gone => true,
            Process::Since(start) => !token.has_mark(digest(self.namespaces, start)),
            Process::Unknown => false,
        }
    }

    /// Be the only one that acts on somebody's death.
    pub fn inherit(&self, token: &Token) -> bool {
        let name = Name::of_presence(token, self.scope);
        name.is_ok_and(|name| self.dir.unlink(name.as_c_str()).is_ok())
    }

    /// Take the place behind a token.
    pub fn line_up(&self, ahead: &Token, own: &Token) -> bool {
        let (Ok(place), Ok(own)) = (
            Name::of_place_behind(ahead, self.scope),
            Name::of_presence(own, self.scope),
        ) else {
            return false;
        };
        // A link to nowhere: made with its contents in one step.
        self.dir.symlink(own.as_c_str(), place.as_c_str()).is_ok()
    }

    /// Has nobody the place behind a token?
    pub fn is_last(&self, token: &Token) -> bool {
        Name::of_place_behind(token, self.scope)
            .is_ok_and(|place| self.dir.read_link(place.as_c_str(), &mut [0]) == Err(libc::ENOENT))
    }

    /// Who has the place behind a token?
    pub fn next_after(&self, ahead: &Token) -> Option<Token> {
        let place = Name::of_place_behind(ahead, self.scope).ok()?;
        let mut target = [0; 256];
        self.dir.read_link(place.as_c_str(), &mut target).ok()?;
        Name::presence(CStr::from_bytes_until_nul(&target).ok()?, self.scope)
    }

    /// Leave the place behind a token.
    pub fn step_out(&self, ahead: &Token) {
        if let Ok(place) = Name::of_place_behind(ahead, self.scope) {
            let _ = self.dir.unlink(place.as_c_str());
        }
    }

    /// Remove what was left here long ago by processes that are gone.
    pub fn tidy(&self) {
        let is_ours = |name: &CStr| {
            Name::presence(name, self.scope)
                .or_else(|| Name::place_behind(name, self.scope))
                .is_some()
        };
        let mut names: u64 = 0;
        let _ = self.dir.list(&mut |name| {
            names = names.saturating_add(is_ours(name).into());
        });
        // Of many, by chance: else those that are too young hide the old ones.
        let draw = sys::random();
        let is_drawn = |name: &CStr| {
            let lot = digest(fnv1a(name.to_bytes()), draw).checked_rem(names);
            lot.is_some_and(|lot| lot < MOST)
        };
        let _ = self.dir.list(&mut |name| {
            if is_ours(name) && is_drawn(name) && self.is_old(name) && self.is_nobodys(name) {
                let _ = self.dir.unlink(name);
            }
        });
    }

    /// Is this no name of a process that lives, nor the place of one?
    fn is_nobodys(&self, name: &CStr) -> bool {
        let presence = Name::presence(name, self.scope);
        let ahead = Name::place_behind(name, self.scope);
        let next = ahead.and_then(|ahead| self.next_after(&ahead));
        presence.is_none_or(|token| self.is_gone(&token))
            && next.is_none_or(|next| self.neighbour(&next).is_none())
    }

    fn is_old(&self, name: &CStr) -> bool {
        let made = self.dir.stat_at(name).map(|stat| sys::attributes(&stat));
        made.is_ok_and(|made| sys::seconds_since(made.ctime.seconds) >= KEPT)
    }

    fn open_fifo(&self, name: &CStr, access: c_int) -> Result<Descriptor, c_int> {
        let flags = access | libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;
        self.dir.open(name, flags, 0)
    }
}
