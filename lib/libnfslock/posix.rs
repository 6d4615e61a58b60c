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

//! The real file system.

use core::cell::OnceCell;
use core::ffi::{c_int, CStr};

use crate::filesystem::{Attributes, Contents, FileSystem, Kind, Look};
use crate::host::Host;
use crate::identity::{Identity, Token};
use crate::options::Directory;
use crate::presence::{self, Neighbour, Origin, Presence};
use crate::status::{Failure, Status};
use crate::sys::{self, Descriptor, Kept};
use crate::timing::{Span, SHORTEST_SLACK};

/// A lock can be read by all: who holds it is no secret.  Its owner can write
/// it, which nobody does; but Linux lets nobody link a file that is neither
/// his nor his to write, and a server that squashes users makes it neither.
const MODE: libc::mode_t = 0o644;

/// No system that this is built for takes a longer path.
const PATH_MAX: usize = 4096;

/// A mailbox's directory, held by a descriptor, so that neither a later
/// chdir(2) nor a path of any length matters.
pub struct Posix {
    dir: Kept,
    local: bool,
    origin: OnceCell<Option<Origin>>,
    place: OnceCell<Option<presence::Place>>,
}

impl Posix {
    /// The directory of a mailbox, and the mailbox's name in it.
    pub fn of_mailbox(mailbox: &CStr) -> Result<(Self, &CStr), Failure> {
        let bytes = mailbox.to_bytes();
        let Some(slash) = bytes.iter().rposition(|byte| *byte == b'/') else {
            return Ok((Self::at(libc::AT_FDCWD)?, mailbox));
        };
        let start = slash.saturating_add(1);
        let name = mailbox.to_bytes_with_nul().get(start..).unwrap_or_default();
        let name = CStr::from_bytes_until_nul(name).unwrap_or_default();
        // The path up to its last slash, the slash included: "/" for "/m".
        let mut path = [0; PATH_MAX];
        let parent = bytes.get(..start).unwrap_or_default();
        if parent.len() >= path.len() {
            return Err(Failure::system(libc::ENAMETOOLONG));
        }
        for (to, from) in path.iter_mut().zip(parent) {
            *to = *from;
        }
        let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
        Ok((Self::open(libc::AT_FDCWD, path)?, name))
    }

    /// The directory that a descriptor of the caller's is open on.
    pub fn at(dir: c_int) -> Result<Self, Failure> {
        Self::open(dir, c".")
    }

    fn open(dir: c_int, path: &CStr) -> Result<Self, Failure> {
        let dir = Descriptor::open_directory_at(dir, path).map_err(Failure::system)?;
        let local = dir.is_on_local_disk().map_err(Failure::system)?;
        let dir = Kept::new(dir).map_err(Failure::system)?;
        Ok(Self {
            dir,
            local,
            origin: OnceCell::new(),
            place: OnceCell::new(),
        })
    }

    fn origin(&self) -> Option<&Origin> {
        remembered(&self.origin, Origin::of_this_process)
    }

    /// Where the processes of this host that lock in this directory meet.
    fn place(&self) -> Option<&presence::Place> {
        remembered(&self.place, || {
            presence::Place::open(self.origin()?, self.dir.stat.st_dev)
        })
    }

    /// Is it a common directory, and if so, are the files in it safe from
    /// those who did not make them?
    pub fn is_common(&self, directory: Directory) -> Result<bool, Failure> {
        if directory == Directory::Private {
            return Ok(false);
        }
        let mode = self.dir.stat.st_mode;
        // Whoever can write a directory without the sticky bit can remove any
        // lock in it, and put his own in its place.  A group that may is the
        // administrator's choice (group mail); everybody is nobody's.
        if mode & libc::S_IWOTH != 0 && mode & libc::S_ISVTX == 0 {
            return Err(Status::Unsafe.into());
        }
        Ok(directory == Directory::Common || mode & (libc::S_IWGRP | libc::S_IWOTH) != 0)
    }

