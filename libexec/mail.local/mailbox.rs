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

//! The mailbox file: opened without trust in its name, locked, appended to, and put back as it was
//! if that fails.

use core::time::Duration;
use std::io::ErrorKind;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode};
use nix::unistd::Uid;

use crate::dotlock::Dotlock;
use crate::identity::{Identity, Right, NOT_ROOT};
use crate::message::Message;
use crate::place::Place;
use crate::recipient::Recipient;
use crate::status::{self, Failure, Status};
use crate::sys::{
    self, fchmod, fchmodat, fchown, fcntl, fstat, fstatat, openat, File, FileExt, FileStat,
    Instant, OwnedFd, Write,
};

/// A mailbox's, when it is made.
const MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);
/// How often a mailbox may vanish or appear between two looks before that is a failure.
const TRIES: u32 = 8;
/// How much is written between two fsyncs.  One fsync of a very long message could take longer than
/// others' patience with the dotlock, which cannot be refreshed meanwhile.
const UNSYNCED: u64 = 8 << 20;
/// What NFS clients send in one piece, if not told otherwise.
const ONE_WRITE: usize = 4096;
/// The usual systems have no larger ones; what grew by more is left alone.
const PAGE: u64 = 64 << 10;
/// How long a lease on a mailbox that has the message is waited for: a minute, and systems end one
/// themselves after less, if not told otherwise.
const LEASE_LOOKS: u32 = 600;
const LEASE_PAUSE: Duration = Duration::from_millis(100);

/// A recipient's mailbox.
pub struct Mailbox<'a> {
    place: &'a Place,
    recipient: &'a Recipient,
    file: Option<File>,
    stat: FileStat,
    on_nfs: bool,
    /// Its size before the message.
    start: u64,
    /// Its size as this process left it.
    end: u64,
    /// What its end was before the message.
    tail: Vec<u8>,
    /// What mends the end of the message before.
    mending: &'static [u8],
    from_line: Vec<u8>,
}

impl<'a> Mailbox<'a> {
    /// Open the mailbox, or make it.  `None`: another program has a lease on it, as a file server has
    /// for its clients, and was told by the kernel to give it back.
    pub fn open(
        place: &'a Place,
        identity: &'a Identity,
        recipient: &'a Recipient,
        from_line: &[u8],
    ) -> Result<Option<Self>, Failure> {
        for _ in 0..TRIES {
            match open(place, OFlag::O_RDWR) {
                Ok(descriptor) => {
                    let opened = Self::opened(place, recipient, descriptor, from_line)?;
                    if opened.is_some() {
                        return Ok(opened);
                    }
                }
                Err(Errno::EWOULDBLOCK) => return Ok(None),
                Err(Errno::ENOENT) => make(place, identity, recipient)?,
                Err(errno) => adopt(place, identity, recipient, errno)?,
            }
        }
        Err(Failure::temporary(format!(
            "{}: comes and goes",
            place.path.display()
        )))
    }

    /// Take what was opened for the mailbox, unless it is none.  `None`: it was removed.
    fn opened(
        place: &'a Place,
        recipient: &'a Recipient,
        descriptor: OwnedFd,
        from_line: &[u8],
    ) -> Result<Option<Self>, Failure> {
        let failed = |errno| Failure::system(place.path.display(), errno);
        let stat = fstat(&descriptor).map_err(failed)?;
        if stat.st_nlink == 0 {
            return Ok(None);
        }
        fit(place, recipient, &stat)?;
        // Only now: a mailbox that may only be appended to could not be put back as it was, and
        // without this flag it cannot be opened.  With it, the bytes of a program that heeds no lock
        // are never written over.
        fcntl(&descriptor, FcntlArg::F_SETFL(OFlag::O_APPEND)).map_err(failed)?;
        let on_nfs = sys::is_on_nfs(&descriptor).map_err(failed)?;
        Ok(Some(Self {
            place,
            recipient,
            file: Some(File::from(descriptor)),
            stat,
            on_nfs,
            start: 0,
            end: 0,
            tail: Vec::new(),
            mending: b"",
            from_line: from_line.to_vec(),
        }))
    }

