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

//! A mailbox's place: the directory that it lies in, opened once, and its name there.

use std::collections::VecDeque;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{open, readlinkat, AtFlags, OFlag};
use nix::sys::stat::{fstat, fstatat, lstat, stat, FileStat, Mode};
use nix::unistd::{faccessat, fsync, mkdir, AccessFlags, Gid};

use crate::identity::{Identity, Right};
use crate::recipient::Recipient;
use crate::status::{Failure, Status};
use crate::template::Expanded;

/// What the name of a dotlock ends in.
const LOCK: &[u8] = b".lock";
/// More symbolic links than this in a path are a loop.
const LINKS: u32 = 32;

/// Where a mailbox is or will be.
pub struct Place {
    /// The whole path, for messages alone.
    pub path: PathBuf,
    /// The directory.
    pub directory: OwnedFd,
    /// The name in it.
    pub name: CString,
    /// How files are made there.
    pub right: Right,
    /// How the dotlock is taken there.
    pub locking: Right,
    /// The group of new files there, if the directory imposes its own.
    pub group: Option<Gid>,
    /// Nobody but root and the recipient can make files there.
    pub is_private: bool,
    /// It lies under the recipient's home.
    pub in_home: bool,
    /// The directory above, if it is in the home, so that the other may be new.
    above: Option<PathBuf>,
}

impl Place {
    /// Open the directory of a mailbox, as the recipient wherever that is possible.
    pub fn open(
        expanded: &Expanded,
        recipient: &Recipient,
        identity: &Identity,
    ) -> Result<Self, Failure> {
        let opened = match Opened::new(expanded, recipient, identity) {
            Err(failure) if failure.errno == Some(Errno::ENOENT) && expanded.in_home => {
                make_directory(&expanded.path, &recipient.home, identity)?;
                Opened::new(expanded, recipient, identity)
            }
            opened => opened,
        };
        opened?.place()
    }

    /// The place of a symbolic link that leads to a mailbox, if there is one.  It counts only if root
    /// or the recipient made it: in a spool where everybody makes files, anybody could have mail wait
    /// for a lock beside a link of his.
    pub fn of_link(
        expanded: &Expanded,
        mailbox: &Self,
        recipient: &Recipient,
        identity: &Identity,
    ) -> Result<Option<Self>, Failure> {
        let opened = match Opened::new(expanded, recipient, identity) {
            Err(failure) if failure.errno == Some(Errno::ENOENT) => return Ok(None),
            opened => opened?,
        };
        if opened.leads_to(mailbox)? {
            return opened.place().map(Some);
        }
        Ok(None)
    }

    /// What stands there as the dotlock.
    pub fn lock(&self) -> Option<FileStat> {
        lock(&self.directory, &self.name)
    }

    /// Have the name of the mailbox on stable storage, and that of a directory that was made for it.
    pub fn sync(&self) -> Result<(), Failure> {
        let sync = |directory: &OwnedFd| match fsync(directory) {
            // There are file systems that cannot do this to a directory, and need not.
            Err(Errno::EINVAL) => Ok(()),
            result => result,
        };
        sync(&self.directory).map_err(|errno| Failure::system(self.path.display(), errno))?;
        self.above.as_ref().map_or(Ok(()), |above| {
            open_directory(above)
                .and_then(|directory| sync(&directory))
                .map_err(|errno| Failure::system(above.display(), errno))
        })
    }
}

/// A place whose directory was opened, in which nothing is to be made yet.
struct Opened<'a> {
    expanded: &'a Expanded,
    recipient: &'a Recipient,
    identity: &'a Identity,
    parent: &'a Path,
    name: CString,
    directory: OwnedFd,
    stat: FileStat,
    /// Who could open it: the recipient, or root alone.
    opener: Right,
}

impl<'a> Opened<'a> {
    fn new(
        expanded: &'a Expanded,
        recipient: &'a Recipient,
        identity: &'a Identity,
    ) -> Result<Self, Failure> {
        let path = &expanded.path;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            let path = path.display();
            return Err(Failure::temporary(format!("{path}: not a file's path")));
        };
        let name = CString::new(name.as_bytes())
            .map_err(|_| Failure::new(Status::NoUser, "a name with a NUL byte"))?;