    /// When a file was made, where the file system records it.
    pub fn birth_time(&self, name: &CStr) -> Option<i64> {
        sys::birth_time(&self.dir, name)
    }

    fn fill(file: &Descriptor, mut contents: &[u8]) -> Result<Attributes, c_int> {
        let size = contents.len();
        while !contents.is_empty() {
            let written = file.write(contents)?;
            if written == 0 {
                return Err(libc::EIO);
            }
            contents = contents.get(written..).unwrap_or_default();
        }
        // After the write: an exclusive create over NFS sets the times by the
        // client's clock, a write by the server's.
        let mut made = file.stat()?;
        if made.st_mode & libc::S_IRUSR == 0 {
            // We look at the contents ourselves, whatever the umask is.
            file.chmod((made.st_mode | libc::S_IRUSR) & 0o777)?;
            made = file.stat()?;
        }
        let made = sys::attributes(&made);
        if made.kind == Kind::Regular && made.nlink == 1 && usize::try_from(made.size) == Ok(size) {
            Ok(made)
        } else if made.nlink == 0 {
            // Somebody has removed it already.
            Err(libc::ESTALE)
        } else {
            Err(libc::EIO)
        }
    }

    /// Look at a file that is open.
    fn inspect(file: &Descriptor) -> Result<Look, c_int> {
        let attributes = sys::attributes(&file.stat()?);
        let mut contents = Contents::Foreign;
        if attributes.kind == Kind::Regular && usize::try_from(attributes.size) == Ok(Token::LEN) {
            contents = Self::token_in(file)?.map_or(Contents::Foreign, Contents::Ours);
        }
        Ok(Look {
            attributes,
            contents,
        })
    }

    fn token_in(file: &Descriptor) -> Result<Option<Token>, c_int> {
        // One byte more than a token has: a longer file has none.
        let mut contents = [0; Token::LEN + 1];
        let len = file.read(&mut contents)?;
        Ok(contents.get(..len).and_then(Token::parse))
    }

    fn look_at_attributes(&self, name: &CStr) -> Result<Look, c_int> {
        self.stat(name).map(|attributes| Look {
            attributes,
            contents: Contents::Unreadable,
        })
    }

    fn open_to_look(&self, name: &CStr) -> Result<Descriptor, c_int> {
        // O_NONBLOCK: somebody may have put a FIFO there.
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        self.dir.open(name, flags, 0)
    }
}

/// What was found out once.
fn remembered<T>(cell: &OnceCell<Option<T>>, find: impl FnOnce() -> Option<T>) -> Option<&T> {
    // Not get_or_init(): that panics where it is called within itself.
    if cell.get().is_none() {
        let _ = cell.set(find());
    }
    cell.get()?.as_ref()
}

impl FileSystem for Posix {
    fn is_local(&self) -> bool {
        self.local
    }

    fn create(&self, name: &CStr, contents: &[u8]) -> Result<Attributes, c_int> {
        // A lock in another directory would lock nothing.
        self.dir.check()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let file = self.dir.open(name, flags, MODE)?;
        let (errno, made) = match Self::fill(&file, contents) {
            Ok(attributes) => match file.close() {
                Ok(()) => return Ok(attributes),
                Err(errno) => (errno, Ok(attributes)),
            },
            Err(errno) => {
                let made = file.stat().map(|stat| sys::attributes(&stat));
                // Why an NFS server did not take what was written, close(2) tells.  Here the file stays
                // open while its name is looked at: its number is not another's as long as it is.
                let told = (!self.local).then(|| file.close().err()).flatten();
                (told.unwrap_or(errno), made)
            }
        };
        // Over NFS it is a temporary, whose name nobody else has.  Here it may
        // have been removed by now, and another's may have its name.
        let looked = sys::monotonic();
        let is_ours = |found: Attributes| {
            made.is_ok_and(|made| (made.dev, made.ino) == (found.dev, found.ino))
                && sys::monotonic().minus(looked) < SHORTEST_SLACK
        };
        if !self.local || self.stat(name).is_ok_and(is_ours) {
            let _ = self.dir.unlink(name);
        }
        Err(errno)
    }

    fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.dir.link(from, to)
    }

    fn stat(&self, name: &CStr) -> Result<Attributes, c_int> {
        self.dir.stat_at(name).map(|stat| sys::attributes(&stat))
    }

    fn look(&self, name: &CStr) -> Result<Look, c_int> {
        match self.open_to_look(name) {
            Ok(file) => Self::inspect(&file),
            Err(errno) if sys::is_unreadable(errno) => self.look_at_attributes(name),
            Err(errno) => Err(errno),
        }
    }

    fn read(&self, name: &CStr) -> Result<Option<Token>, c_int> {
        Self::token_in(&self.open_to_look(name)?)
    }

    fn touch(&self, name: &CStr, expected: &Identity) -> Result<Look, c_int> {
        // What was not touched is not answered for by a second look, that may
        // find something better.
        match self.open_to_look(name) {
            Ok(file) => {
                let found = Self::inspect(&file)?;
                if !found.is(expected) {
                    return Ok(found);
                }
                file.touch()?;
            }
            Err(errno) if sys::is_unreadable(errno) => return self.look_at_attributes(name),
            Err(errno) => return Err(errno),
        }
        self.look(name)
    }

    fn unlink(&self, name: &CStr) -> Result<(), c_int> {
        self.dir.unlink(name)
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.dir.rename(from, to)
    }

    fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.dir.restore(from, to)
    }

    fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int> {
        self.dir.list(each)
    }
}

impl Host for Posix {
    type Presence = Presence;
    type Neighbour = Neighbour;

    fn monotonic(&self) -> Span {
        sys::monotonic()
    }

    fn wait(&self, time: Span) {
        sys::sleep(time);
    }

    fn random(&self) -> u64 {
        sys::random()
    }

    fn pid(&self) -> i32 {
        sys::pid()
    }

    fn token(&self) -> Token {
        let host = sys::host_name();
        let host = CStr::from_bytes_until_nul(&host).unwrap_or_default();
        let mark = self.origin().map_or(0, |origin| origin.mark);
        Token::new(host.to_bytes(), sys::pid(), mark, sys::random())
    }

    fn appear(&self, token: &Token) -> Option<Presence> {
        self.place()?.appear(token)
    }

    fn withdraw(&self, presence: &Presence) -> bool {
        self.place().is_some_and(|place| place.withdraw(presence))
    }

    fn ring(&self, presence: &Presence) {
        presence.ring();
    }

    fn neighbour(&self, token: &Token) -> Option<Neighbour> {
        self.place()?.neighbour(token)
    }

    fn outlived(&self, neighbour: &Neighbour, time: Span) -> bool {
        neighbour.outlived(time)
    }

    fn is_dead(&self, token: &Token, owner: u32) -> bool {
        let host = sys::host_name();
        let host = CStr::from_bytes_until_nul(&host).unwrap_or_default();
        // Nobody is to make believe that a process of another host was here.
        token.is_from(host.to_bytes())
            && self
                .place()
                .is_some_and(|place| place.is_dead(token, owner))
    }

    fn inherit(&self, token: &Token) -> bool {
        self.place().is_some_and(|place| place.inherit(token))
    }

    fn line_up(&self, ahead: &Token, own: &Token) -> bool {
        self.place().is_some_and(|place| place.line_up(ahead, own))
    }

    fn next_after(&self, ahead: &Token) -> Option<Token> {
        self.place()?.next_after(ahead)
    }

    fn is_last(&self, token: &Token) -> bool {
        self.place().is_none_or(|place| place.is_last(token))
    }

    fn step_out(&self, ahead: &Token) {
        if let Some(place) = self.place() {
            place.step_out(ahead);
        }
    }

    fn tidy(&self) {
        if let Some(place) = self.place() {
            place.tidy();
        }
    }
}