    /// Take the kernel's lock on it, within this patience.  A program that has it may be waiting for
    /// the dotlock, so the answer no has its caller let everything go.
    pub fn lock(&self, patience: Duration) -> Result<bool, Failure> {
        let until = Instant::now().checked_add(patience);
        let mut pause = Duration::from_millis(1);
        loop {
            if sys::try_lock(self.file()?, self.on_nfs).map_err(|errno| self.failed(errno))? {
                return Ok(true);
            }
            if sys::interrupted() {
                return Err(Failure::interrupted());
            }
            if until.is_none_or(|until| Instant::now() >= until) {
                return Ok(false);
            }
            sys::pause(pause);
            pause = pause.saturating_mul(2).min(Duration::from_millis(50));
        }
    }

    /// Look at the mailbox once more, now that nobody else changes it.  A program that heeds the
    /// kernel's lock alone may have removed it in between, and a message in a file without a name is
    /// lost: the answer no has its caller begin again.
    pub fn is_in_place(&mut self) -> Result<bool, Failure> {
        let here = fstatat(
            &self.place.directory,
            &*self.place.name,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        );
        let here = match here {
            Err(Errno::ENOENT) => return Ok(false),
            here => here.map_err(|errno| self.failed(errno))?,
        };
        if !self.is(&here) {
            return Ok(false);
        }
        let stat = fstat(self.file()?).map_err(|errno| self.failed(errno))?;
        fit(self.place, self.recipient, &stat)?;
        let size = u64::try_from(stat.st_size).map_err(|_| self.failed(Errno::EOVERFLOW))?;
        self.start = size;
        self.end = size;
        Ok(true)
    }

    /// See what it takes to make the mailbox end in a blank line: a delivery that was cut off by a
    /// crash would swallow the message that comes after it.
    pub fn look_at_tail(&mut self) -> Result<(), Failure> {
        let mut tail = [b'\n'; 2];
        let length = self.start.min(2);
        let at = self.start.saturating_sub(length);
        let skip = 2_usize.saturating_sub(usize::try_from(length).unwrap_or(2));
        let part = tail.get_mut(skip..).unwrap_or_default();
        self.file()?
            .read_exact_at(part, at)
            .map_err(|error| self.failed_io(&error))?;
        self.tail = part.to_vec();
        self.mending = match tail {
            [b'\n', b'\n'] => b"",
            [_, b'\n'] => b"\n",
            _ => b"\n\n",
        };
        Ok(())
    }

    /// Append the message; `tick` is called now and then and may say to stop.
    pub fn append(
        &mut self,
        message: &Message,
        tick: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // Before the first byte: whoever finds one takes it that the name lasts, even if the process
        // that wrote it was killed.
        if self.start == 0 {
            self.place.sync()?;
        }
        // With the first piece of the message in one write: a reader that heeds no lock seldom sees less.
        let mut head = self.mending.to_vec();
        head.extend_from_slice(&self.from_line);
        let mut synced = self.end;
        message.each(&mut |piece| {
            tick()?;
            if head.is_empty() {
                self.write(piece)?;
            } else {
                head.extend_from_slice(piece);
                self.write_head(&core::mem::take(&mut head))?;
            }
            if self.end.saturating_sub(synced) > UNSYNCED {
                self.sync()?;
                synced = self.end;
            }
            Ok(())
        })
    }

    /// Write the beginning of the message.  An NFS client sends the parts of a long one side by side, so
    /// that of a host that dies the end could be there alone: readers would take it for the end of the
    /// message before.
    fn write_head(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match bytes.split_at_checked(ONE_WRITE) {
            Some((first, rest)) if self.on_nfs && !rest.is_empty() => {
                self.write(first)?;
                self.sync()?;
                self.write(rest)
            }
            _ => self.write(bytes),
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            match self.file()?.write(bytes) {
                Ok(0) => return Err(self.failed(Errno::EIO)),
                Ok(count) => {
                    self.end = self.end.saturating_add(count as u64);
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    if sys::interrupted() {
                        return Err(Failure::interrupted());
                    }
                }
                Err(error) => return Err(self.failed_io(&error)),
            }
        }
        Ok(())
    }

