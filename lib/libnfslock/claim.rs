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

//! Taking a name that several processes want, so that one of them has it.

use core::cell::Cell;
use core::ffi::c_int;

use crate::filesystem::{Attributes, FileSystem, INTERRUPTIONS};
use crate::identity::{Identity, Token};
use crate::name::Name;
use crate::status::{Failure, Status};
use crate::timing::{Span, Timing};

/// How often the temporary is made when something is in its way.
const TEMPORARIES: u32 = 4;

/// How often one looks at a name that is to be removed, where answers are late.
/// Each look takes as long as the server does, and nobody can cancel it.
const LOOKS: u32 = 8;

/// A name that was taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// What tells the file from every other.
    pub identity: Identity,
    /// Its attributes when its contents were written.
    pub attributes: Attributes,
}

impl Taken {
    fn new(attributes: Attributes, token: Token) -> Self {
        let identity = Identity {
            dev: attributes.dev,
            ino: attributes.ino,
            token,
        };
        Self {
            identity,
            attributes,
        }
    }
}

/// An attempt to take a name, tried as often as need be.
///
/// Where `O_EXCL` is known to be exclusive, creating the file is all.
/// Elsewhere a temporary is made, once for all tries, and linked; and where one
/// name is taken after the other, once for all of those.
pub struct Claim<'a, F: FileSystem> {
    fs: &'a F,
    target: &'a Name,
    token: Token,
    timing: &'a Timing,
    temporary: Option<Temporary>,
    /// The temporary stays, for the next name.
    keeps: bool,
    /// What was won, or may have been won unnoticed.
    won: Option<Taken>,
}

/// A file that is to get the name.
pub struct Temporary {
    /// What it is called, that nobody else uses.
    pub name: Name,
    file: Taken,
    /// When its times were last set.
    touched: Span,
}

impl<'a, F: FileSystem> Claim<'a, F> {
    /// Nothing is done yet.  What is taken will contain the token.
    pub fn on(fs: &'a F, target: &'a Name, token: Token, timing: &'a Timing) -> Self {
        Self {
            fs,
            target,
            token,
            timing,
            temporary: None,
            keeps: false,
            won: None,
        }
    }

    /// The same on a local file system with a temporary that is kept, from
    /// before if there is one.
    #[must_use]
    pub fn keeping(self, temporary: Option<Temporary>) -> Self {
        Self {
            temporary,
            keeps: true,
            ..self
        }
    }

    /// The temporary that is kept.
    pub fn into_temporary(self) -> Option<Temporary> {
        self.temporary
    }

    /// Try once.  `None`: the name is another's.
    pub fn attempt(&mut self) -> Result<Option<Taken>, c_int> {
        if let Some(won) = self.won {
            match self.fs.look(self.target.as_c_str()) {
                Ok(found) if found.is(&won.identity) => return Ok(Some(won)),
                Ok(_) | Err(libc::ENOENT) => self.won = None,
                Err(libc::ESTALE) => {}
                Err(errno) => return Err(errno),
            }
        }
        let taken = if self.keeps {
            self.link_kept()
        } else if self.fs.is_local() {
            self.create()
        } else {
            self.link()
        };
        if let Ok(Some(taken)) = taken {
            self.won = Some(taken);
        }
        taken
    }

