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
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{open, AtFlags, OFlag};
use nix::sys::stat::{fstat, lstat, stat, Mode};
use nix::unistd::{faccessat, fsync, mkdir, AccessFlags, Gid};

use crate::identity::{Identity, Right};
use crate::recipient::Recipient;
use crate::status::{Failure, Status};
use crate::template::Expanded;

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
    /// The group of new files there, if the directory imposes its own.
    pub group: Option<Gid>,
    /// Nobody but root and the recipient can make files there.
    pub is_private: bool,
}

impl Place {
    /// Open the directory of a mailbox, as the recipient wherever that is possible.
    pub fn open(
        expanded: &Expanded,
        recipient: &Recipient,
        identity: &Identity,
    ) -> Result<Self, Failure> {
        let path = &expanded.path;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Failure::temporary(format!(
                "{}: not a file's path",
                path.display()
            )));
        };
        let name = CString::new(name.as_bytes())
            .map_err(|_| Failure::new(Status::NoUser, "a name with a NUL byte"))?;

        identity.assume(Right::Own)?;
        let mut opened = open_directory(parent);
        if matches!(opened, Err(Errno::ENOENT)) && expanded.in_home && identity.is_recipient() {
            make_directory(parent, &recipient.home)?;
            opened = open_directory(parent);
        }
        // Root may pass where the recipient may not, but only on a path that root alone laid out.
        let become_root = || -> Result<bool, Failure> {
            if expanded.in_home || !identity.is_privileged() {
                return Ok(false);
            }
            identity.assume(Right::Root)?;
            Ok(is_roots(parent))
        };
        if matches!(opened, Err(Errno::EACCES)) && become_root()? {
            opened = open_directory(parent);
        }
        identity.assume(Right::Own)?;
        let failed = |errno| {
            let advice = match errno {
                Errno::ENOENT if expanded.in_home => "the home directory is missing, or one in it",
                Errno::ENOENT => "make the spool directory",
                _ => "give the recipient access to it",
            };
            Failure::system(parent.display(), errno).with(advice)
        };
        let directory = opened.map_err(failed)?;
        let opened = fstat(&directory).map_err(failed)?;
        let mode = Mode::from_bits_truncate(opened.st_mode);
        let group = Gid::from_raw(opened.st_gid);

        // The least right that suffices.  A directory that the recipient could have put there himself
        // gets no more than the recipient's own: otherwise a link to any directory of root's would
        // have a file made in it.
        let permits = || {
            let wanted = AccessFlags::W_OK | AccessFlags::X_OK;
            faccessat(&directory, ".", wanted, AtFlags::AT_EACCESS) != Err(Errno::EACCES)
        };
        let mut right = Right::Own;
        if identity.is_privileged() && !permits() {
            if !become_root()? {
                return Err(failed(Errno::EACCES));
            }
            // What such a path leads to does not change any more, but it must be what was opened.
            let here = stat(parent).map_err(failed)?;
            if (here.st_dev, here.st_ino) != (opened.st_dev, opened.st_ino) {
                return Err(failed(Errno::EACCES));
            }
            right = Right::Root;
            if mode.contains(Mode::S_IWGRP) {
                identity.assume(Right::Group(group))?;
                if permits() {
                    right = Right::Group(group);
                }
            }
        }
        identity.assume(right.to_write())?;
        let group = mode.contains(Mode::S_ISGID).then_some(group);
        let is_private = (opened.st_uid == 0 || opened.st_uid == recipient.uid.as_raw())
            && !mode.intersects(Mode::S_IWGRP | Mode::S_IWOTH);
        Ok(Self {
            path: path.clone(),
            directory,
            name,
            right,
            group,
            is_private,
        })
    }
}

/// Whether a name is a symbolic link that leads to a mailbox, which need not exist yet.
pub fn is_link_to(name: &Path, mailbox: &Path) -> bool {
    let Ok(target) = std::fs::read_link(name) else {
        return false;
    };
    let target = name.with_file_name(target);
    is_same(name, mailbox)
        || (target.file_name() == mailbox.file_name()
            && target
                .parent()
                .zip(mailbox.parent())
                .is_some_and(|(one, other)| is_same(one, other)))
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (stat(one), stat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    open(path, flags, Mode::empty())
}

/// Make the last directory of a path below the home: ~/.mailspool on a user's first mail.  The home
/// itself is never made, since a home that is not mounted is missing too.
fn make_directory(path: &Path, home: &Path) -> Result<(), Failure> {
    let Some(parent) = path.parent().filter(|parent| parent.starts_with(home)) else {
        return Ok(());
    };
    match mkdir(path, Mode::S_IRWXU) {
        // Another delivery may have been first.
        Ok(()) | Err(Errno::EEXIST) => {}
        // The caller's next try to open it says so better.
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => {
            let advice = "make it, owned by the user";
            return Err(Failure::system(path.display(), errno).with(advice));
        }
    }
    // A crash must not take away the directory with the mail in it.
    open_directory(parent)
        .and_then(fsync)
        .map_err(|errno| Failure::system(parent.display(), errno))
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