    /// Have everything on stable storage.
    pub fn sync(&self) -> Result<(), Failure> {
        loop {
            match sys::sync(self.file()?) {
                Err(Errno::EINTR) if !sys::interrupted() => {}
                result => return result.map_err(|errno| self.failed(errno)),
            }
        }
    }

    /// Close the mailbox, and hear what the file system has kept for the last moment.
    pub fn close(&mut self) -> Result<(), Failure> {
        // What the message is taken back by, should that fail: flock(2)'s lock outlives the close.
        let spare = self.file()?.try_clone();
        let spare = spare.map_err(|error| self.failed_io(&error))?;
        let closed = self.file.take().map_or(Ok(()), sys::close);
        if closed.is_ok() {
            // Some systems tell only at the last one.
            return sys::close(spare).map_err(|errno| self.failed(errno));
        }
        // That of fcntl(2) does not, and if another has it now he may be writing.
        if sys::try_lock(&spare, self.on_nfs) == Ok(true) {
            self.file = Some(spare);
        }
        closed.map_err(|errno| self.failed(errno))
    }

    /// On NFS, look at the message as the server has it: a delivery on another host that held no lock,
    /// or a stolen one, would have written over it.
    pub fn check_whole(
        &self,
        message: &Message,
        tick: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !self.on_nfs {
            return Ok(());
        }
        let failed = |error: &std::io::Error| self.failed_io(error);
        let broken = || {
            let path = self.place.path.display();
            Failure::temporary(format!(
                "{path}: another program wrote to it in spite of the locks"
            ))
        };
        let file = self.reopen(tick)?;
        if file.metadata().map_err(|error| failed(&error))?.len() != self.end {
            return Err(broken());
        }
        // From what stood before it on: a server that crashed may have lost the end that the message
        // was written after, and no reader would see where it begins.
        let mut at = self.start.saturating_sub(self.tail.len() as u64);
        let mut buffer = Vec::new();
        let mut compare = |piece: &[u8]| {
            tick()?;
            buffer.resize(piece.len(), 0);
            file.read_exact_at(&mut buffer, at)
                .map_err(|error| failed(&error))?;
            at = at.saturating_add(piece.len() as u64);
            if buffer == piece {
                Ok(())
            } else {
                Err(broken())
            }
        };
        compare(&self.tail)?;
        compare(self.mending)?;
        compare(&self.from_line)?;
        message.each(&mut compare)
    }

    /// Put the mailbox back as it was before the message, if it still is as this process left it and
    /// nobody else can be writing to it.  Otherwise nothing is touched, and the failure says why.
    /// A mailbox that was made stays, empty: a program that heeds the kernel's lock alone may have it
    /// open by now, and would lose its mail with the name.
    pub fn roll_back(&mut self, dotlock: &Dotlock) -> Result<(), Failure> {
        if self.end == self.start {
            return Ok(());
        }
        if self.file.is_none() {
            return Err(Failure::temporary(
                "it is closed, and may be locked by another program",
            ));
        }
        let mut size = self.size()?;
        // Less than was written is ours too: a server that ran out of space took a part.
        if !(self.start..=self.end).contains(&size) {
            return Err(Failure::temporary("another program changed its size"));
        }
        let mut synced = Ok(());
        // More than once: where a server had no room, an NFS client sends what it had sent before once
        // more, and the file that was cut off grows by zeros to the end of a page.
        for _ in 0..TRIES {
            if size == self.start {
                break;
            }
            // Right before the truncation: whoever takes the lock while a server is slow to tell the size
            // would lose his message.
            dotlock.verify()?;
            self.file()?
                .set_len(self.start)
                .map_err(|error| self.failed_io(&error))?;
            synced = self.sync();
            size = self.size()?;
            if !self.is_blank_up_to(size)? {
                return Err(Failure::temporary("another program wrote to it"));
            }
        }
        if size != self.start {
            return Err(Failure::temporary("its file system does not cut it off"));
        }
        self.end = self.start;
        synced
    }