    fn create(&self) -> Result<Option<Taken>, c_int> {
        let contents = self.token.as_bytes();
        match self.fs.create(self.target.as_c_str(), contents) {
            Ok(attributes) => Ok(Some(Taken::new(attributes, self.token))),
            Err(libc::EEXIST | libc::ESTALE) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// A local `link(2)` tells the truth.
    fn link_kept(&mut self) -> Result<Option<Taken>, c_int> {
        for _ in 0..TEMPORARIES {
            let temporary = self.have_temporary()?;
            let (name, file) = (temporary.name.as_c_str(), temporary.file);
            let linked = self.fs.link(name, self.target.as_c_str());
            // A sweep took it for a leftover.
            if linked == Err(libc::ENOENT) {
                continue;
            }
            self.temporary = Some(temporary);
            return match linked {
                Ok(()) => Ok(Some(file)),
                Err(libc::EEXIST) => Ok(None),
                Err(errno) => Err(errno),
            };
        }
        Err(libc::ENOENT)
    }

    fn link(&mut self) -> Result<Option<Taken>, c_int> {
        let temporary = self.have_temporary()?;
        let (name, file) = (temporary.name.as_c_str(), temporary.file);
        let linked = self.fs.link(name, self.target.as_c_str());
        // What link() answers is only a hint: a reply that was lost turns
        // success into EEXIST, and a client that makes EEXIST of a repeated
        // request into success turns another's lock into ours.  The number
        // of links comes with the reply and costs no request; where it does
        // not rule out that the name is ours, look through a fresh open.
        let links = self.fs.stat(name).map(|file| file.nlink);
        if linked.is_ok() || links != Ok(1) {
            match self.fs.look(self.target.as_c_str()) {
                Ok(found) if found.is(&file.identity) => {
                    // The name stays ours whether or not this one goes.
                    discard(self.fs, &temporary.name);
                    return Ok(Some(file));
                }
                Ok(_) | Err(libc::ENOENT | libc::ESTALE) => {}
                Err(errno) => {
                    self.temporary = Some(temporary);
                    return Err(errno);
                }
            }
        }
        // Without its temporary (a sweep took it for a leftover) the next try
        // begins anew.
        match links {
            Err(libc::ENOENT | libc::ESTALE) => self.won = Some(file),
            _ => self.temporary = Some(temporary),
        }
        match linked {
            Ok(()) | Err(libc::EEXIST | libc::ENOENT | libc::ESTALE) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn have_temporary(&mut self) -> Result<Temporary, c_int> {
        match self.temporary.take() {
            Some(kept) => self.renew(kept),
            None => self.temporary(),
        }
    }

    /// Have a temporary whose times are not as old as the waiting is: peers go
    /// by the modification time of a lock, and it is the temporary's.  So does
    /// a breaker that looks whether it has put aside another lock than it saw,
    /// after it has watched that for four times as long.
    fn renew(&mut self, kept: Temporary) -> Result<Temporary, c_int> {
        let touched = self.fs.monotonic();
        if touched.minus(kept.touched) < self.timing.settle {
            return Ok(kept);
        }
        match self.fs.touch(kept.name.as_c_str(), &kept.file.identity) {
            Ok(found) if found.is(&kept.file.identity) => Ok(Temporary { touched, ..kept }),
            Ok(_) | Err(libc::ENOENT | libc::ESTALE) => {
                self.won = Some(kept.file);
                self.temporary()
            }
            Err(errno) => {
                self.temporary = Some(kept);
                Err(errno)
            }
        }
    }

    fn temporary(&self) -> Result<Temporary, c_int> {
        let name = Name::of_temporary(&self.token)?;
        let touched = self.fs.monotonic();
        let mut failure = libc::EEXIST;
        for _ in 0..TEMPORARIES {
            match self.fs.create(name.as_c_str(), self.token.as_bytes()) {
                Ok(attributes) => {
                    let file = Taken::new(attributes, self.token);
                    return Ok(Temporary {
                        name,
                        file,
                        touched,
                    });
                }
                // Nobody else has this name: an earlier reply was lost.
                Err(libc::EEXIST) => discard(self.fs, &name),
                Err(errno @ (libc::ESTALE | libc::ENOENT)) => failure = errno,
                Err(errno) => return Err(errno),
            }
        }
        Err(failure)
    }

    /// Give up, and leave nothing: neither the temporary, nor the name where
    /// it was won, be it by a request that was thought to have failed.
    pub fn withdraw(self) {
        let (fs, target, timing) = (self.fs, self.target, self.timing);
        for file in self.give_up().into_iter().flatten() {
            drop_if_ours(fs, target, &file.identity, timing);
        }
    }

    /// The same, but leave the name to the caller: what may stand there.
    pub fn give_up(self) -> [Option<Taken>; 2] {
        if self.keeps || !self.fs.is_local() {
            // Even where it seems to be gone.
            if let Ok(name) = Name::of_temporary(&self.token) {
                discard(self.fs, &name);
            }
        }
        [self.won, self.temporary.map(|temporary| temporary.file)]
    }
}

/// Remove a name that nobody else uses, however often a signal interrupts.
pub fn discard<F: FileSystem>(fs: &F, name: &Name) {
    for _ in 0..INTERRUPTIONS {
        if fs.unlink(name.as_c_str()) != Err(libc::EINTR) {
            break;
        }
    }
}

/// Remove a name that others use too, if it is ours.  An answer that was long
/// in coming is not acted on: by then the name may be another's.  Where all
/// answers are, the name is left; who waits for it knows how to deal with that.
pub fn drop_if_ours<F: FileSystem>(fs: &F, name: &Name, identity: &Identity, timing: &Timing) {
    let looked = Cell::new(Span::ZERO);
    let is_ours = || {
        looked.set(fs.monotonic());
        match fs.look(name.as_c_str()) {
            Ok(found) => Ok(found.is(identity)),
            Err(libc::ENOENT | libc::ESTALE) => Ok(false),
            Err(errno) => Err(Failure::system(errno)),
        }
    };
    let is_fresh = || fs.monotonic().minus(looked.get()) < timing.slack;
    for _ in 0..LOOKS {
        if is_ours() != Ok(true)
            || remove(fs, name, timing, is_fresh, is_ours) != Err(Status::TimedOut.into())
        {
            break;
        }
    }
}

/// Remove a name that others use too, and that was ours a moment ago, while
/// that is permitted.
pub fn remove<F: FileSystem>(
    fs: &F,
    name: &Name,
    timing: &Timing,
    permitted: impl Fn() -> bool,
    is_ours: impl Fn() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let end = fs.monotonic().plus(timing.watch.times(2));
    for _ in 0..INTERRUPTIONS {
        if !permitted() {
            return Err(Status::TimedOut.into());
        }
        match fs.unlink(name.as_c_str()) {
            Ok(()) => return Ok(()),
            // Over NFS it is our own request, repeated, that finds it gone.
            Err(libc::ENOENT) if !fs.is_local() => return Ok(()),
            Err(libc::ENOENT) => return Err(Status::Gone.into()),
            // It may have been removed all the same, and another's may stand
            // there by now.
            Err(libc::EINTR) if fs.monotonic() < end => {
                let sent = fs.monotonic();
                let mut ours = is_ours()?;
                // Over NFS the request may be on its way yet.  After another
                // one it would hit whoever comes next.
                while ours && !fs.is_local() && fs.monotonic().minus(sent) < timing.settle {
                    fs.wait(timing.arrival);
                    ours = is_ours()?;
                }
                if !ours {
                    return Ok(());
                }
            }
            Err(errno) => return Err(Failure::system(errno)),
        }
    }
    Err(Failure::system(libc::EINTR))
}