        identity.assume(Right::Own)?;
        let mut opener = Right::Own;
        let mut directory = open_directory(parent);
        if matches!(directory, Err(Errno::EACCES)) && root_may_act(expanded, parent, identity)? {
            opener = Right::Root;
            directory = identity.acting(opener, || open_directory(parent))?;
        }
        let failed = |errno| {
            let failure = Failure::system(parent.display(), errno);
            match errno {
                Errno::ENOENT if expanded.in_home => {
                    failure.with("the home directory is missing, or one in it")
                }
                Errno::ENOENT => failure.with("make the spool directory"),
                Errno::EACCES => failure.with("give the recipient access to it"),
                _ => failure,
            }
        };
        let directory = directory.map_err(failed)?;
        let stat = fstat(&directory).map_err(failed)?;
        Ok(Self {
            expanded,
            recipient,
            identity,
            parent,
            name,
            directory,
            stat,
            opener,
        })
    }

    fn place(self) -> Result<Place, Failure> {
        if self.name.to_bytes().ends_with(LOCK) {
            let path = self.expanded.path.display();
            return Err(Failure::temporary(format!(
                "{path}: the name of another mailbox's dotlock, which is removed when it is old; \
                 give the user another mailbox"
            )));
        }
        let right = self.right()?;
        let locking = self.locking(right)?;
        self.identity.assume(right.to_write())?;
        let mode = self.mode();
        let owners = [0, self.recipient.uid.as_raw()];
        let above = self.parent.parent();
        Ok(Place {
            path: self.expanded.path.clone(),
            in_home: self.expanded.in_home,
            above: above
                .filter(|above| self.expanded.in_home && above.starts_with(&self.recipient.home))
                .map(Path::to_owned),
            right,
            locking,
            group: mode
                .contains(Mode::S_ISGID)
                .then_some(Gid::from_raw(self.stat.st_gid)),
            is_private: owners.contains(&self.stat.st_uid)
                && !mode.intersects(Mode::S_IWGRP | Mode::S_IWOTH),
            directory: self.directory,
            name: self.name,
        })
    }

    /// The least right by which files can be made.  A directory that the recipient could have put
    /// there himself gets no more than the recipient's own: otherwise a link to any directory of root's
    /// would have a file made in it.
    fn right(&self) -> Result<Right, Failure> {
        if !self.identity.is_privileged() || self.permits(Right::Own)? {
            return Ok(Right::Own);
        }
        if !self.is_roots()? {
            return Err(self
                .failed(Errno::EACCES)
                .with("give the recipient access to it"));
        }
        let group = Right::Group(Gid::from_raw(self.stat.st_gid));
        if self.mode().contains(Mode::S_IWGRP) && self.permits(group)? {
            return Ok(group);
        }
        Ok(Right::Root)
    }

    /// The right for the dotlock is the same, but where nobody removes another's file: a lock that
    /// another user left behind there is root's to break, or mail would wait for it for ever.
    fn locking(&self, right: Right) -> Result<Right, Failure> {
        if right == Right::Root || !self.mode().contains(Mode::S_ISVTX) {
            return Ok(right);
        }
        let lock = self
            .identity
            .acting(right, || lock(&self.directory, &self.name))?;
        if lock.is_some_and(|lock| lock.st_uid != self.recipient.uid.as_raw())
            && self.is_roots()?
            && self.permits(Right::Root)?
        {
            return Ok(Right::Root);
        }
        Ok(right)
    }

    /// Whether root may act here where the recipient may not.  What such a path leads to does not
    /// change any more, but it must be what was opened.
    fn is_roots(&self) -> Result<bool, Failure> {
        Ok(root_may_act(self.expanded, self.parent, self.identity)?
            && self
                .identity
                .acting(Right::Root, || stat(self.parent))?
                .is_ok_and(|here| is_same(&here, &self.stat)))
    }

    fn permits(&self, right: Right) -> Result<bool, Failure> {
        let wanted = AccessFlags::W_OK | AccessFlags::X_OK;
        self.identity.acting(right, || {
            faccessat(&self.directory, ".", wanted, AtFlags::AT_EACCESS) != Err(Errno::EACCES)
        })
    }

    /// Whether a link that is heeded stands here and leads to a mailbox, which need not exist yet.
    fn leads_to(&self, mailbox: &Place) -> Result<bool, Failure> {
        let failed = |errno| self.failed(errno);
        let directory = fstat(&mailbox.directory).map_err(failed)?;
        if self.name == mailbox.name && is_same(&self.stat, &directory) {
            // The spool by another path: there is one lock, and no waiting for oneself.
            return Ok(false);
        }
        let found = self.identity.acting(self.opener, || self.read_link())?;
        let Some(target) = found.map_err(failed)? else {
            return Ok(false);
        };
        let there = self.identity.acting(mailbox.right.to_write(), || {
            fstatat(
                &mailbox.directory,
                &*mailbox.name,
                AtFlags::AT_SYMLINK_NOFOLLOW,
            )
        })?;
        // Root follows no link: it may lead to where the file server's root is nobody.
        let follower = match self.opener {
            Right::Root => Right::Group(Gid::from_raw(self.stat.st_gid)),
            right => right,
        };
        let leads = || {
            let parent = Path::new(".").join(target.parent().unwrap_or(&target));
            let named = target.file_name().map(OsStr::as_bytes) == Some(mailbox.name.to_bytes());
            let above = self.follow(&parent)?;
            if named && above.is_some_and(|above| is_same(&above, &directory)) {
                return Ok(true);
            }
            // It may lead there by way of another link.
            let here = self.follow(&target)?;
            Ok(here
                .zip(there.ok())
                .is_some_and(|(here, there)| is_same(&here, &there)))
        };
        self.identity.acting(follower, leads)?.map_err(failed)
    }

    fn read_link(&self) -> Result<Option<PathBuf>, Errno> {
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        let owners = [0, self.recipient.uid.as_raw()];
        match fstatat(&self.directory, &*self.name, flags) {
            Ok(link) if link.st_mode & libc::S_IFMT != libc::S_IFLNK => return Ok(None),
            Ok(link) if !owners.contains(&link.st_uid) => return Ok(None),
            Err(Errno::ENOENT) => return Ok(None),
            link => link?,
        };
        match readlinkat(&self.directory, &*self.name) {
            Err(Errno::ENOENT | Errno::EINVAL) => Ok(None),
            target => target.map(|target| Some(PathBuf::from(target))),
        }
    }

    /// What a path that begins here leads to, if to anything.
    fn follow(&self, path: &Path) -> Result<Option<FileStat>, Errno> {
        match fstatat(&self.directory, path, AtFlags::empty()) {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            there => there.map(Some),
        }
    }

    fn mode(&self) -> Mode {
        Mode::from_bits_truncate(self.stat.st_mode)
    }

    fn failed(&self, errno: Errno) -> Failure {
        Failure::system(self.parent.display(), errno)
    }
}