    /// Whether it has nothing but zeros, and no more than a page of them, after what it had before.
    fn is_blank_up_to(&self, size: u64) -> Result<bool, Failure> {
        let length = size.saturating_sub(self.start);
        let mut rest = vec![0; usize::try_from(length.min(PAGE)).unwrap_or(0)];
        self.file()?
            .read_exact_at(&mut rest, self.start)
            .map_err(|error| self.failed_io(&error))?;
        Ok(size >= self.start && length <= PAGE && rest.iter().all(|byte| *byte == 0))
    }

    fn size(&self) -> Result<u64, Failure> {
        let metadata = self.file()?.metadata();
        Ok(metadata.map_err(|error| self.failed_io(&error))?.len())
    }

    /// Open the same file again, to read it.
    fn reopen(&self, tick: &mut dyn FnMut() -> Result<(), Failure>) -> Result<File, Failure> {
        for _ in 0..LEASE_LOOKS {
            let opened = open(self.place, OFlag::O_RDONLY);
            // Not to be given up for a lease: it would come a second time.
            if matches!(opened, Err(Errno::EWOULDBLOCK)) {
                if sys::interrupted() {
                    return Err(Failure::interrupted());
                }
                tick()?;
                sys::pause(LEASE_PAUSE);
                continue;
            }
            let descriptor = opened.map_err(|errno| self.failed(errno))?;
            let stat = fstat(&descriptor).map_err(|errno| self.failed(errno))?;
            if self.is(&stat) {
                return Ok(File::from(descriptor));
            }
            let path = self.place.path.display();
            return Err(Failure::temporary(format!(
                "{path}: another file was put in its place"
            )));
        }
        Err(self.failed(Errno::EWOULDBLOCK))
    }

    /// Where the message begins.
    pub fn offset(&self) -> u64 {
        self.start.saturating_add(self.mending.len() as u64)
    }

    fn is(&self, stat: &FileStat) -> bool {
        (stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino)
    }

    fn file(&self) -> Result<&File, Failure> {
        self.file.as_ref().ok_or_else(|| self.failed(Errno::EBADF))
    }

    fn failed(&self, errno: Errno) -> Failure {
        failed(self.place, errno)
    }

    fn failed_io(&self, error: &std::io::Error) -> Failure {
        self.failed(status::errno(error))
    }
}

fn failed(place: &Place, errno: Errno) -> Failure {
    let failure = Failure::system(place.path.display(), errno);
    match errno {
        Errno::EFBIG => failure.with("it would be larger than the limit on file sizes"),
        Errno::EPERM => failure.with("is it append-only or immutable?"),
        Errno::EACCES => failure.with("the recipient must be able to read and write it"),
        _ => failure,
    }
}

/// Open what the name leads to, but neither through a link nor waiting for a FIFO's other end, or for
/// the end of another's lease.
fn open(place: &Place, flags: OFlag) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    loop {
        match openat(&place.directory, &*place.name, flags, MODE) {
            Err(Errno::EINTR) if !sys::interrupted() => {}
            result => return result,
        }
    }
}