fn lock(directory: &OwnedFd, mailbox: &CStr) -> Option<FileStat> {
    let name = [mailbox.to_bytes(), LOCK].concat();
    let name = OsStr::from_bytes(&name);
    fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
}

fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Whether root may do in a directory what the recipient may not: only on a path that root alone laid
/// out.
fn root_may_act(
    expanded: &Expanded,
    directory: &Path,
    identity: &Identity,
) -> Result<bool, Failure> {
    if expanded.in_home || !identity.is_privileged() {
        return Ok(false);
    }
    identity.acting(Right::Root, || is_roots(directory))
}

fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    open(path, flags, Mode::empty())
}

/// Make the directory of a mailbox, if it is one below the home: ~/.mailspool on a user's first mail.
/// The home itself is never made, since a home that is not mounted is missing too.
fn make_directory(mailbox: &Path, home: &Path, identity: &Identity) -> Result<(), Failure> {
    let path = mailbox
        .parent()
        .filter(|path| path.parent().is_some_and(|above| above.starts_with(home)));
    let Some(path) = path.filter(|_| identity.is_recipient()) else {
        return Ok(());
    };
    match mkdir(path, Mode::S_IRWXU) {
        // Another delivery may have been first; and the next try to open it tells better what is
        // missing above it.
        Ok(()) | Err(Errno::EEXIST | Errno::ENOENT) => Ok(()),
        Err(errno) => {
            let advice = "make it, owned by the user";
            Err(Failure::system(path.display(), errno).with(advice))
        }
    }
}

/// Whether nobody but root can put something else in this path's place, or anywhere on the way to it.
/// What the last directory itself permits is another question.
fn is_roots(path: &Path) -> bool {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components()
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    let mut rest = VecDeque::from(parts(path));
    let mut here = PathBuf::from("/");
    let mut links: u32 = 0;
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => {
                here.pop();
            }
            Some(Component::Normal(name)) => {
                let next = here.join::<&OsStr>(name);
                let (Ok(parent), Ok(entry)) = (lstat(&here), lstat(&next)) else {
                    return false;
                };
                let mode = Mode::from_bits_truncate(parent.st_mode);
                let shared = mode.intersects(Mode::S_IWGRP | Mode::S_IWOTH);
                let held = mode.contains(Mode::S_ISVTX) && entry.st_uid == 0;
                if parent.st_uid != 0 || (shared && !held) {
                    return false;
                }
                if entry.st_mode & libc::S_IFMT != libc::S_IFLNK {
                    here = next;
                    continue;
                }
                links = links.saturating_add(1);
                let Ok(target) = std::fs::read_link(&next) else {
                    return false;
                };
                if links > LINKS {
                    return false;
                }
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            }
            _ => {}
        }
    }
    true
}