/// Whether a file can be this recipient's mailbox.  A link, a second name, or another's file in the
/// mailbox's place is how users have had setuid agents write to files that were not theirs.
///
/// Mail bounces only for what the recipient has put there on purpose.  Anybody may have made a second
/// name, a restored backup or a server that knows no users' names shows the wrong owner, and where
/// others can make files, so can who wants to stop somebody's mail.  What is root's may be a slip: a link
/// that readers find the mailbox by is no mailbox where the configuration is not there.
fn fit(place: &Place, recipient: &Recipient, stat: &FileStat) -> Result<(), Failure> {
    const MOVE: &str = "move it away, and the next delivery makes a mailbox";
    let (what, advice) = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG if stat.st_nlink > 1 => ("has more than one name", "remove the others"),
        libc::S_IFREG if stat.st_uid != recipient.uid.as_raw() => (
            "belongs to another user",
            "give it to the recipient if it is his, or move it away",
        ),
        libc::S_IFREG => return Ok(()),
        libc::S_IFLNK => ("is a symbolic link", MOVE),
        libc::S_IFDIR => ("is a directory", MOVE),
        libc::S_IFIFO => ("is a FIFO", MOVE),
        _ => ("is not a regular file", MOVE),
    };
    let is_file = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    let is_recipients = stat.st_uid == recipient.uid.as_raw() && !recipient.uid.is_root();
    let status = if place.is_private && is_recipients && !is_file {
        Status::CannotCreate
    } else {
        Status::Temporary
    };
    let path = place.path.display();
    Err(Failure::new(status, format!("{path}: {what}; {advice}")))
}

/// Make an empty mailbox, unless another was first.
fn make(place: &Place, identity: &Identity, recipient: &Recipient) -> Result<(), Failure> {
    if !identity.is_recipient() {
        let path = place.path.display();
        return Err(Failure::temporary(format!("{path}: missing; {NOT_ROOT}")));
    }
    identity.assume(place.right)?;
    let result = match open(place, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL) {
        Ok(descriptor) => give(place, recipient, &descriptor),
        Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno),
    };
    identity.assume(place.right.to_write())?;
    result.map_err(|errno| failed(place, errno))
}

/// Give a new mailbox to its owner, where the system did not do it.
fn give(place: &Place, recipient: &Recipient, descriptor: &OwnedFd) -> Result<(), Errno> {
    let group = place.group.unwrap_or(recipient.gid);
    let stat = fstat(descriptor)?;
    if stat.st_uid != recipient.uid.as_raw() {
        return fchown(descriptor, Some(recipient.uid), Some(group));
    }
    if stat.st_gid != group.as_raw() {
        // NetBSD gives every file its directory's group.  The group grants nothing, so that a file
        // system that refuses this loses nothing.
        let _ = fchown(descriptor, None, Some(group));
    }
    Ok(())
}

/// See what cannot be opened: it may be a mailbox whose making was cut off, and that is done now.  By
/// NFS a file gets its mode after it was made; and in a directory where root alone makes files, it is
/// root's until it is given away.
fn adopt(
    place: &Place,
    identity: &Identity,
    recipient: &Recipient,
    errno: Errno,
) -> Result<(), Failure> {
    let stat = fstatat(&place.directory, &*place.name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(|_| failed(place, errno))?;
    let is_empty = |stat: &FileStat, owner: Uid, mode: Mode| {
        (stat.st_mode, stat.st_uid) == (libc::S_IFREG | mode.bits(), owner.as_raw())
            && (stat.st_nlink, stat.st_size) == (1, 0)
    };
    if identity.is_recipient() && is_empty(&stat, recipient.uid, Mode::empty()) {
        // By the recipient's right, and not through a link that has that name by now.
        let how = FchmodatFlags::NoFollowSymlink;
        return fchmodat(&place.directory, &*place.name, MODE, how)
            .map_err(|_| failed(place, errno));
    }
    let is_unfinished = |stat: &FileStat| {
        [Mode::empty(), MODE]
            .into_iter()
            .any(|mode| is_empty(stat, Uid::from_raw(0), mode))
    };
    if place.right != Right::Root || !is_unfinished(&stat) {
        fit(place, recipient, &stat)?;
        let failure = failed(place, errno);
        return Err(if errno == Errno::EACCES && !identity.is_recipient() {
            failure.with(NOT_ROOT)
        } else {
            failure
        });
    }
    identity.assume(place.right)?;
    let result = open(place, OFlag::O_WRONLY).and_then(|descriptor| {
        if is_unfinished(&fstat(&descriptor)?) {
            fchmod(&descriptor, MODE)?;
            give(place, recipient, &descriptor)
        } else {
            Err(errno)
        }
    });
    identity.assume(place.right.to_write())?;
    result.map_err(|errno| failed(place, errno))
}
